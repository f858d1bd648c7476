import { levelOf } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import { differing, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import { limits } from '../../kernel/limits.ts';
import * as items from './items.ts';
import { type CheckedRow, historyAfter, itemsAfter } from './statements.ts';

const pageSize = 500;

/** Items and their superseded revisions: value, author, owner, times and audience are those of their entries. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'memory',
    complete: true,
    keepsDeleted: true,
    *page(context, after = ['', '', '']) {
      const rows = yield* itemsAfter(context.project, after, pageSize);
      const last = rows.at(-1);
      return {
        records: rows.map((row) => recordOf(context, row, true)),
        problems: rows.flatMap(historyGap),
        next: last && rows.length === pageSize ? [last.namespace, last.key, last.scope] : undefined,
      };
    },
  },
  {
    kind: 'memory',
    complete: false,
    keepsDeleted: true,
    *page(context, after = ['', '', '', 0]) {
      const rows = yield* historyAfter(context.project, after, pageSize);
      const last = rows.at(-1);
      return {
        records: rows.map((row) => recordOf(context, row, false)),
        next:
          last && rows.length === pageSize
            ? [last.namespace, last.key, last.scope, last.revision]
            : undefined,
      };
    },
  },
];

function recordOf(context: ReadContext, row: CheckedRow, current: boolean): StoredRecord {
  const { namespace, key, scope } = row;
  const empty = row.value === null && row.sealed === null;
  return {
    subject: items.subjectOf(namespace, key, scope),
    label: labelOf(row),
    seq: row.seq,
    entry: row.entry,
    current,
    differences: (entry, birth) => differences(row, entry, birth),
    content: empty ? undefined : () => items.contentOf(context, row),
  };
}

function differences(row: CheckedRow, entry: Entry, birth: Entry | undefined): string {
  return (
    differing('revision', row.revision, entry.revision?.[1]) +
    differing('author', row.author, entry.actor) +
    differing('updated_at', row.updated_at, entry.time) +
    differing('expires_at', row.expires_at, entry.facts?.['expiresAt'] ?? null) +
    differing('deleted', row.deleted, entry.facts?.['deleted'] ?? 0) +
    differing('level', row.level ?? levelOf(row.scope), levelOf(entry.scope)) +
    differing('owner', row.owner, birth?.actor ?? row.owner) +
    differing('created_at', row.created_at, birth?.time ?? row.created_at)
  );
}

/** Every revision is kept until the newest `historyRevisions` are there. */
function historyGap(row: CheckedRow & { kept: number }) {
  const expected = Math.min(row.revision - 1, limits.historyRevisions);
  if (row.kept === expected) return [];
  const message = `${row.kept} superseded revisions are stored, ${expected} should be`;
  return [{ kind: 'state-missing' as const, seq: row.seq, subject: labelOf(row), message }];
}

function labelOf(row: CheckedRow): string {
  return `memory ${row.namespace}/${row.key} (${row.scope}), revision ${row.revision}`;
}
