/** Seed 002: every 30 seconds, and once at the start. */
const intervalMs = 30_000;

/**
 * Tells expired locks that they are. Nobody depends on it: an acquire decides about expiry by itself. It keeps lists
 * and reports tidy, and its guard is the same, so two servers on one file do not disturb each other.
 */
export class Sweep {
  readonly #release: () => Promise<number>;
  readonly #released: (count: number) => void;
  readonly #failed: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #running = false;
  #closed = false;

  constructor(
    release: () => Promise<number>,
    told: { readonly released: (count: number) => void; readonly failed: (error: unknown) => void },
  ) {
    this.#release = release;
    this.#released = told.released;
    this.#failed = told.failed;
    this.#timer = setInterval(() => void this.#run(), intervalMs);
    this.#timer.unref();
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const count = await this.#release();
      if (count > 0) this.#released(count);
    } catch (error) {
      // A store that closes under the last sweep is no failure.
      if (!this.#closed) this.#failed(error);
    } finally {
      this.#running = false;
    }
  }
}
