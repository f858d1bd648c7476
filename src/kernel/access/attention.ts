import type { Clock } from '../clock.ts';
import { suspectAfterMs } from './presence.ts';

/** A wall clock that runs ahead of the monotonic one by more was set, or the machine slept. */
const jumpMs = 5_000;
/** How often a process looks at its clocks by itself. */
const lookMs = 5_000;

/**
 * Whether this process could have heard of anybody. A clock that was set forward, a machine that slept and a process
 * that was stopped have one thing in common: time has passed in which no heartbeat could come in. From then on everybody
 * has the whole interval again before it counts as dead.
 *
 * Both clocks are compared with their last look: by a timer, at each commit, and by whoever is about to judge.
 */
export class Attention {
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #wall: number;
  #monotonic: number;
  #resumedAt = 0;
  #noted = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wall = clock.now();
    this.#monotonic = clock.monotonic();
    this.#timer = setInterval(() => this.look(), lookMs);
    this.#timer.unref();
  }

  /** When attention came back after its last lapse, by the wall clock; 0 where it never lapsed. */
  look(): number {
    const [wall, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    const passedMs = monotonic - this.#monotonic;
    if (wall - this.#wall - passedMs > jumpMs || passedMs > suspectAfterMs) this.#resumedAt = wall;
    [this.#wall, this.#monotonic] = [wall, monotonic];
    return this.#resumedAt;
  }

  /** The end of a lapse that the store does not know of yet. */
  unnoted(): number | undefined {
    const resumedAt = this.look();
    return resumedAt > this.#noted ? resumedAt : undefined;
  }

  /** The store knows: call once the commit that says so is durable. */
  noted(resumedAt: number): void {
    this.#noted = Math.max(this.#noted, resumedAt);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
