import type { WriteContext } from '../context.ts';
import type { Work } from '../work.ts';
import { liveGrantsBy, revokeGrant } from './grant-statements.ts';
import { setMemberships } from './identity.ts';
import type { Membership, Standing } from './model.ts';
import { type AgentRow, agentById, changeAgent, membershipsAt } from './statements.ts';

const pageSize = 500;

/** Where an agent stands by its own row. */
export function standingOf(row: AgentRow): Standing {
  return {
    swarm: row.swarm_id,
    team: row.team_id ?? undefined,
    active: row.status === 'active',
    system: row.system_member === 1,
  };
}

/**
 * Computes an agent's memberships anew. What it granted to others rested on its own: a grant over an audience that it
 * leaves ends in the same transaction, also one that would outlast a membership which now ends earlier, and those over
 * its private data when it is no longer active.
 */
export function* changeMemberships(context: WriteContext, row: AgentRow): Work<void> {
  const { project, now } = context;
  const before = yield* membershipsAt(project, row.id, now);
  yield* setMemberships(context.tx, row.id, standingOf(row));
  const after = new Map((yield* membershipsAt(project, row.id, now)).map((m) => [m.scope, m.expiresAt]));
  const shortened = new Map<string, number>();
  for (const membership of before) {
    const end = endOf(after, membership);
    if (end !== null) shortened.set(membership.scope, end);
  }
  if (shortened.size > 0) yield* endGrants(context, row.id, shortened);
}

/** When an audience is left, where that is now earlier than it was; else null. */
function endOf(after: ReadonlyMap<string, number | null>, before: Membership): number | null {
  const end = after.get(before.scope);
  if (end === undefined) return 0;
  return end !== null && (before.expiresAt === null || before.expiresAt > end) ? end : null;
}

/** Puts an agent that exists into the system audience. */
export function* joinSystem(context: WriteContext, agent: string): Work<void> {
  yield* setSystem(context, agent, 1);
}

/** What a role brings stays. */
export function* leaveSystem(context: WriteContext, agent: string): Work<void> {
  yield* setSystem(context, agent, 0);
}

function* setSystem(context: WriteContext, agent: string, systemMember: 0 | 1): Work<void> {
  const row = yield* agentById(context.project, agent);
  if (!row || row.system_member === systemMember) return;
  const after = { ...row, system_member: systemMember };
  yield* changeAgent(context.project, after);
  yield* changeMemberships(context, after);
}

function* endGrants(context: WriteContext, grantor: string, ends: ReadonlyMap<string, number>): Work<void> {
  let after = '';
  for (;;) {
    const page = yield* liveGrantsBy(context.project, grantor, context.now, after, pageSize);
    for (const { id, scope, expires_at: expiresAt } of page) {
      const end = ends.get(scope);
      if (end === undefined || expiresAt <= end) continue;
      yield* revokeGrant(context.project, id, context.now);
      yield* context.record({ kind: 'grant', name: id, scope }, { operation: 'access.revoke' });
    }
    if (page.length < pageSize) return;
    after = page.at(-1)!.id;
  }
}
