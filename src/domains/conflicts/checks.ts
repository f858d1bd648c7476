import { differing, type StateCheck } from '../../kernel/ledger/state.ts';
import { contentText, subjectOf } from './records.ts';
import { conflictsForChecks } from './statements.ts';

const pageSize = 500;

/** Conflicts are what their entries say; how often each was seen is not part of that. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'conflict',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* conflictsForChecks(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => ({
          subject: subjectOf(row),
          label: `conflict ${row.id}`,
          seq: row.seq,
          entry: row.entry,
          current: true,
          differences: (entry) => differing('level', row.level, entry.level),
          content: () => contentText(context, row),
        })),
        next: rows.length === pageSize ? [rows.at(-1)!.id] : undefined,
      };
    },
  },
];
