import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { jitterMs } from '../../clock.ts';
import type { Capabilities, Engine, EngineDescription, Optimization } from '../../engine.ts';
import { RookeryError } from '../../errors.ts';
import type { Work } from '../../work.ts';
import type { Clients, Configure, Session } from './connection.ts';
import { ConnectionLost, startsOver, translate } from './errors.ts';
import { Listener } from './listener.ts';
import { locate } from './location.ts';
import { prepareSchema } from './schema.ts';
import { applySettings, type Durability, readSettings, settings } from './settings.ts';
import { orRollBack, readIn, writeIn } from './transaction.ts';

const retryDeadlineMs = 30_000;
const longestPauseMs = 100;
/** A statement that brings the server down must not do so again and again. */
const lostConnectionsMax = 3;

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
    return await this.#persist('read', (session) => readIn(session, work));
  }

  async transact<T>(work: () => Work<T>): Promise<T> {
    return await this.#persist('write', (session) => writeIn(session, work));
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

  async optimize({ vacuum, analyze }: Optimization): Promise<void> {
    const what = vacuum ? `VACUUM${analyze ? ' (ANALYZE)' : ''}` : analyze ? 'ANALYZE' : undefined;
    if (what === undefined) return;
    this.#assertOpen();
    await this.#clients.lend('write', async (session) => {
      const { rows } = await session.query(
        `SELECT quote_ident(relname) AS name FROM pg_class
         WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`,
      );
      for (const { name } of rows) await session.query(`${what} ${String(name)}`);
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
        return await this.#clients.lend(purpose, (session) => orRollBack(session, attempt));
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
