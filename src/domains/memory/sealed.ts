import type { WriteContext } from '../../kernel/context.ts';
import type { Erasure, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { bindingOf, subjectOf } from './items.ts';
import { dropItem, dropItemsIn, itemsOf } from './statements.ts';

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
    *erase(context, { agent, scopes, owned, relayed }) {
      let erased = 0;
      for (const scope of scopes) {
        if (relayed) erased += yield* eraseEach(context, { scope, owner: '' });
        erased += yield* dropItemsIn(context.project, scope);
      }
      // With all revisions. What others own by now is theirs, old revisions included.
      return erased + (owned ? yield* eraseEach(context, { scope: '', owner: agent }) : 0);
    },
  },
];

/** Items of one audience or of one owner, each with an entry of its own. */
function* eraseEach(
  context: WriteContext,
  which: { readonly scope: string; readonly owner: string },
): Work<number> {
  let erased = 0;
  let after: Place = { namespace: '', key: '', scope: '' };
  for (;;) {
    const rows = yield* itemsOf(context.project, which, after, pageSize);
    for (const { namespace, key, scope, revision } of rows) {
      erased += yield* dropItem(context.project, namespace, key, scope);
      yield* context.record(subjectOf(namespace, key, scope), {
        revision: [revision, revision + 1],
        facts: { deleted: 1, erased: 1 },
      });
      context.tx.touch(`memory/${namespace}/${key}`);
    }
    if (rows.length < pageSize) return erased;
    after = rows.at(-1)!;
  }
}

type Place = Parameters<typeof itemsOf>[2];
