import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { jitterMs } from '../../clock.ts';
import type { Capabilities, Engine, EngineDescription } from '../../engine.ts';
import { RookeryError } from '../../errors.ts';
import { driveAsync, type Request, type Work } from '../../work.ts';
import { type Clients, type Configure, execute, type Session } from './connection.ts';
import { ConnectionLost, startsOver, translate } from './errors.ts';
import { Listener } from './listener.ts';
import { locate } from './location.ts';
import { applySettings, checkVersion, type Durability, readSettings, settings } from './settings.ts';

const retryDeadlineMs = 30_000;
const longestPauseMs = 100;
/** A statement that brings the server down must not do so again and again. */
const lostConnectionsMax = 3;

/**
 * Each statement of a write sees what was committed before it, so that after waiting for the project's row lock it
 * works on the newest state; the lock keeps that state still until the commit.
 */
const beginWrite = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
const beginRead = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

export interface PostgresOptions {
  readonly schema: string;
  /** Where the server is, for people. */
  readonly location: string;
  readonly durability?: Durability;
  /** False for a server that ends with the process: there, nothing is asked of the disk. Default true. */
  readonly durable?: boolean;
  /** Makes the port; `configure` is to be applied to every new session. */
  readonly connect: (configure: Configure) => Promise<Clients>;
}

/**
 * Postgres, driven asynchronously. A write holds one session from BEGIN to COMMIT; reads have sessions of their own,
 * each on one snapshot. Needs session state (settings, kept plans, LISTEN): a pooler in front must pool by session.
 */
export class PostgresEngine implements Engine {
  readonly capabilities: Capabilities = {
    dialect: 'postgres',
    synchronous: false,
    shared: true,
    backup: false,
  };
  readonly #clients: Clients;
  readonly #options: PostgresOptions;
  readonly #channel: string;
  /** Tells our own announcements from those of others. */
  readonly #sender = randomBytes(9).toString('base64url');
  readonly #watchers = new Set<() => void>();
  readonly #listener: Listener;
  #announcing: Promise<void> | undefined;
  #unannounced = false;
  #closed = false;

  /** Connects, refuses a server that does not fit, and makes the schema where there is none. */
  static async open(options: PostgresOptions): Promise<PostgresEngine> {
    const wanted = settings(options);
    const clients = await options.connect((session) => applySettings(session, wanted));
    try {
      await clients.lend('write', (session) => prepareSchema(session, options.schema));
      return new PostgresEngine(clients, options);
    } catch (error) {
      await clients.close();
      throw translate(error);
    }
  }

  private constructor(clients: Clients, options: PostgresOptions) {
    this.#clients = clients;
    this.#options = options;
    this.#channel = channelOf(options.schema);
    this.#listener = new Listener(clients, this.#channel, (payload) => {
      if (payload !== this.#sender) for (const watcher of this.#watchers) watcher();
    });
  }

  async read<T>(work: () => Work<T>): Promise<T> {
    return await this.#persist('read', async (session) => {
      const begun = ahead(session.query(beginRead));
      const value = await drive(session, work, async (request) => {
        if (request.rows === 'count') throw new Error('a read tried to change something');
      });
      await begun;
      // The answer stands already; whoever uses the session next stands behind this statement.
      ahead(session.query('COMMIT'));
      return value;
    });
  }

  async transact<T>(work: () => Work<T>): Promise<T> {
    return await this.#persist('write', async (session) => {
      const begun = ahead(session.query(beginWrite));
      const value = await drive(session, work, async ({ statement }) => {
        // Nothing may be written where the transaction did not begin.
        if (statement.writes) await begun;
      });
      await begun;
      await commit(session);
      return value;
    });
  }

  watch(onForeignCommit: () => void): () => void {
    this.#assertOpen();
    this.#watchers.add(onForeignCommit);
    this.#listener.start();
    return () => {
      this.#watchers.delete(onForeignCommit);
    };
  }

  /** Does not hold up the next commit and never fails: an announcement is a hint. Several in a row become one. */
  async announce(): Promise<void> {
    this.#unannounced = true;
    this.#announcing ??= this.#tellOthers().finally(() => {
      this.#announcing = undefined;
    });
  }

  async describe(): Promise<EngineDescription> {
    const { schema, location } = this.#options;
    return await this.#persist('read', async (session) => {
      const { rows } = await session.query(
        `SELECT current_setting('server_version') AS version, coalesce(sum(pg_total_relation_size(oid)), 0) AS size
         FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)`,
        [`"${schema}"`],
      );
      return {
        engine: 'postgres',
        version: String(rows[0]!['version']),
        location,
        sizeBytes: Number(rows[0]!['size']),
        settings: await readSettings(session, settings(this.#options)),
      };
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#announcing;
    await this.#listener.close();
    await this.#clients.close();
  }

  /** One transaction, from its beginning again where the server gave up on it or the session ended before the commit. */
  async #persist<T>(purpose: 'read' | 'write', attempt: (session: Session) => Promise<T>): Promise<T> {
    const deadline = performance.now() + retryDeadlineMs;
    let lost = 0;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      this.#assertOpen();
      try {
        return await this.#clients.lend(purpose, (session) => attemptIn(session, attempt));
      } catch (error) {
        if (error instanceof ConnectionLost) lost++;
        if (!startsOver(error) || lost > lostConnectionsMax || performance.now() > deadline)
          throw translate(error);
        await delay(jitterMs(pauseMs));
      }
    }
  }

  async #tellOthers(): Promise<void> {
    while (this.#unannounced) {
      this.#unannounced = false;
      try {
        await this.#clients.lend('read', (session) =>
          session.query('SELECT pg_notify($1, $2)', [this.#channel, this.#sender], 'rookery_announce'),
        );
      } catch {
        // A hint is lost; every waiter asks by itself after a tick.
      }
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new RookeryError('CLOSED', 'the store is closed');
  }
}

