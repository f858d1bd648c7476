import { differing, type StateCheck } from '../../kernel/ledger/state.ts';
import { type KeyRow, keysAfter } from '../../kernel/vault/statements.ts';
import { stateNumber } from '../../kernel/vault/states.ts';
import { keySubject } from '../../kernel/vault/step.ts';

const pageSize = 500;

/** Keys that were ever rotated, retired or erased are in the state that their newest entries say. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'key',
    complete: true,
    keepsDeleted: true,
    *page(context, after = ['']) {
      const rows = yield* keysAfter(context.project, String(after[0]), {}, pageSize);
      const last = rows.at(-1);
      return {
        records: rows
          .filter(({ seq }) => seq > 0)
          .map((row) => ({
            subject: keySubject(row),
            label: `key ${row.id} (${row.scope})`,
            seq: row.seq,
            current: true,
            differences: ({ facts, revision }) =>
              differing('state', stateAsRecorded(row, facts?.['state']), facts?.['state']) +
              differing('retired_at', row.retired_at === null ? 0 : 1, facts?.['retired'] ?? 0) +
              differing('revision', row.revision, revision?.[1]),
            content: undefined,
          })),
        next: last && rows.length === pageSize ? [last.id] : undefined,
      };
    },
  },
];

/** A primary key that has sealed as much as it may steps back without an entry. */
function stateAsRecorded(row: KeyRow, recorded: number | undefined): number {
  const wornOut = row.state === 'decrypt-only' && recorded === stateNumber('primary');
  return stateNumber(wornOut ? 'primary' : row.state);
}
