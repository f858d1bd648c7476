import { createHash } from 'node:crypto';
import type { Random } from '../../src/kernel/clock.ts';

/** Randomness that repeats: two stores with one seed draw the same keys, nonces and ids as long as both do the same. */
export class SeededRandom implements Random {
  readonly #seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  bytes(count: number): Uint8Array {
    return createHash('shake256', { outputLength: count })
      .update(`${this.#seed}\n${this.#drawn++}`)
      .digest();
  }
}
