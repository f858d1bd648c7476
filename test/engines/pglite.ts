import { existsSync, mkdirSync, openAsBlob, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messages, PGlite } from '@electric-sql/pglite';
import type { Clients, Configure, Reply, Session } from '../../src/kernel/engines/postgres/connection.ts';
import { ConnectionLost, isStalePlan } from '../../src/kernel/engines/postgres/errors.ts';
import { parserOf } from '../../src/kernel/engines/postgres/values.ts';
import type { Parameter } from '../../src/kernel/work.ts';
import type { Superuser } from './reset.ts';
import { parse, run } from './wire.ts';

/** Postgres compiled to WebAssembly, in this process and in memory. It has one session, which all stores take in turn. */
export class Embedded {
  readonly #database: PGlite;
  readonly #session: EmbeddedSession;
  #line: Promise<unknown> = Promise.resolve();
  #configured: Configure | undefined;

  /** Booting from a prepared data folder takes a tenth of the time that making one does (0.36 against 3.2 s). */
  static async start(): Promise<Embedded> {
    const prepared = await preparedFolder();
    return new Embedded(await PGlite.create({ loadDataDir: await openAsBlob(prepared) }));
  }

  private constructor(database: PGlite) {
    this.#database = database;
    this.#session = new EmbeddedSession(database);
  }

  /** The port over this database; each store has a schema of its own, named by `configure`. */
  clients(configure: Configure): Clients {
    const session = this.#session;
    const inTurn = <T>(use: () => Promise<T>): Promise<T> => {
      const turn = this.#line.then(async () => {
        if (this.#configured !== configure) await configure(session);
        this.#configured = configure;
        return await use();
      });
      this.#line = turn.catch(() => {});
      return turn;
    };
    return {
      lend: (_purpose, use) => inTurn(() => use(session)),
      listen: (channel, onMessage) => inTurn(() => this.#database.listen(channel, onMessage)),
      close: async () => {},
    };
  }

  /** Once nobody waits for a turn any more. */
  async asSuperuser<T>(use: (superuser: Superuser) => Promise<T>): Promise<T> {
    await this.#line;
    return await use({
      rows: async (sql) => (await this.#database.query<Record<string, unknown>>(sql)).rows,
      script: async (sql) => {
        await this.#database.exec(sql);
      },
    });
  }

  async stop(): Promise<void> {
    await this.#line;
    await this.#database.close();
  }
}

/**
 * The session, over the protocol itself: a statement that is named once runs in a fifth of the time that the package's
 * own `query` takes (0.05 against 0.24 ms).
 */
class EmbeddedSession implements Session {
  readonly lost = false;
  readonly #database: PGlite;
  readonly #named = new Set<string>();
  #previous: Promise<unknown> = Promise.resolve();

  constructor(database: PGlite) {
    this.#database = database;
  }

  query(sql: string, parameters: readonly Parameter[] = [], name = ''): Promise<Reply> {
    return this.#inOrder(async () => {
      const named = name !== '' && this.#named.has(name);
      const asked = named ? [run(name, parameters)] : [parse(name, sql), run(name, parameters)];
      try {
        const { messages } = await this.#database.execProtocol(Buffer.concat(asked), { syncToFs: false });
        this.#named.add(name);
        return replyOf(messages);
      } catch (error) {
        if (!isStalePlan(error)) throw error;
        this.#named.clear();
        await this.#database.exec('ROLLBACK; DEALLOCATE ALL');
        throw new ConnectionLost(error);
      }
    });
  }

  script(sql: string): Promise<void> {
    return this.#inOrder(async () => {
      await this.#database.exec(sql);
    });
  }

  #inOrder<T>(ask: () => Promise<T>): Promise<T> {
    const answer = this.#previous.then(ask);
    this.#previous = answer.catch(() => {});
    return answer;
  }
}

type Messages = Awaited<ReturnType<PGlite['execProtocol']>>['messages'];

function replyOf(answers: Messages): Reply {
  let columns: { name: string; parser: (text: string) => unknown }[] = [];
  let count = 0;
  const rows: Record<string, unknown>[] = [];
  for (const answer of answers) {
    if (answer instanceof messages.RowDescriptionMessage) {
      columns = answer.fields.map(({ name, dataTypeID }) => ({ name, parser: parserOf(dataTypeID) }));
    } else if (answer instanceof messages.DataRowMessage) {
      const { fields } = answer;
      rows.push(
        Object.fromEntries(
          columns.map(({ name, parser }, i) => [name, fields[i] === null ? null : parser(fields[i]!)]),
        ),
      );
    } else if (answer instanceof messages.CommandCompleteMessage) {
      count = Number(/\d+$/.exec(answer.text)?.[0] ?? 0);
    }
  }
  return { rows, count };
}

/** Made once for each version of the package. */
export async function preparedFolder(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const manifest = readFileSync(join(root, 'node_modules/@electric-sql/pglite/package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const folder = join(root, 'node_modules/.cache/rookery');
  const file = join(folder, `pglite-${version}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const database = await PGlite.create();
  const dump = await database.dumpDataDir('none');
  await database.close();
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, await dump.bytes());
  renameSync(draft, file);
  return file;
}
