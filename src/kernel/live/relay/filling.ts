import type { Parameter } from '../../work.ts';
import type { Projection } from '../projection.ts';
import type { RedisParameter } from '../redis.ts';
import type { StoredPage } from './page.ts';

export type Source = Projection & Required<Pick<Projection, 'stored'>>;

/** Hot keys are a cache: of more than this of a kind, the rest comes with its next change. */
const filledPerKind = 100_000;

/** Writes the hot keys anew from the tables, page by page, beside the new entries: a version keeps the newer of two. */
export class Filling {
  readonly #left: Source[];
  #after: readonly Parameter[] | undefined;
  #filled = 0;

  constructor(projections: Iterable<Projection>) {
    this.#left = [...projections].filter((projection): projection is Source => 'stored' in projection);
  }

  /** The parameters of the next page, and whether it is the last. */
  async next(
    read: (source: Source, after: readonly Parameter[] | undefined) => Promise<StoredPage>,
  ): Promise<{ parameters: RedisParameter[]; last: boolean }> {
    const source = this.#left[0];
    if (!source) return { parameters: [], last: true };
    const page = await read(source, this.#after);
    this.#after = page.next;
    this.#filled += page.writes;
    if (page.next === undefined || this.#filled >= filledPerKind) {
      this.#left.shift();
      this.#after = undefined;
      this.#filled = 0;
    }
    return { parameters: page.parameters, last: this.#left.length === 0 };
  }
}
