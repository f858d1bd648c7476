import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';

/** How much an object of this door says on stderr. Names and counts only: never a value, never a key. */
export interface Logging {
  readonly debug?: boolean | undefined;
  readonly logLevel?: string | undefined;
}

const ranks = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof ranks)[number];

/**
 * What all classes of the seeds share: events, and an `error` event that nobody has to listen to. Without a listener an
 * error is told on stderr; with `debug`, events are too.
 */
export class Emitter extends EventEmitter {
  readonly #name: string;
  readonly #rank: number;

  constructor(name: string, { debug = false, logLevel }: Logging = {}) {
    super();
    this.#name = name;
    const named = ranks.indexOf((logLevel ?? '').toLowerCase() as LogLevel);
    this.#rank = debug ? Math.max(named, ranks.indexOf('debug')) : Math.max(named, 0);
  }

  /** What an object was made with may hold a key or a password: it is not to end in a log with the object. */
  [inspect.custom](): string {
    return `${this.#name} {}`;
  }

  toJSON(): object {
    return {};
  }

  /**
   * What is told of has happened: a listener that throws fails no call, and keeps nothing from the others. It is told as
   * an error.
   */
  override emit(event: string | symbol, ...told: unknown[]): boolean {
    const listeners = this.rawListeners(event);
    for (const listener of listeners) {
      try {
        Reflect.apply(listener, this, told);
      } catch (error) {
        if (event === 'error') this.log('error', `a listener of "error" failed: ${String(error)}`);
        else this.fail(error);
      }
    }
    return listeners.length > 0;
  }

  /** Emits an error to whoever listens, else tells it on stderr. Never throws. */
  protected fail(error: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', error);
    else this.log('error', String(error));
  }

  protected log(level: LogLevel, text: string): void {
    if (ranks.indexOf(level) > this.#rank) return;
    process.stderr.write(`${new Date().toISOString()} ${level} ${this.#name}: ${text}\n`);
  }
}
