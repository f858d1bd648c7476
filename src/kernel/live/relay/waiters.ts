interface Waiter {
  readonly seq: number;
  readonly settle: (passed: boolean) => void;
}

/** Calls that wait until Redis has come to an entry. */
export class Waiters {
  #waiting: Waiter[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  /** True once `passed` came to the entry; false after the time or when `giveUp` was called. */
  wait(seq: number, timeoutMs: number, onTimeout: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      // The timer holds the process, which the connection to Redis does not.
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        onTimeout();
        resolve(false);
      }, timeoutMs);
      const waiter: Waiter = {
        seq,
        settle: (passed) => {
          clearTimeout(timer);
          resolve(passed);
        },
      };
      this.#waiting.push(waiter);
    });
  }

  passed(position: number): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = waiting.filter(({ seq }) => seq > position);
    for (const { seq, settle } of waiting) if (seq <= position) settle(true);
  }

  giveUp(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(false);
  }
}
