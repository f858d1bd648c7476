import { differing, type StateCheck } from '../../kernel/ledger/state.ts';
import { contentText, type Kind, subjectOf } from './changes.ts';
import { checkpointKind } from './records.ts';
import type { Versioned } from './statements.ts';
import { missionKind, sortieKind } from './things.ts';

const pageSize = 500;

/** Missions, sorties and checkpoints are what their entries committed to, and none is missing. */
export const stateChecks: readonly StateCheck[] = [
  checkOf(missionKind, ({ created_by }) => created_by),
  checkOf(sortieKind, ({ created_by }) => created_by),
  checkOf(checkpointKind, ({ author }) => author),
];

function checkOf<Row extends Versioned>(kind: Kind<Row>, makerOf: (row: Row) => string): StateCheck {
  return {
    kind: kind.kind,
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* kind.rows.page(context.project, String(after[0]), pageSize);
      return {
        records: rows.map((row) => ({
          subject: subjectOf(kind, row.id),
          label: `${kind.kind} ${row.id}`,
          seq: row.seq,
          current: true,
          differences: (entry, birth) =>
            differing('revision', row.revision, entry.revision?.[1]) +
            differing('made', row.made, birth?.seq ?? row.made) +
            differing('made by', makerOf(row), birth?.actor ?? makerOf(row)),
          content: () => textOf(kind, row),
        })),
        next: rows.length === pageSize ? [rows.at(-1)!.id] : undefined,
      };
    },
  };
}

// biome-ignore lint/correctness/useYield: a work of no statements, as all that it needs is in the row
function* textOf<Row extends Versioned>(kind: Kind<Row>, row: Row): Generator<never, string, unknown> {
  return contentText(kind, row);
}
