import { keyPart, prefixOf } from '../../kernel/live/projection.ts';
import type { RedisWrite } from '../../kernel/live/writes.ts';
import type { ItemRow } from './statements.ts';

type Place = Pick<ItemRow, 'namespace' | 'key' | 'scope'>;

/**
 * `rookery:<project>:memory:<scope>:<namespace>/<key>`. It holds the JSON text of the value, or the envelope of what is
 * encrypted (`vault/shown.ts`), for as long as the item lives.
 */
export function hotKeyOf(project: string, { namespace, key, scope }: Place): string {
  const end = scope.indexOf(':');
  const place = end < 0 ? scope : `${scope.slice(0, end)}:${keyPart(scope.slice(end + 1))}`;
  return `${prefixOf(project)}:memory:${place}:${keyPart(namespace, '/')}/${key}`;
}

export function hotWrite(
  project: string,
  place: Place,
  item: {
    readonly version: number;
    readonly shown: string;
    readonly expiresAt: number | null;
    readonly now: number;
  },
): RedisWrite {
  const { version, shown: value, expiresAt, now } = item;
  const ttlMs = expiresAt === null ? null : expiresAt - now;
  return { type: 'set', key: hotKeyOf(project, place), value, version, ttlMs };
}

export function hotDelete(project: string, place: Place, version: number): RedisWrite {
  return { type: 'delete', key: hotKeyOf(project, place), version };
}
