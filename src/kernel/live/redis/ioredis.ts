import type { Redis, RedisOptions } from 'ioredis';
import { jitterMs } from '../../clock.ts';
import { RookeryError } from '../../errors.ts';
import { Channels, Reachability, type RedisParameter, type RedisPort, type RedisSubscriber } from './port.ts';

const connectTimeoutMs = 5000;
const firstPauseMs = 50;
const longestPauseMs = 5000;

/** A connection of our own over the package `ioredis`. This is the only file that loads it. */
export async function connectIoredis(location: Readonly<Record<string, unknown>>): Promise<RedisPort> {
  const Redis = await load();
  const options: Omit<RedisOptions, 'replyMapping'> = {
    ...location,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: connectTimeoutMs,
    connectionName: 'rookery',
    // Its own pauses would keep the process alive: `Reconnecting` makes them.
    retryStrategy: () => null,
  };
  const client = new Redis(options);
  return new IoredisPort(client, new Reconnecting(client));
}

async function load(): Promise<typeof Redis> {
  try {
    return (await import('ioredis')).Redis;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const details = { package: 'ioredis', install: 'npm install ioredis' };
    throw new RookeryError(
      'MISSING_PACKAGE',
      'Redis needs the package ioredis: npm install ioredis',
      details,
      {
        cause,
      },
    );
  }
}

/** Connects again after every end, with growing pauses. Neither the pauses nor the socket keep the process alive. */
class Reconnecting {
  readonly #client: Redis;
  #pauseMs = firstPauseMs;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(client: Redis) {
    this.#client = client;
    client.on('connect', () => client.stream.unref());
    client.on('end', () => this.#later());
    this.#connect();
  }

  succeeded(): void {
    this.#pauseMs = firstPauseMs;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #later(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), this.#pauseMs + jitterMs(this.#pauseMs));
    this.#timer.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  #connect(): void {
    // What went wrong is heard of through the event `error`.
    this.#client.connect().catch(() => {});
  }
}

/** The port over an `ioredis` client: our own when `reconnecting` is given, else one that the program handed in. */
export class IoredisPort implements RedisPort {
  readonly endpoint: string;
  readonly #client: Redis;
  readonly #reconnecting: Reconnecting | undefined;
  readonly #reachability = new Reachability();
  readonly onState = this.#reachability.onState.bind(this.#reachability);
  readonly #listeners: Readonly<Record<string, (error?: unknown) => void>>;

  constructor(client: Redis, reconnecting?: Reconnecting) {
    const { host = 'localhost', port = 6379, path, db = 0 } = client.options;
    this.endpoint = `${path ?? `${host}:${port}`}/${db}`;
    this.#client = client;
    this.#reconnecting = reconnecting;
    const reachability = this.#reachability;
    this.#listeners = {
      ready: () => void this.#ready(),
      close: () => reachability.become('away'),
      end: () => reachability.become('away'),
      error: (error) => reachability.failed(error),
    };
    for (const [event, listener] of Object.entries(this.#listeners)) client.on(event, listener);
    if (client.status === 'ready') reachability.become('connected');
    else if (['close', 'reconnecting', 'end'].includes(client.status)) reachability.become('away');
    else if (client.status === 'wait' && !reconnecting) client.connect().catch(() => {});
  }

  get state() {
    return this.#reachability.state;
  }

  /**
   * `ioredis` goes on in database 0 where the server does not have the one that was asked for. What is there is somebody
   * else's: for a connection of our own, that is not to be connected.
   */
  async #ready(): Promise<void> {
    const client = this.#client;
    const { db = 0 } = client.options;
    try {
      if (this.#reconnecting && db !== 0) await client.select(db);
    } catch (error) {
      this.#reachability.failed(error);
      client.disconnect();
      return;
    }
    if (client.status !== 'ready') return;
    this.#reconnecting?.succeeded();
    this.#reachability.become('connected');
  }

  get lastError() {
    return this.#reachability.lastError;
  }

  async command(name: string, ...parameters: RedisParameter[]): Promise<unknown> {
    if (this.state !== 'connected') throw new RookeryError('UNAVAILABLE', 'Redis is not connected');
    return await this.#client.call(name, ...parameters);
  }

  async subscriber(): Promise<RedisSubscriber> {
    const client = this.#client.duplicate({
      lazyConnect: false,
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => Math.min(firstPauseMs * 2 ** Math.min(times, 10), longestPauseMs),
    });
    client.on('error', () => {}); // it is away: the client tries again
    if (this.#reconnecting) client.on('connect', () => client.stream.unref());
    return subscriberOf(client);
  }

  reset(): void {
    if (this.#reconnecting) this.#client.disconnect();
  }

  async close(): Promise<void> {
    this.#reachability.become('closed');
    for (const [event, listener] of Object.entries(this.#listeners)) {
      if (event !== 'error' || !this.#reconnecting) this.#client.off(event, listener);
    }
    this.#reconnecting?.close();
    if (this.#reconnecting) this.#client.disconnect();
  }
}

function subscriberOf(client: Redis): RedisSubscriber {
  const channels = new Channels();
  client.on('message', (channel: string, message: string) => channels.deliver(channel, message));
  return {
    async subscribe(channel, listener) {
      if (channels.add(channel, listener)) await client.subscribe(channel);
    },
    async unsubscribe(channel, listener) {
      if (channels.remove(channel, listener)) await client.unsubscribe(channel);
    },
    close: async () => client.disconnect(),
  };
}
