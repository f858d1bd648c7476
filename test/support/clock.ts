import type { Clock } from '../../src/kernel/clock.ts';

/** A clock that moves when a test says so. Monotonic time is real: only waits use it. */
export class ManualClock implements Clock {
  #now: number;

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return performance.now();
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
