import type { PolicyEpochs } from '../../kernel/access/epochs.ts';

interface Entry {
  readonly decision: unknown;
  readonly epoch: number;
  readonly until: number;
}

const entriesMax = 10_000;

/**
 * Decisions about access, kept for five minutes at most and never past a change of any membership, role or grant in the
 * project: the question is the key, so everything that a decision looked at must stand in it. What reads and writes
 * entries is decided by the store each time, from no cache.
 */
export class AccessCache {
  hits = 0;
  misses = 0;
  readonly #policy: PolicyEpochs;
  readonly #project: string;
  readonly #timeoutMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(policy: PolicyEpochs, project: string, timeoutMs: number) {
    this.#policy = policy;
    this.#project = project;
    this.#timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  get hitRate(): number {
    const asked = this.hits + this.misses;
    return asked === 0 ? 0 : this.hits / asked;
  }

  /** The decision that is kept for a question; undefined where it must be asked. */
  kept<T>(question: string): T | undefined {
    const entry = this.#entries.get(question);
    if (entry && entry.epoch === this.#policy.current(this.#project) && performance.now() < entry.until) {
      this.hits++;
      return entry.decision as T;
    }
    this.misses++;
    return undefined;
  }

  /**
   * The decision, from the cache or from `decide`. One that took part in no stable state of the policy is not kept;
   * `lastsMs` is how long it holds by itself, where a grant that it rests on ends.
   */
  async decide<T>(
    question: string,
    decide: () => Promise<{ readonly decision: T; readonly lastsMs?: number | undefined }>,
  ): Promise<T> {
    const kept = this.kept<T>(question);
    if (kept !== undefined) return kept;
    const before = this.#policy.current(this.#project);
    const { decision, lastsMs = Number.POSITIVE_INFINITY } = await decide();
    const epoch = this.#policy.current(this.#project);
    if (epoch !== undefined && epoch === before) {
      if (this.#entries.size >= entriesMax) this.#entries.clear();
      const until = performance.now() + Math.min(this.#timeoutMs, lastsMs);
      this.#entries.set(question, { decision, epoch, until });
    }
    return decision;
  }

  clear(): void {
    this.#entries.clear();
  }
}
