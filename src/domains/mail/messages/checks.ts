import { differing, type StateCheck } from '../../../kernel/ledger/state.ts';
import { lifeText, openedText, subjectOf } from './messages.ts';
import { messagePage } from './statements.ts';

const pageSize = 500;

/** Messages say what their entries committed to. They go with their mailbox, so that one may be missing. */
export const messageChecks: readonly StateCheck[] = [
  {
    kind: 'message',
    complete: false,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* messagePage(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => ({
          subject: subjectOf(row),
          label: `message ${row.id}`,
          seq: row.seq,
          current: true,
          differences: (entry, birth) =>
            differing('revision', row.revision, entry.revision?.[1]) +
            differing('author', row.author, birth?.actor ?? row.author),
          *content() {
            return lifeText(row, yield* openedText(context, row));
          },
        })),
        next: rows.length === pageSize ? [rows.at(-1)!.id] : undefined,
      };
    },
  },
];
