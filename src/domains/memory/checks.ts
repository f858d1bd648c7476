import { levelOf } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import { differing, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import { limits } from '../../kernel/limits.ts';
import * as items from './items.ts';
import { type Type, types } from './model.ts';
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
        records: rows.map((row) => ({
          ...recordOf(context, row),
          current: true,
          differences: (entry, birth) =>
            differences(row, entry) +
            differing('owner', row.owner, birth?.actor ?? row.owner) +
            differing('created_at', row.created_at, birth?.time ?? row.created_at),
        })),
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
        records: rows.map((row, i) => ({
          ...recordOf(context, row),
          current: false,
          differences: (entry) =>
            differences(row, entry) +
            differing('owner', row.owner, ownerAfter(rows[i - 1], row) ?? row.owner),
        })),
        next:
          last && rows.length === pageSize
            ? [last.namespace, last.key, last.scope, last.revision]
            : undefined,
      };
    },
  },
];

function recordOf(context: ReadContext, row: CheckedRow): Omit<StoredRecord, 'current' | 'differences'> {
  const { namespace, key, scope } = row;
  const empty = row.value === null && row.sealed === null;
  return {
    subject: items.subjectOf(namespace, key, scope),
    label: labelOf(row),
    seq: row.seq,
    entry: row.entry,
    content: empty ? undefined : () => items.contentOf(context, row),
  };
}

function differences(row: CheckedRow, entry: Entry): string {
  return (
    differing('revision', row.revision, entry.revision?.[1]) +
    differing('author', row.author, entry.actor) +
    differing('updated_at', row.updated_at, entry.time) +
    differing('expires_at', row.expires_at, entry.facts?.['expiresAt'] ?? null) +
    differing('deleted', row.deleted, entry.facts?.['deleted'] ?? 0) +
    differing('type', types.indexOf(row.type ?? typeOf(entry)), types.indexOf(typeOf(entry))) +
    differing('value', row.sealed === null ? null : row.value, null) +
    differing('level', row.level ?? levelOf(row.scope), levelOf(entry.scope))
  );
}

function typeOf(entry: Entry): Type {
  return types[entry.facts?.['type'] ?? 0] ?? 'data';
}

/** Whose a revision must be, by the one before it; undefined where that is not at hand. */
function ownerAfter(before: CheckedRow | undefined, row: CheckedRow): string | undefined {
  if (row.revision === 1) return row.author;
  const follows =
    before !== undefined &&
    before.revision === row.revision - 1 &&
    items.subjectOf(before.namespace, before.key, before.scope).name ===
      items.subjectOf(row.namespace, row.key, row.scope).name;
  if (!follows) return undefined;
  return row.deleted === 1 || items.isLive(before, row.updated_at) ? before.owner : row.author;
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
