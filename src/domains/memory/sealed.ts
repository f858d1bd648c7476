import type { WriteContext } from '../../kernel/context.ts';
import type { ErasedSubject, Erasure, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { bindingOf, subjectOf } from './items.ts';
import { dropItem, dropItemsIn, ownedItems } from './statements.ts';

const shared = {
  column: 'sealed',
  binding: (row) =>
    bindingOf(String(row['namespace']), String(row['key']), String(row['scope']), Number(row['revision'])),
} satisfies Partial<SealedTable>;

/** Items before their superseded revisions: rows move from the first table to the second. */
export const sealedTables: readonly SealedTable[] = [
  {
    ...shared,
    table: 'memory',
    key: { namespace: '', key: '', scope: '' },
    columns: { revision: 't.revision' },
  },
  { ...shared, table: 'memory_history', key: { namespace: '', key: '', scope: '', revision: 0 } },
];

const pageSize = 500;

export const erasures: readonly Erasure[] = [
  {
    noun: 'memory',
    *erase(context, subject) {
      let erased = 0;
      for (const scope of subject.scopes) erased += yield* dropItemsIn(context.project, scope);
      return erased + (subject.owned ? yield* eraseOwned(context, subject) : 0);
    },
  },
];

/** What the subject owns elsewhere, with all its revisions. What others own by now is theirs, old revisions included. */
function* eraseOwned(context: WriteContext, { agent }: ErasedSubject): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* ownedItems(context.project, agent, pageSize);
    for (const { namespace, key, scope, revision } of rows) {
      erased += yield* dropItem(context.project, namespace, key, scope);
      yield* context.record(subjectOf(namespace, key, scope), {
        revision: [revision, revision + 1],
        facts: { deleted: 1, erased: 1 },
      });
      context.tx.touch(`memory/${namespace}/${key}`);
    }
    if (rows.length < pageSize) return erased;
  }
}
