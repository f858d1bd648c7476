import type { ReadContext } from '../../kernel/context.ts';
import type { Steps } from '../../kernel/operation.ts';
import { beginningOf, placeOf, type SealedTable } from '../../kernel/vault/sealed.ts';
import { scanSealed } from '../../kernel/vault/sealed-statements.ts';
import type { Parameter } from '../../kernel/work.ts';

const pageRows = 1000;

/** How many records are sealed under each key, by its id: one pass through every table, a page at a time. */
export function* recordsByKey(context: ReadContext): Steps<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const table of context.vault.tables) yield* countTable(context.project, table, counts);
  return counts;
}

function* countTable(project: string, table: SealedTable, counts: Map<string, number>): Steps<void> {
  let after: readonly Parameter[] | undefined = beginningOf(table);
  while (after) {
    const from: readonly Parameter[] = after;
    yield function* () {
      const rows = yield* scanSealed(project, table, from, pageRows);
      for (const { mark } of rows) {
        if (mark === null) continue;
        const id = Buffer.from(mark).toString('hex');
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      after = rows.length === pageRows ? placeOf(table, rows.at(-1)!) : undefined;
    };
  }
}
