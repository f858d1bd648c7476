import type { ReadContext } from '../../kernel/context.ts';
import { keyPart, type Projection, prefixOf, type RedisWrite } from '../../kernel/live/projection.ts';
import { shownOf } from '../../kernel/vault/shown.ts';
import type { Work } from '../../kernel/work.ts';
import * as items from './items.ts';
import { type ItemRow, itemIn, itemsAfter } from './statements.ts';

const pageSize = 200;

/** Every item has a hot key for as long as it lives: see `hotKeyOf`. */
export const projections: readonly Projection[] = [
  {
    kind: 'memory',
    *commands(context, { name, scope }, { seq: version }) {
      const [namespace, key] = name.split('\n') as [string, string];
      const row = yield* itemIn(context.project, namespace, key, scope);
      if (row) return [yield* writeOf(context, row)];
      return [{ type: 'delete', key: hotKeyOf(context.project, { namespace, key, scope }), version }];
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

/**
 * `rookery:<project>:memory:<scope>:<namespace>/<key>`. It holds the JSON text of the value, or the envelope of what is
 * encrypted (`vault/shown.ts`).
 */
export function hotKeyOf(
  project: string,
  { namespace, key, scope }: Pick<ItemRow, 'namespace' | 'key' | 'scope'>,
) {
  const [level, audience] = splitScope(scope);
  const place = audience === undefined ? level : `${level}:${keyPart(audience)}`;
  return `${prefixOf(project)}:memory:${place}:${keyPart(namespace, '/')}/${key}`;
}

function splitScope(scope: string): [level: string, audience?: string] {
  const end = scope.indexOf(':');
  return end < 0 ? [scope] : [scope.slice(0, end), scope.slice(end + 1)];
}

function* writeOf(context: ReadContext, row: Omit<ItemRow, 'type'>): Work<RedisWrite> {
  const { seq: version } = row;
  const key = hotKeyOf(context.project, row);
  if (!items.isLive(row, context.now)) return { type: 'delete', key, version };
  const binding = items.bindingOf(row.namespace, row.key, row.scope, row.revision);
  const value = yield* shownOf(context, row, binding);
  const ttlMs = row.expires_at === null ? null : row.expires_at - context.now;
  return { type: 'set', key, value, version, ttlMs };
}
