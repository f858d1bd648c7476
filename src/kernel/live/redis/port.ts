/**
 * The port to a Redis server: commands, a connection for channels, and whether the server can be reached. It never
 * queues while the server is away: whoever sends then is told at once.
 */
export interface RedisPort {
  /** `host:port/database` for people; no credentials. */
  readonly endpoint: string;
  readonly state: RedisState;
  /** What went wrong last, until it is connected again; no credentials. */
  readonly lastError: string | undefined;
  /** Rejects with the server's error, or when the connection is not up or ends before the answer. */
  command(name: string, ...parameters: RedisParameter[]): Promise<unknown>;
  /** A connection of its own that listens to channels. */
  subscriber(): Promise<RedisSubscriber>;
  /** Hears of every change of `state`. Answers how to stop. */
  onState(listener: (state: RedisState) => void): () => void;
  /** Gives up a connection that does not answer any more. A client that the program handed in is left alone. */
  reset(): void;
  /** Ends connections of our own. A client that the program handed in stays open. */
  close(): Promise<void>;
}

/** `connecting` until the first attempt has ended; then `connected` or `away`, and tried again for ever. */
export type RedisState = 'connecting' | 'connected' | 'away' | 'closed';

export type RedisParameter = string | number | Buffer;

export interface RedisSubscriber {
  /** Several listeners share one subscription; it is renewed after each reconnect. */
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  unsubscribe(channel: string, listener: (message: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** What both kinds of client share: the state and who wants to know of it. */
export class Reachability {
  #state: RedisState = 'connecting';
  #lastError: string | undefined;
  readonly #listeners = new Set<(state: RedisState) => void>();

  get state(): RedisState {
    return this.#state;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  onState(listener: (state: RedisState) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  become(state: RedisState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    if (state === 'connected') this.#lastError = undefined;
    if (state === 'away') this.#lastError ??= 'the connection ended';
    for (const listener of this.#listeners) listener(state);
  }

  /** An error without a text of its own, such as that of several refused addresses, is told by its code. */
  failed(error: unknown): void {
    const { message, code } = error as { message?: string; code?: string };
    this.#lastError = message || code || 'it cannot be reached';
  }
}

/** Shares the subscriptions of one connection between listeners. */
export class Channels {
  readonly #listeners = new Map<string, Set<(message: string) => void>>();

  /** Answers whether the channel is new. */
  add(channel: string, listener: (message: string) => void): boolean {
    const known = this.#listeners.get(channel);
    this.#listeners.set(channel, (known ?? new Set()).add(listener));
    return known === undefined;
  }

  /** Answers whether nobody listens to the channel any more. */
  remove(channel: string, listener: (message: string) => void): boolean {
    const known = this.#listeners.get(channel);
    if (!known?.delete(listener) || known.size > 0) return false;
    return this.#listeners.delete(channel);
  }

  deliver(channel: string, message: string): void {
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) listener(message);
  }
}