/** Where the stores of one schema announce their commits. Channels belong to the database, and their names are short. */
export function channelOf(schema: string): string {
  return `rookery_${createHash('sha256').update(schema).digest('hex').slice(0, 16)}`;
}

/** The engine over the package `pg`, at a URL as `location.ts` reads it. */
export async function openPostgres(url: string, durability: Durability): Promise<PostgresEngine> {
  const { connection, schema, shown } = locate(url);
  const connect = async (configure: Configure) => {
    const clients = await import('./clients.ts');
    return await clients.connect(connection, configure);
  };
  return await PostgresEngine.open({ schema, location: shown, durability, connect });
}

async function attemptIn<T>(session: Session, attempt: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await attempt(session);
  } catch (error) {
    // Ends the transaction if there still is one; a session that cannot even do that counts as lost.
    if (!session.lost) await session.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/**
 * Drives a work. An error of a statement is thrown inside the work, which may go on after rolling back to a savepoint.
 * But where the server gave up on the whole transaction, nothing the work does can save it: from then on every request
 * is answered with the same error, and the caller starts over.
 */
async function drive<T>(
  session: Session,
  work: () => Work<T>,
  check: (request: Request) => Promise<void>,
): Promise<T> {
  let hopeless: unknown;
  let failed: unknown;
  const ask = async (request: Request) => {
    if (hopeless) throw hopeless;
    try {
      await check(request);
      const answer = await execute(session, request);
      failed = undefined;
      return answer;
    } catch (error) {
      failed = error;
      if (startsOver(error)) hopeless = error;
      throw translate(error);
    }
  };
  try {
    const value = await driveAsync(work(), ask);
    // A failed statement that nobody rolled back: COMMIT would roll back and not say so.
    if (failed) throw failed;
    return value;
  } catch (error) {
    throw hopeless ?? error;
  }
}

/** A statement that is not waited for, because the next one can follow at once: that saves a round trip. */
function ahead<T>(sent: Promise<T>): Promise<T> {
  sent.catch(() => {}); // whoever awaits it still hears of it
  return sent;
}

async function commit(session: Session): Promise<void> {
  try {
    await session.query('COMMIT');
  } catch (error) {
    if (!session.lost) throw error;
    throw new RookeryError(
      'OUTCOME_UNKNOWN',
      'the connection was lost during the commit',
      {},
      { cause: error },
    );
  }
}

/** The same lock as in `migrations/index.ts`: whoever prepares or migrates a schema does so alone. */
const prepareLock = 1380668505;

async function prepareSchema(session: Session, schema: string): Promise<void> {
  await checkVersion(session);
  await session.query('BEGIN');
  await session.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [prepareLock, schema]);
  const { rows } = await session.query(
    `SELECT to_regnamespace($1) IS NULL AS absent,
      (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)) AS tables,
      EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($2) AND attname = 'breaking') AS ours`,
    [`"${schema}"`, `"${schema}".schema_migrations`],
  );
  const { absent, tables, ours } = rows[0]!;
  if (absent) await session.query(`CREATE SCHEMA "${schema}"`);
  await session.query('COMMIT');
  if (Number(tables) === 0 || ours) return;
  throw new RookeryError('STORE_INCOMPATIBLE', `the schema ${schema} belongs to another program`, { schema });
}
