import type { Clock } from '../../src/kernel/clock.ts';
import type { Rookery } from '../../src/rookery.ts';

/** A clock that moves when a test says so. Monotonic time is real, and moves along where time passes. */
export class ManualClock implements Clock {
  #now: number;
  #passed = 0;

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return performance.now() + this.#passed;
  }

  /** Sets the wall clock forward, or back. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass while everybody who has the store open pays attention. */
  pass(milliseconds: number, ...open: readonly Rookery[]): void {
    const stepMs = 10_000;
    for (let left = milliseconds; left > 0; left -= stepMs) {
      const step = Math.min(left, stepMs);
      this.#now += step;
      this.#passed += step;
      for (const { store } of open) store.attention.look();
    }
  }
}

const hurry = 30;

/** A clock that runs thirty times as fast, the same in every process that is given the same beginning. */
export function hurried(start: number): Clock {
  return {
    now: () => start + Math.round((Date.now() - start) * hurry),
    monotonic: () => performance.now() * hurry,
  };
}
