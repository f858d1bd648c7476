import { levelOf } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import type { StateCheck, StoredRecord } from '../../kernel/ledger/state.ts';
import { limits } from '../../kernel/limits.ts';
import * as items from './items.ts';
import { historyAfter, type ItemRow, itemsAfter } from './statements.ts';

const pageSize = 500;

/** Rows of the history have no level: their scope says it. */
type Row = ItemRow & { readonly level?: string };

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

function recordOf(context: ReadContext, row: Row, current: boolean): StoredRecord {
  const { namespace, key, scope } = row;
  const empty = row.value === null && row.sealed === null;
  return {
    subject: items.subjectOf(namespace, key, scope),
    label: labelOf(row),
    seq: row.seq,
    current,
    differences: (entry, birth) => differences(row, entry, birth),
    content: empty ? undefined : () => items.contentOf(context, row),
  };
}

function differences(row: Row, entry: Entry, birth: Entry | undefined): string[] {
  const differing: string[] = [];
  const compare = (column: string, stored: unknown, sealed: unknown) => {
    if (stored !== sealed) differing.push(column);
  };
  compare('revision', row.revision, entry.revision?.[1]);
  compare('author', row.author, entry.actor);
  compare('updated_at', row.updated_at, entry.time);
  compare('expires_at', row.expires_at, entry.facts?.['expiresAt'] ?? null);
  compare('deleted', row.deleted, entry.facts?.['deleted'] ?? 0);
  if (row.level !== undefined) compare('level', row.level, levelOf(entry.scope));
  if (!birth) return differing;
  compare('owner', row.owner, birth.actor);
  compare('created_at', row.created_at, birth.time);
  return differing;
}

/** Every revision is kept until the newest `historyRevisions` are there. */
function historyGap(row: ItemRow & { kept: number }) {
  const expected = Math.min(row.revision - 1, limits.historyRevisions);
  if (row.kept === expected) return [];
  const message = `${row.kept} superseded revisions are stored, ${expected} should be`;
  return [{ kind: 'state-missing' as const, seq: row.seq, subject: labelOf(row), message }];
}

function labelOf(row: ItemRow): string {
  return `memory ${row.namespace}/${row.key} (${row.scope}), revision ${row.revision}`;
}
