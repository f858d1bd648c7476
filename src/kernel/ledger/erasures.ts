import { erasedScope } from '../vault/erasure.ts';
import type { Entry } from './entry.ts';

/** Up to which entry each audience was erased. What is older than that is gone for a reason that the ledger tells. */
export class Erasures {
  readonly #upTo = new Map<string, number>();

  see(entry: Entry): void {
    const scope = erasedScope(entry);
    if (scope !== undefined) this.#upTo.set(scope, entry.seq);
  }

  upTo(scope: string): number {
    return this.#upTo.get(scope) ?? 0;
  }

  cover({ scope, seq }: Pick<Entry, 'scope' | 'seq'>): boolean {
    return seq <= this.upTo(scope);
  }
}
