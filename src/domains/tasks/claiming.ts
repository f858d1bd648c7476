import { agentById } from '../../kernel/access/statements.ts';
import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { type Claim, type ClaimInput, capabilitiesOf, leaseEnd, type Task } from './model.ts';
import { assertOne, recordTask, shown } from './records.ts';
import { settleDue } from './settling.ts';
import { claimTask, type LaneHead, laneHeads, nextDue, type TaskRow, taskById } from './statements.ts';

/** Ready, claim and lease in one: whoever asks gets the first task that it may take, and nobody else gets that attempt. */

/** Tasks that time has changed, looked after in one claim: a backlog of them must not hold up the commit. */
const settledAtOnce = 100;

export type Claimed = { readonly task: Task; readonly claim: Claim } | null;

export function* claimNext(context: WriteContext, wanted: Omit<ClaimInput, 'waitMs'>): Work<Claimed> {
  yield* context.identity();
  const { more } = yield* settleDue(context, settledAtOnce);
  const agent = (yield* agentById(context.project, context.agent))!;
  const able = new Set(wanted.capabilities ?? (JSON.parse(agent.capabilities) as string[]));
  const head = yield* firstOf(context, wanted.types, able);
  if (!head) {
    const due = yield* nextDue(context.project);
    context.dueInMs = more ? 1 : due && Math.max(1, due - context.now);
    return null;
  }
  const row = (yield* taskById(context.project, head.id))!;
  return yield* hand(context, row, { incarnation: agent.incarnation, leaseMs: wanted.leaseMs });
}

/** The first among the heads of all lanes that the agent is capable of. */
function* firstOf(
  context: WriteContext,
  types: readonly string[],
  able: ReadonlySet<string>,
): Work<LaneHead | undefined> {
  const heads: LaneHead[] = [];
  for (const type of types.length > 0 ? new Set(types) : [undefined])
    heads.push(...(yield* laneHeads(context.project, context.agent, type, context.now)));
  return heads.filter((head) => isCapable(able, head)).sort(byPlace)[0];
}

function isCapable(able: ReadonlySet<string>, { lane }: LaneHead): boolean {
  return capabilitiesOf(lane).every((name) => able.has(name));
}

function byPlace(a: LaneHead, b: LaneHead): number {
  return a.place - b.place || (a.id < b.id ? -1 : 1);
}

/** Gives a task to the caller, under a token larger than all before. */
function* hand(
  context: WriteContext,
  before: TaskRow,
  { incarnation, leaseMs }: { incarnation: number; leaseMs: number },
): Work<Claimed> {
  const { now } = context;
  const row = {
    ...before,
    status: 'in_progress' as const,
    claimed_by: context.agent,
    incarnation,
    claimed_at: now,
    due_at: leaseEnd(now, leaseMs, { ...before, claimed_at: now }),
    attempt: before.attempt + 1,
    token: context.tx.nextToken(),
    lease_ms: leaseMs,
    progress: 0,
    updated_at: now,
  };
  row.seq = yield* recordTask(context, row, 'tasks.claim');
  assertOne(yield* claimTask(context.project, row, before.seq), row);
  return { task: yield* shown(context, row), claim: claimOf(row) };
}

/** A sign of life is due three times in each lease. */
const heartbeatsPerLease = 3;

export function claimOf(row: TaskRow): Claim {
  return {
    token: row.token,
    attempt: row.attempt,
    expiresAt: row.due_at!,
    limitAt: row.claimed_at! + row.time_limit_ms,
    heartbeatMs: Math.max(1, Math.floor(row.lease_ms / heartbeatsPerLease)),
  };
}
