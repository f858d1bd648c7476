import type { Entry } from './entry.ts';

/** What the ledger says of one thing after all its entries. */
export interface Standing {
  /** Its last change. */
  readonly seq: number;
  /** The change that made it, after it was absent: its actor owns it. */
  readonly bornSeq: number;
  readonly deleted: boolean;
}

/**
 * Folds the entries of a ledger to the standing of every resource. A million resources are held at once, so the numbers
 * lie in flat arrays and a resource costs about 100 bytes.
 *
 * Two facts of an entry have a meaning here: `deleted: 1`, and `expiresAt` in milliseconds, from which on the resource
 * is absent by itself.
 */
export class Fold {
  readonly #index = new Map<string, number>();
  #seq = new Float64Array(1024);
  #born = new Float64Array(1024);
  /** Until when it lives: 0 once deleted, Infinity while nothing ends it. */
  #until = new Float64Array(1024);
  #met = new Uint8Array(1024);

  /**
   * Takes the next entry. One that changes nothing (a read, a denial) is passed over. What its audience held up to
   * `erasedUpTo` was erased, without a word on each thing.
   */
  see(entry: Entry, erasedUpTo = 0): void {
    if (!isChange(entry)) return;
    const known = this.#index.get(entry.resource);
    const i = known ?? this.#grow(entry.resource);
    const deletion = entry.facts?.['deleted'] === 1;
    const absent = known === undefined || this.#seq[i]! <= erasedUpTo;
    if (absent || (!deletion && this.#until[i]! <= entry.time)) this.#born[i] = entry.seq;
    this.#seq[i] = entry.seq;
    this.#until[i] = deletion ? 0 : (entry.facts?.['expiresAt'] ?? Infinity);
  }

  /** The standing of a resource, which is noted as met: a stored record of it was found. */
  meet(resource: string): Standing | undefined {
    const i = this.#index.get(resource);
    if (i === undefined) return undefined;
    this.#met[i] = 1;
    return this.#standing(i);
  }

  /** What entries after the fold have changed since says nothing any more. */
  forget(resource: string): void {
    const i = this.#index.get(resource);
    if (i !== undefined) this.#met[i] = 1;
  }

  /** Resources of which no record was met. */
  *unmet(): Generator<[resource: string, standing: Standing]> {
    for (const [resource, i] of this.#index) {
      if (this.#met[i] === 0) yield [resource, this.#standing(i)];
    }
  }

  #standing(i: number): Standing {
    return { seq: this.#seq[i]!, bornSeq: this.#born[i]!, deleted: this.#until[i] === 0 };
  }

  #grow(resource: string): number {
    const i = this.#index.size;
    this.#index.set(resource, i);
    if (i === this.#seq.length) {
      this.#seq = doubled(this.#seq);
      this.#born = doubled(this.#born);
      this.#until = doubled(this.#until);
      const met = new Uint8Array(2 * i);
      met.set(this.#met);
      this.#met = met;
    }
    return i;
  }
}

/** An entry changes its resource iff it was allowed and carries a revision or a commitment. */
export function isChange(entry: Entry): boolean {
  return entry.decision === 'allow' && (entry.revision !== undefined || entry.commitment !== undefined);
}

function doubled(numbers: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * numbers.length);
  larger.set(numbers);
  return larger;
}
