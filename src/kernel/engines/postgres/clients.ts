import type { Client, ClientConfig, Pool, PoolClient } from 'pg';
import { RookeryError } from '../../errors.ts';
import type { Parameter } from '../../work.ts';
import type { Clients, Configure, Reply, Session } from './connection.ts';
import { ConnectionLost, cannotConnect, endsSession, isServerFailure, isStalePlan } from './errors.ts';
import { answerDeadlineMs } from './settings.ts';
import { parserOf } from './values.ts';

/** Reads beside each other. Writes of a process stand in one line anyway and have a session of their own. */
const readSessions = 8;
const connectDeadlineMs = 30_000;
const idleMs = 60_000;

/** The port over the package `pg`. This is the only file that loads it. */
export async function connect(url: string, configure: Configure): Promise<Clients> {
  const driver = await load();
  const config: ClientConfig = {
    connectionString: url,
    application_name: 'rookery',
    keepAlive: true,
    pipeline: true,
    connectionTimeoutMillis: connectDeadlineMs,
    query_timeout: answerDeadlineMs,
    types: { getTypeParser: (type: number) => parserOf(type) },
  };
  const pool = (max: number) =>
    new driver.Pool({
      ...config,
      max,
      idleTimeoutMillis: idleMs,
      allowExitOnIdle: true,
      onConnect: (client) => introduce(client as PoolClient, configure),
    });
  return new PooledClients({ read: pool(readSessions), write: pool(1) }, () => new driver.Client(config));
}

async function load(): Promise<typeof import('pg')> {
  try {
    return await import('pg');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const details = { package: 'pg', install: 'npm install pg' };
    throw new RookeryError('MISSING_PACKAGE', 'Postgres needs the package pg: npm install pg', details, {
      cause,
    });
  }
}

const sessions = new WeakMap<PoolClient, PooledSession>();

async function introduce(client: PoolClient, configure: Configure): Promise<void> {
  const session = new PooledSession(client);
  sessions.set(client, session);
  await configure(session);
}

class PooledClients implements Clients {
  readonly #pools: Readonly<Record<'read' | 'write', Pool>>;
  readonly #newClient: () => Client;

  constructor(pools: Readonly<Record<'read' | 'write', Pool>>, newClient: () => Client) {
    this.#pools = pools;
    this.#newClient = newClient;
    // An idle session that ends has been dropped by the pool already; whoever needs one gets a new one.
    for (const pool of Object.values(pools)) pool.on('error', () => {});
  }

  async lend<T>(purpose: 'read' | 'write', use: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#pools[purpose].connect().catch((error: unknown) => {
      throw cannotConnect(error);
    });
    const session = sessions.get(client)!;
    try {
      return await use(session);
    } finally {
      client.release(session.lost);
    }
  }

  async listen(
    channel: string,
    onMessage: (payload: string) => void,
    onLost: () => void,
  ): Promise<() => Promise<void>> {
    const client = this.#newClient();
    let listening = true;
    const lost = () => {
      if (listening) onLost();
      listening = false;
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload = '' }) => onMessage(payload));
    await client.connect();
    // Whoever forgets to close must still be able to end.
    if ('unref' in client && typeof client.unref === 'function') client.unref();
    await client.query(`LISTEN "${channel}"`);
    return async () => {
      listening = false;
      await client.end();
    };
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#pools).map((pool) => pool.end()));
  }
}

class PooledSession implements Session {
  lost = false;
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
    client.on('error', () => {
      this.lost = true;
    });
  }

  async query(sql: string, parameters: readonly Parameter[] = [], name?: string): Promise<Reply> {
    try {
      const { rows, rowCount } = await this.#client.query({
        text: sql,
        values: parameters as Parameter[],
        ...(name !== undefined && { name }),
      });
      return { rows, count: rowCount ?? 0 };
    } catch (error) {
      throw this.#judge(error);
    }
  }

  async script(sql: string): Promise<void> {
    try {
      await this.#client.query(sql);
    } catch (error) {
      throw this.#judge(error);
    }
  }

  /** An error that the server did not report says nothing good about the session, our own parsers' apart. */
  #judge(error: unknown): unknown {
    if (error instanceof RangeError) return error;
    if (isServerFailure(error) && !endsSession(error) && !isStalePlan(error)) return error;
    this.lost = true;
    return new ConnectionLost(error);
  }
}
