interface Waiter {
  readonly seq: number;
  readonly deadline: number;
  readonly settle: (passed: boolean) => void;
}

/** Calls that wait until Redis has come to an entry. One timer serves them all. */
export class Waiters {
  readonly #monotonic: () => number;
  readonly #onTimeout: () => void;
  #waiting: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(monotonic: () => number, onTimeout: () => void) {
    this.#monotonic = monotonic;
    this.#onTimeout = onTimeout;
  }

  /** True once `passed` came to the entry; false after the time or when `giveUp` was called. */
  wait(seq: number, timeoutMs: number): Promise<boolean> {
    const deadline = this.#monotonic() + timeoutMs;
    return new Promise((settle) => {
      this.#waiting.push({ seq, deadline, settle });
      // The timer holds the process while somebody waits, which the connection to Redis does not.
      this.#timer ??= this.#expireIn(timeoutMs);
      this.#timer.ref();
    });
  }

  passed(position: number): void {
    this.#settle(true, ({ seq }) => seq <= position);
  }

  giveUp(): void {
    this.#settle(false, () => true);
  }

  #settle(passed: boolean, due: (waiter: Waiter) => boolean): number {
    const settled = this.#waiting.filter(due);
    if (settled.length === 0) return 0;
    this.#waiting = settled.length === this.#waiting.length ? [] : this.#waiting.filter((one) => !due(one));
    if (this.#waiting.length === 0) this.#timer?.unref();
    for (const { settle } of settled) settle(passed);
    return settled.length;
  }

  #expireIn(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined;
      const now = this.#monotonic();
      if (this.#settle(false, ({ deadline }) => deadline <= now) > 0) this.#onTimeout();
      const next = Math.min(...this.#waiting.map(({ deadline }) => deadline));
      if (next < Number.POSITIVE_INFINITY) this.#timer = this.#expireIn(Math.max(1, next - now));
    }, milliseconds);
  }
}
