import type { RedisPort, RedisState, RedisSubscriber } from '../../../kernel/live/redis.ts';

type Listener = (message: string) => void;

/**
 * Channels over a port that comes and goes. While the server is away there is no subscription, and nothing that keeps the
 * process alive; each time it is back, every channel is subscribed anew, once.
 */
export class ChannelConnection {
  readonly #port: RedisPort;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #stop: () => void;
  #subscriber: Promise<RedisSubscriber> | undefined;
  #closed = false;

  constructor(port: RedisPort) {
    this.#port = port;
    this.#stop = port.onState((state) => this.#become(state));
    this.#become(port.state);
  }

  /** Resolves once the server knows of it, at once where it is away. Answers how to stop. */
  async subscribe(channel: string, listener: Listener): Promise<() => Promise<void>> {
    const known = this.#listeners.get(channel);
    this.#listeners.set(channel, (known ?? new Set()).add(listener));
    await (await this.#current())?.subscribe(channel, listener);
    return async () => {
      this.#listeners.get(channel)?.delete(listener);
      await (await this.#current())?.unsubscribe(channel, listener);
    };
  }

  /** Resolves when all channels are subscribed that were asked for so far. */
  async settled(): Promise<void> {
    await this.#current();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    await this.#drop();
  }

  #become(state: RedisState): void {
    if (state === 'connected' && !this.#closed) this.#subscriber ??= this.#begin();
    else void this.#drop();
  }

  async #begin(): Promise<RedisSubscriber> {
    const subscriber = await this.#port.subscriber();
    for (const [channel, listeners] of this.#listeners)
      for (const listener of listeners) await subscriber.subscribe(channel, listener);
    return subscriber;
  }

  /** Undefined while the server is away. */
  async #current(): Promise<RedisSubscriber | undefined> {
    return await this.#subscriber?.catch(() => undefined);
  }

  async #drop(): Promise<void> {
    const dropped = this.#current();
    this.#subscriber = undefined;
    await (await dropped)?.close();
  }
}
