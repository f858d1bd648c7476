import type { RedisPort, RedisState, RedisSubscriber } from '../../../kernel/live/redis.ts';

type Listener = (message: string) => void;

/**
 * One subscriber and what it is being told to listen to. The two are apart because it has to be closed however far it
 * has come: one that is forgotten while it subscribes goes on connecting for ever.
 */
interface Listening {
  readonly subscriber: Promise<RedisSubscriber>;
  readonly ready: Promise<void>;
}

const retryMs = 50;

/**
 * Channels over a port that comes and goes. While the server is away there is no subscription, and nothing that keeps the
 * process alive; each time it is back, every channel is subscribed anew, once.
 */
export class ChannelConnection {
  readonly #port: RedisPort;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #stop: () => void;
  #listening: Listening | undefined;
  #retry: NodeJS.Timeout | undefined;
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
    await this.#tell((subscriber) => subscriber.subscribe(channel, listener));
    return async () => {
      const left = this.#listeners.get(channel);
      left?.delete(listener);
      if (left?.size === 0) this.#listeners.delete(channel);
      await this.#tell((subscriber) => subscriber.unsubscribe(channel, listener));
    };
  }

  /** Resolves when all channels are subscribed that were asked for so far, or the server has gone away. */
  async settled(): Promise<void> {
    await this.#listening?.ready.catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    await this.#drop();
  }

  #become(state: RedisState): void {
    if (state === 'connected' && !this.#closed) this.#begin();
    else void this.#drop();
  }

  #begin(): void {
    if (this.#listening) return;
    const subscriber = this.#port.subscriber();
    const listening = { subscriber, ready: this.#subscribeAll(subscriber) };
    this.#listening = listening;
    listening.ready.catch(() => this.#beginAgain(listening));
  }

  async #subscribeAll(opening: Promise<RedisSubscriber>): Promise<void> {
    const subscriber = await opening;
    for (const [channel, listeners] of this.#listeners)
      for (const listener of listeners) await subscriber.subscribe(channel, listener);
  }

  /** The subscriber was lost before it listened to everything, and the server may not have gone away with it. */
  #beginAgain(failed: Listening): void {
    if (this.#listening !== failed) return;
    void this.#drop();
    this.#retry = setTimeout(() => this.#become(this.#port.state), retryMs);
    this.#retry.unref();
  }

  /** What fails because the subscriber was lost is done by the next one, which begins with everything that is listened to. */
  async #tell(what: (subscriber: RedisSubscriber) => Promise<void>): Promise<void> {
    const listening = this.#listening;
    if (!listening) return;
    try {
      await what(await listening.subscriber);
    } catch (error) {
      if (this.#listening === listening && this.#port.state === 'connected') throw error;
    }
  }

  async #drop(): Promise<void> {
    clearTimeout(this.#retry);
    const dropped = this.#listening;
    this.#listening = undefined;
    await (await dropped?.subscriber.catch(() => undefined))?.close();
  }
}
