import { setTimeout as delay } from 'node:timers/promises';
import { jitterMs } from '../../clock.ts';
import type { Clients } from './connection.ts';

const firstPauseMs = 50;
const longestPauseMs = 5000;

/**
 * Keeps one session listening and opens another when it is lost. After each start it calls back once by itself:
 * whatever was announced while nobody listened is gone.
 */
export class Listener {
  readonly #clients: Clients;
  readonly #channel: string;
  readonly #onMessage: (payload: string | undefined) => void;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;

  /** `onMessage` hears every payload, and undefined after each (re)start. */
  constructor(clients: Clients, channel: string, onMessage: (payload: string | undefined) => void) {
    this.#clients = clients;
    this.#channel = channel;
    this.#onMessage = onMessage;
  }

  /** Safe to call again. */
  start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      try {
        await this.#listen();
        pauseMs = firstPauseMs;
      } catch {
        // The server is away. Waiters ask by themselves meanwhile, and their own statements say what is wrong.
      }
      await delay(pauseMs + jitterMs(pauseMs), undefined, { signal, ref: false }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  /** Ends when the session is lost or this listener is closed. */
  async #listen(): Promise<void> {
    const { signal } = this.#closing;
    const ended = Promise.withResolvers<void>();
    const stop = await this.#clients.listen(this.#channel, this.#onMessage, ended.resolve);
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    if (!signal.aborted) {
      this.#onMessage(undefined);
      await ended.promise;
    }
    await stop().catch(() => {});
  }
}
