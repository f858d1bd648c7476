import type { Work } from './work.ts';

/** Entries that one call of pruning may append, about: a thing is forgotten with all that belongs to it. */
export const entriesMax = 5000;

/** Forgets the rows of a page, each with an entry for everything that goes; `forget` answers how many those were. */
export function* forgetPage<Row>(
  rows: readonly Row[],
  limit: number,
  forget: (row: Row) => Work<number>,
): Work<{ pruned: number; more: boolean }> {
  let [pruned, entries] = [0, 0];
  for (const row of rows) {
    entries += yield* forget(row);
    pruned++;
    if (entries >= entriesMax) break;
  }
  return { pruned, more: pruned < rows.length || rows.length === limit };
}
