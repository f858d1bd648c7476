import { RookeryError } from '../../errors.ts';
import { Channels, Reachability, type RedisParameter, type RedisPort, type RedisSubscriber } from './port.ts';

/** What is used of a client of the package `redis` or `@redis/client`, from version 4 on. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: { readonly socket?: { readonly host?: string; readonly port?: number } } | undefined;
  connect(): Promise<unknown>;
  sendCommand(parameters: (string | Buffer)[]): Promise<unknown>;
  duplicate(): NodeRedisClient;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener?: (message: string) => void): Promise<unknown>;
  on(event: string, listener: (error: unknown) => void): unknown;
  off(event: string, listener: (error: unknown) => void): unknown;
  /** Ends the connection at once: version 5; `disconnect` before. */
  destroy?(): void;
  disconnect?(): Promise<unknown>;
}

/** The port over a client of `redis` that the program handed in. One that nobody opened yet is opened. */
export class NodeRedisPort implements RedisPort {
  readonly endpoint: string;
  readonly #client: NodeRedisClient;
  readonly #reachability = new Reachability();
  readonly onState = this.#reachability.onState.bind(this.#reachability);
  readonly #listeners: Readonly<Record<string, (error: unknown) => void>>;

  constructor(client: NodeRedisClient) {
    const { host = 'localhost', port = 6379 } = client.options?.socket ?? {};
    this.endpoint = `${host}:${port}`;
    this.#client = client;
    const reachability = this.#reachability;
    this.#listeners = {
      ready: () => reachability.become('connected'),
      end: () => reachability.become('away'),
      reconnecting: () => reachability.become('away'),
      error: (error) => {
        reachability.failed(error);
        if (!client.isReady) reachability.become('away');
      },
    };
    for (const [event, listener] of Object.entries(this.#listeners)) client.on(event, listener);
    if (client.isReady) reachability.become('connected');
    else if (!client.isOpen) client.connect().catch((error: unknown) => this.#listeners['error']!(error));
  }

  get state() {
    return this.#reachability.state;
  }

  get lastError() {
    return this.#reachability.lastError;
  }

  async command(name: string, ...parameters: RedisParameter[]): Promise<unknown> {
    if (this.state !== 'connected') throw new RookeryError('UNAVAILABLE', 'Redis is not connected');
    const texts = parameters.map((parameter) =>
      typeof parameter === 'number' ? String(parameter) : parameter,
    );
    return await this.#client.sendCommand([name, ...texts]);
  }

  async subscriber(): Promise<RedisSubscriber> {
    const client = this.#client.duplicate();
    client.on('error', () => {}); // it is away: the client tries again
    await client.connect();
    const channels = new Channels();
    const listenerOf = (channel: string) => (message: string) => channels.deliver(channel, message);
    return {
      async subscribe(channel, listener) {
        if (channels.add(channel, listener)) await client.subscribe(channel, listenerOf(channel));
      },
      async unsubscribe(channel, listener) {
        if (channels.remove(channel, listener)) await client.unsubscribe(channel);
      },
      close: async () => (client.destroy ? client.destroy() : void (await client.disconnect?.())),
    };
  }

  reset(): void {}

  async close(): Promise<void> {
    this.#reachability.become('closed');
    for (const [event, listener] of Object.entries(this.#listeners)) this.#client.off(event, listener);
  }
}
