import { scopes } from '../../kernel/access/model.ts';
import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { waitsNow } from '../locks/operations.ts';
import { blindWrites } from '../memory/operations.ts';
import { note } from './records.ts';
import type { ConflictRow } from './statements.ts';

/** Things of each kind that one look back finds. */
const foundMax = 500;

/** Looks back over what is stored; answers the conflicts that are new. Finds in the caller's own audiences only. */
export function* find(context: WriteContext, windowMs: number): Work<ConflictRow[]> {
  const identity = yield* context.identity();
  const found: (ConflictRow | undefined)[] = [];
  const since = Math.max(0, context.now - windowMs);
  const writes = yield* blindWrites(context, { since, scopes: identity.scopes, limit: foundMax });
  for (const { agents, name: resource, scope } of writes) {
    const met = { type: 'data', kind: 'memory', resource, scope, agents } as const;
    found.push(yield* note(context, { ...met, origin: 'writes' }));
  }
  for (const { waiter, holder, path } of yield* waitsNow(context, foundMax)) {
    const met = { type: 'resource', kind: 'lock', resource: path, scope: scopes.project } as const;
    found.push(yield* note(context, { ...met, agents: [waiter, holder], origin: 'waits' }));
  }
  return found.filter((row) => row !== undefined);
}
