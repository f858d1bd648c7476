import type { ReadContext } from '../../kernel/context.ts';
import type { Projection } from '../../kernel/live/projection.ts';
import type { RedisWrite } from '../../kernel/live/writes.ts';
import { shownOf } from '../../kernel/vault/shown.ts';
import type { Work } from '../../kernel/work.ts';
import { hotDelete, hotWrite } from './hot.ts';
import * as items from './items.ts';
import { type ItemRow, itemIn, itemsAfter } from './statements.ts';

const pageSize = 200;

/** Every item has a hot key for as long as it lives. */
export const projections: readonly Projection[] = [
  {
    kind: 'memory',
    *commands(context, { name, scope }, { seq }) {
      const [namespace, key] = name.split('\n') as [string, string];
      const row = yield* itemIn(context.project, namespace, key, scope);
      return [
        row ? yield* writeOf(context, row) : hotDelete(context.project, { namespace, key, scope }, seq),
      ];
    },
    *stored(context, after = ['', '', '']) {
      const rows = yield* itemsAfter(context.project, after, pageSize);
      const writes: RedisWrite[] = [];
      for (const row of rows) writes.push(yield* writeOf(context, row));
      const last = rows.at(-1);
      return {
        writes,
        next: last && rows.length === pageSize ? [last.namespace, last.key, last.scope] : undefined,
      };
    },
  },
];

function* writeOf(context: ReadContext, row: Omit<ItemRow, 'type'>): Work<RedisWrite> {
  const { project, now } = context;
  const { namespace, key, scope, revision, seq: version, expires_at: expiresAt } = row;
  if (!items.isLive(row, now)) return hotDelete(project, row, version);
  const shown = yield* shownOf(context, row, items.bindingOf(namespace, key, scope, revision));
  return hotWrite(project, row, { version, shown, expiresAt, now });
}
