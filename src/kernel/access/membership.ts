import type { WriteContext } from '../context.ts';
import type { Work } from '../work.ts';
import { liveGrantsBy, revokeGrant } from './grant-statements.ts';
import { type Membership, setMemberships } from './identity.ts';
import { distance, scopes } from './model.ts';
import { join, leave, scopesOf } from './statements.ts';

const pageSize = 500;

/**
 * Gives an agent other memberships. What it granted to others rested on its own: a grant over an audience that it
 * leaves ends in the same transaction, and one over its private data when it is no longer active.
 */
export function* changeMemberships(context: WriteContext, agent: string, membership: Membership): Work<void> {
  const before = yield* scopesOf(context.project, agent);
  yield* setMemberships(context.tx, agent, membership);
  const after = new Set(yield* scopesOf(context.project, agent));
  const lost = new Set(before.filter((scope) => !after.has(scope)));
  if (lost.size > 0) yield* endGrants(context, agent, lost);
}

/** Puts an agent that exists into the system audience. */
export function* joinSystem(context: WriteContext, agent: string): Work<void> {
  yield* join(context.project, agent, distance(scopes.system), scopes.system);
  context.tx.policyChanged();
}

export function* leaveSystem(context: WriteContext, agent: string): Work<void> {
  yield* leave(context.project, agent, scopes.system);
  context.tx.policyChanged();
  yield* endGrants(context, agent, new Set([scopes.system]));
}

function* endGrants(context: WriteContext, grantor: string, lost: ReadonlySet<string>): Work<void> {
  let after = '';
  for (;;) {
    const page = yield* liveGrantsBy(context.project, grantor, context.now, after, pageSize);
    for (const { id, scope } of page) {
      if (!lost.has(scope)) continue;
      yield* revokeGrant(context.project, id, context.now);
      yield* context.record({ kind: 'grant', name: id, scope }, { operation: 'access.revoke' });
    }
    if (page.length < pageSize) return;
    after = page.at(-1)!.id;
  }
}
