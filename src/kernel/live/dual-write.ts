import type { Answer } from '../call.ts';
import type { Clock } from '../clock.ts';
import { asRookeryError, type ErrorCode } from '../errors.ts';
import type { Live } from './live.ts';

/** Milliseconds, with fractions, over the last `latenciesKept` writes; all 0 before the first. */
export interface Latency {
  readonly avg: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Source of the names: seed 000, `getMetrics()`. */
export interface DualWriteMetrics {
  /** Mutations that changed something, or would have. */
  readonly dualWrites: number;
  /** Those that the database refused by failing, or that Redis did not have in time. */
  readonly dualWriteFailures: number;
  readonly redisWrites: number;
  readonly sqliteWrites: number;
  /** From the call until Redis has it. */
  readonly dualWriteLatency: Latency;
  /** From the durable commit until Redis has it. */
  readonly redisLatency: Latency;
  /** From the call until it is durable. */
  readonly sqliteLatency: Latency;
}

/** One dual write that ended; durations in milliseconds, undefined where it did not get there. */
export interface DualWritten {
  readonly storeMs: number | undefined;
  readonly redisMs: number | undefined;
  readonly wholeMs: number;
}

export const dualWriteTimeoutMs = 5000;

/** Failures of the database itself: what it refuses for a reason is no failed write. */
const failures: ReadonlySet<ErrorCode> = new Set([
  'BUSY',
  'STORAGE_FULL',
  'STORAGE_FAILED',
  'STORAGE_MISCONFIGURED',
  'OUTCOME_UNKNOWN',
  'UNAVAILABLE',
  'INTERNAL',
]);

/** Whether an error is one of those failures. */
export function isStoreFailure(error: unknown): boolean {
  return failures.has(asRookeryError(error).code);
}

/**
 * Database first, then Redis: a mutation answers once it is durable and, where Redis can be reached, once Redis has it.
 * That Redis is away or slow never fails a write and is counted.
 */
export class DualWrite {
  readonly #live: Live | undefined;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #latencies = { whole: new Latencies(), redis: new Latencies(), store: new Latencies() };
  readonly #listeners = new Set<(write: DualWritten) => void>();
  #count = { dualWrites: 0, dualWriteFailures: 0, redisWrites: 0, sqliteWrites: 0 };

  constructor(live: Live | undefined, clock: Clock, timeoutMs: number) {
    this.#live = live;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  metrics(): DualWriteMetrics {
    const { whole, redis, store } = this.#latencies;
    return {
      ...this.#count,
      dualWriteLatency: whole.summary(),
      redisLatency: redis.summary(),
      sqliteLatency: store.summary(),
    };
  }

  /** Hears of every dual write. */
  onWrite(listener: (write: DualWritten) => void): void {
    this.#listeners.add(listener);
  }

  async both<T>(project: string, commit: () => Promise<Answer<T>>): Promise<Answer<T>> {
    const started = this.#clock.monotonic();
    let answer: Answer<T>;
    try {
      answer = await commit();
    } catch (error) {
      if (isStoreFailure(error)) this.#note(started, undefined, undefined);
      throw error;
    }
    // What changed nothing has nothing to bring over.
    if (answer.seq === undefined) return answer;
    const durable = this.#clock.monotonic();
    const passed = (await this.#live?.passed(project, answer.seq, this.#timeoutMs)) ?? false;
    this.#note(started, durable, passed ? this.#clock.monotonic() : undefined);
    return { ...answer, live: passed };
  }

  #note(started: number, durable: number | undefined, passed: number | undefined): void {
    const { whole, redis, store } = this.#latencies;
    const wholeMs = (passed ?? this.#clock.monotonic()) - started;
    const storeMs = durable === undefined ? undefined : durable - started;
    const redisMs = durable === undefined || passed === undefined ? undefined : passed - durable;
    this.#count.dualWrites++;
    whole.add(wholeMs);
    if (storeMs !== undefined) {
      this.#count.sqliteWrites++;
      store.add(storeMs);
    }
    if (redisMs !== undefined) {
      this.#count.redisWrites++;
      redis.add(redisMs);
    } else this.#count.dualWriteFailures++;
    for (const listener of this.#listeners) listener({ storeMs, redisMs, wholeMs });
  }
}

const latenciesKept = 4096;

/** The last durations, in a ring. */
class Latencies {
  readonly #ring = new Float64Array(latenciesKept);
  #added = 0;

  add(milliseconds: number): void {
    this.#ring[this.#added++ % latenciesKept] = milliseconds;
  }

  summary(): Latency {
    const sorted = this.#ring.slice(0, Math.min(this.#added, latenciesKept)).sort();
    if (sorted.length === 0) return { avg: 0, p50: 0, p95: 0, p99: 0 };
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
    const sum = sorted.reduce((total, one) => total + one, 0);
    return { avg: sum / sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
