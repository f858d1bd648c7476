import type { Projection } from '../../kernel/live/projection.ts';

/** Records that were sealed anew have no entries of their own: what Redis shows still lies under the old keys. */
export const projections: readonly Projection[] = [
  {
    kind: 'rotation',
    // biome-ignore lint/correctness/useYield: nothing of the store is needed
    *commands(_context, _subject, entry) {
      return entry.facts?.['finished'] === 1 ? [{ type: 'refill' }] : [];
    },
  },
];
