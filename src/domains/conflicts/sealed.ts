import type { Erasure, SealedTable } from '../../kernel/vault/sealed.ts';
import { bindingOf, subjectOf } from './records.ts';
import { conflictsIn, dropConflict, ownedConflicts } from './statements.ts';

export const sealedTables: readonly SealedTable[] = [
  {
    table: 'conflicts',
    column: 'sealed',
    key: { id: '' },
    columns: { scope: 't.scope' },
    binding: (row) => bindingOf({ id: String(row['id']), scope: String(row['scope']) }),
  },
];

const pageSize = 500;

export const erasures: readonly Erasure[] = [
  {
    noun: 'conflicts',
    *erase(context, { agent, scopes, owned }) {
      let erased = 0;
      for (const scope of scopes) {
        for (let rows = yield* conflictsIn(context.project, scope, pageSize); rows.length > 0; ) {
          for (const { id } of rows) erased += yield* dropConflict(context.project, id);
          rows = yield* conflictsIn(context.project, scope, pageSize);
        }
      }
      if (!owned) return erased;
      for (let rows = yield* ownedConflicts(context.project, agent, pageSize); rows.length > 0; ) {
        for (const row of rows) {
          const revision: [number, number] = row.status === 'open' ? [1, 2] : [2, 3];
          yield* context.record(subjectOf(row), { revision, facts: { deleted: 1, erased: 1 } });
          erased += yield* dropConflict(context.project, row.id);
        }
        rows = yield* ownedConflicts(context.project, agent, pageSize);
      }
      return erased;
    },
  },
];
