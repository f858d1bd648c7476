import { agentSubject } from '../../../kernel/access/identity.ts';
import { scopes } from '../../../kernel/access/model.ts';
import { deadAgents, markDead, silentSince } from '../../../kernel/access/presence.ts';
import { type AgentRow, agentById } from '../../../kernel/access/statements.ts';
import type { Subject, WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { endLeasesOf, leasesOf } from '../../locks/operations.ts';
import { recordEvent, unreadOf } from '../../mail/operations.ts';
import { loseTargetsOf } from '../../signals/operations.ts';
import { claimsOf, releaseTasksOf } from '../../tasks/operations.ts';
import type { Bundle, Cause } from './handoff-model.ts';
import { addHandoff, type HandoffRow } from './handoff-statements.ts';

/**
 * Ends of lives. Whatever ends one, the agent's incarnation grows, so that the process which lived it is refused from
 * then on, and what it held is free in the same commit.
 */

/** Tells each death that has not been told, at most `limit`; answers what was left behind. */
export function* tellDeaths(context: WriteContext, limit: number): Work<HandoffRow[]> {
  const { project, now } = context;
  const silent = silentSince(yield* context.resumedAt(), now);
  const told: HandoffRow[] = [];
  for (const id of yield* deadAgents(project, silent, limit)) {
    const row = (yield* agentById(project, id))!;
    if ((yield* markDead(project, row, { now, silent })) !== 1) continue;
    told.push((yield* endLife(context, row, 'death'))!);
  }
  return told;
}

/**
 * Frees what a life held and keeps a list of it for a successor. `row` is the agent as it lived; its next incarnation is
 * already written. A restart that leaves nothing behind leaves no list.
 */
export function* endLife(context: WriteContext, row: AgentRow, cause: Cause): Work<HandoffRow | undefined> {
  const { project } = context;
  const keep = row.incarnation + 1;
  const bundle = yield* bundleOf(context, row.id, keep);
  const reason = reasons[cause];
  yield* endLeasesOf(context, row.id, { reason, keep });
  yield* releaseTasksOf(context, row.id, { reason, keep });
  // Who has only lost its memberships may have them back: signals see that by themselves.
  if (cause === 'death') yield* loseTargetsOf(context, row.id);
  if (cause !== 'death' && isEmpty(bundle)) return undefined;
  const handoff: HandoffRow = {
    id: context.newId('handoff'),
    agent_id: row.id,
    incarnation: row.incarnation,
    cause,
    last_seen: row.last_seen,
    ended_at: context.now,
    bundle: JSON.stringify(bundle),
    claimed_by: null,
    claimed_at: null,
    ended_seq: 0,
    seq: 0,
  };
  if (cause === 'death') yield* tell(context, row);
  handoff.seq = yield* recordHandoff(context, handoff, 'fleet.handoff');
  handoff.ended_seq = handoff.seq;
  yield* addHandoff(project, handoff);
  context.tx.touch('fleet');
  context.tx.touch(deathTopic);
  context.tx.touch(`fleet/${row.id}`);
  return handoff;
}

export const deathTopic = 'fleet/lives';

const reasons: Record<Cause, string> = {
  death: 'the agent is dead',
  restart: 'the agent was started again',
  inactive: 'the agent is inactive',
  suspended: 'the agent is suspended',
  terminated: 'the agent is terminated',
};

function* bundleOf(context: WriteContext, agent: string, keep: number): Work<Bundle> {
  const leases = yield* leasesOf(context, agent, keep);
  const claims = yield* claimsOf(context, agent);
  return {
    leases: leases.map(({ id, token, purpose, expiresAt, resources }) => ({
      lease: id,
      token,
      purpose,
      expiresAt,
      resources: resources.map(({ kind, path, mode }) => ({ kind, path, mode })),
    })),
    tasks: claims
      .filter(({ claim }) => claim?.incarnation !== keep)
      .map(({ id, attempt }) => ({ task: id, attempt })),
    mail: yield* unreadOf(context, agent),
  };
}

function isEmpty({ leases, tasks, mail }: Bundle): boolean {
  return leases.length + tasks.length === 0 && mail.every(({ head, position }) => head <= position);
}

/** The death itself, beside what was left behind: one entry and one event for each life. */
function* tell(context: WriteContext, row: AgentRow): Work<void> {
  yield* context.record(agentSubject(row.id), {
    operation: 'fleet.death',
    facts: { incarnation: row.incarnation, lastSeen: row.last_seen },
    labels: labelsOf('death', row),
    risk: 'medium',
  });
  yield* recordEvent(context, {
    streamType: 'agent',
    streamId: row.id,
    type: 'death',
    data: {
      incarnation: row.incarnation,
      lastSeen: row.last_seen,
      agentType: row.type,
      agentSwarm: row.swarm_id,
    },
  });
}

/** What plain SQL finds an entry of an agent's life by. */
export function labelsOf(action: string, row: Pick<AgentRow, 'id' | 'swarm_id'>) {
  return { action, category: 'agent-lifecycle', entityType: 'agent', entityId: row.id, swarm: row.swarm_id };
}

export function handoffSubject(id: string): Subject {
  return { kind: 'handoff', name: id, scope: scopes.project };
}

/** What an entry of a handoff commits to; verification makes it again from the row. One fact a line. */
export function handoffText(row: HandoffRow): string {
  return `${row.agent_id}\n${row.incarnation}\n${row.cause}\n${row.last_seen}\n${row.ended_at}
${row.bundle}\n${row.claimed_by ?? ''}\n${row.claimed_at ?? ''}`;
}

export function* recordHandoff(context: WriteContext, row: HandoffRow, operation: string): Work<number> {
  return yield* context.record(handoffSubject(row.id), { content: handoffText(row), operation });
}
