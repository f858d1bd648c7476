import type { Committed } from '../../commit.ts';
import type { Subject } from '../../denial.ts';
import type { RedisWrite } from '../writes.ts';

/** An entry on its way to Redis. */
export interface Outgoing {
  readonly seq: number;
  /** As hashed. */
  readonly text: string;
  readonly subject: Subject | undefined;
  /** What it changes in Redis, where that is known. */
  readonly writes: readonly RedisWrite[] | undefined;
}

const entriesMax = 4096;

/**
 * What this process has committed and Redis does not have yet: a run of entries without a gap. It only spares a look at
 * the store: what does not follow, because others commit too, or is too much, is read from there.
 */
export class Handover {
  #entries: Outgoing[] = [];

  add({ seq, recorded, texts }: Pick<Committed, 'seq' | 'recorded' | 'texts'>): void {
    const first = seq - texts.length + 1;
    const last = this.#entries.at(-1)?.seq;
    if (last !== first - 1 || this.#entries.length + texts.length > entriesMax) this.#entries = [];
    if (texts.length > entriesMax) return;
    texts.forEach((text, i) => {
      const { subject, writes } = recorded[i]!;
      this.#entries.push({ seq: first + i, text, subject, writes });
    });
  }

  /** The entries that follow a position, at most so many; undefined where they are not here. */
  after(position: number, limit: number): readonly Outgoing[] | undefined {
    const passed = position + 1 - (this.#entries[0]?.seq ?? Number.POSITIVE_INFINITY);
    if (passed < 0) return undefined;
    if (passed > 0) this.#entries = this.#entries.slice(passed);
    return this.#entries.length > 0 ? this.#entries.slice(0, limit) : undefined;
  }

  clear(): void {
    this.#entries = [];
  }
}
