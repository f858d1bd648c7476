import { scopes } from '../../../kernel/access/model.ts';
import { agentById } from '../../../kernel/access/statements.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import type { Risk } from '../../../kernel/ledger/entry.ts';
import type { Work } from '../../../kernel/work.ts';
import { isAdministrator } from '../registration/registry.ts';
import { assertCurrent, coordinatorText } from './model.ts';
import { addCoordinator, type CoordinatorRow, changeCoordinator, coordinatorById } from './statements.ts';

/** What every operation on coordinators shares: whose post it is, and how a change is written and recorded. */

export function coordinatorSubject(id: string): Subject {
  return { kind: 'coordinator', name: id, scope: scopes.project };
}

export const coordinatorsTopic = 'coordinators/all';

interface Change {
  readonly operation: string;
  readonly action: string;
  readonly risk?: Risk;
  /** What the relay is pointed to, where that is more than the coordinator. */
  readonly pointer?: string;
}

function* record(
  context: WriteContext,
  row: CoordinatorRow,
  { operation, action, risk, pointer }: Change,
): Work<number> {
  context.tx.touch(coordinatorsTopic);
  context.tx.touch(`coordinators/${row.id}`);
  const subject = { ...coordinatorSubject(row.id), ...(pointer !== undefined && { pointer }) };
  return yield* context.record(subject, {
    operation,
    content: coordinatorText(row),
    facts: { token: row.fencing_token, warnings: row.warnings },
    labels: {
      action,
      category: 'blocking-coordination',
      entityType: 'coordinator',
      entityId: row.id,
      swarm: row.swarm_id,
    },
    ...(risk && { risk }),
  });
}

/** Writes a change that is told; the row must still be as it was seen. Answers it as it is now. */
export function* transition(
  context: WriteContext,
  seen: CoordinatorRow,
  changed: Partial<CoordinatorRow>,
  change: Change,
): Work<CoordinatorRow> {
  const row = { ...seen, ...changed };
  row.seq = yield* record(context, row, change);
  yield* write(context, seen, row);
  return row;
}

/** Writes a change that leaves no entry. */
export function* write(context: WriteContext, seen: CoordinatorRow, row: CoordinatorRow): Work<void> {
  if ((yield* changeCoordinator(context.project, seen, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', `coordinator ${row.id} changed meanwhile`, { id: row.id });
}

/** A new post, under a token larger than all before. */
export function* establish(
  context: WriteContext,
  post: Pick<CoordinatorRow, 'id' | 'agent_id' | 'swarm_id'> & Partial<CoordinatorRow>,
  change: Change,
): Work<CoordinatorRow> {
  const row: CoordinatorRow = {
    status: 'active',
    fencing_token: context.tx.nextToken(),
    sequence: 0,
    iteration: 0,
    phase: null,
    metadata: '{}',
    registered_at: context.now,
    last_heartbeat: null,
    last_activity: null,
    warnings: 0,
    warned_at: null,
    recovered_from: 0,
    timed_out_at: null,
    died_at: null,
    death_reason: null,
    replaces: null,
    successor: null,
    seq: 0,
    ...post,
  };
  row.seq = yield* record(context, row, change);
  yield* addCoordinator(context.project, row);
  return row;
}

/** The post that the caller speaks for; undefined where there is none. */
export function* heldPost(
  context: WriteContext,
  id: string,
  token: number | undefined,
): Work<CoordinatorRow | undefined> {
  yield* context.identity();
  const row = yield* coordinatorById(context.project, id);
  if (!row && token !== undefined)
    throw new RookeryError('FENCED', `coordinator ${id} is gone`, { coordinator: id, token });
  if (!row) return undefined;
  assertHolds(context, row);
  assertCurrent(row, token);
  return row;
}

/** The same, made when it is first named. A post is its first holder's; one with the name of an agent is that agent's. */
export function* ownPost(context: WriteContext, id: string, token: number | undefined): Work<CoordinatorRow> {
  const row = yield* heldPost(context, id, token);
  if (row) return row;
  const namesake = yield* agentById(context.project, id);
  if (namesake && id !== context.agent && !isAdministrator(context)) throw notHolder(id, id);
  const holder = (yield* agentById(context.project, namesake ? id : context.agent))!;
  const swarm_id = context.principal.swarm ?? holder.swarm_id;
  const change = { operation: 'coordinators.register', action: 'coordinator_register' };
  return yield* establish(context, { id, agent_id: holder.id, swarm_id }, change);
}

export function assertHolds(context: ReadContext, row: CoordinatorRow): void {
  if (row.agent_id !== context.agent && !isAdministrator(context)) throw notHolder(row.id, row.agent_id);
}

function notHolder(id: string, holder: string): Denial {
  return new Denial('FORBIDDEN', `coordinator ${id} is the post of ${holder}`, coordinatorSubject(id), {
    coordinator: id,
    holder,
  });
}
