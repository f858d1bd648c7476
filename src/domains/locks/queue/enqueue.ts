import type { WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { retentionMs } from '../../../kernel/idempotency.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import type { Blocked } from '../judgement.ts';
import type { Holder, Terms, Turnover } from '../leases.ts';
import { type Acquired, type Cycle, type Lease, upgradeTier } from '../model.ts';
import type { Resource } from '../resources.ts';
import { cyclesOfWaiter, deadlocked } from './cycles.ts';
import { requestOf, subjectOf } from './ends.ts';
import { addWaiter, countBypass, dropEndedWaiters, type WaiterRow, waiting } from './statements.ts';

export interface Waiting {
  readonly holder: Holder;
  readonly resources: readonly Resource[];
  readonly terms: Terms;
  readonly urgency: number;
}

/** Queues a request that was judged to be blocked, at the place that the judgement gave it. */
export function* enqueue(
  context: WriteContext,
  { holder, resources, terms, urgency }: Waiting,
  blocked: Blocked,
  options: { readonly deadlineAt: number; readonly refuseDeadlock: boolean; readonly over: Turnover },
): Work<Acquired> {
  const { project, now } = context;
  if ((yield* waiting(project)) >= limits.waiters)
    throw new RookeryError('LIMIT_REACHED', `no more than ${limits.waiters} requests wait at once`);
  // A replayed call asks for its waiter again; after that nobody does.
  yield* dropEndedWaiters(project, now - retentionMs);
  const id = context.newId('wait');
  const position = yield* context.record(subjectOf(id), {
    operation: 'locks.wait',
    facts: { urgency, resources: resources.length },
  });
  const row: WaiterRow = {
    id,
    agent_id: holder.agent,
    incarnation: holder.incarnation,
    request: JSON.stringify({ resources, terms }),
    urgency,
    tier: blocked.tier,
    position,
    bypassed: 0,
    enqueued_at: now,
    deadline_ms: options.deadlineAt,
    state: 'waiting',
    lease_id: null,
    joined: 0,
    accepted_at: null,
    deadlock: null,
    alive: 1,
  };
  yield* addWaiter(project, row, resources);
  // An upgrade takes nothing from those it comes before: they wait for what it holds already.
  if (row.tier !== upgradeTier) for (const other of blocked.overtaken) yield* countBypass(project, other.id);
  const cycles = yield* cyclesOfWaiter(context, row, options.over);
  if (options.refuseDeadlock && cycles.length > 0) throw deadlocked(cycles);
  return waitingAnswer(now, row, { dueAt: dueAt(now, row, blocked), deadlock: cycles });
}

/** An agent that restarts or is suspended says nothing here: whoever stands behind it looks after its waiters. */
const lookMs = 10_000;

/** When the passing of time alone could end the wait: all that stands in the way must be over, or the wait itself. */
export function dueAt(
  now: number,
  row: WaiterRow,
  { leases, ahead }: Pick<Blocked, 'leases' | 'ahead'>,
): number {
  let latest = 0;
  for (const near of leases) latest = Math.max(latest, near.row.expires_at_ms ?? Number.POSITIVE_INFINITY);
  for (const near of ahead) latest = Math.max(latest, near.row.deadline_ms);
  return Math.min(row.deadline_ms, latest, now + lookMs);
}

export function waitingAnswer(
  now: number,
  row: WaiterRow,
  more: { readonly dueAt: number; readonly deadlock: readonly Cycle[] },
): Acquired {
  return {
    state: 'waiting',
    renewed: false,
    lease: wantedLease(row),
    waiter: row.id,
    dueAt: more.dueAt,
    now,
    deadlock: [...more.deadlock],
  };
}

/** What is waited for, in the form in which it will be answered. */
function wantedLease(row: WaiterRow): Lease {
  const { resources, terms } = requestOf(row);
  return {
    id: '',
    token: 0,
    holder: row.agent_id,
    incarnation: row.incarnation,
    status: 'waiting',
    purpose: terms.purpose ?? (resources[0]!.mode === 'shared' ? 'read' : 'edit'),
    checksum: terms.checksum ?? null,
    ttlMs: terms.ttlMs,
    reservedAt: row.enqueued_at,
    expiresAt: null,
    releasedAt: null,
    endedBy: null,
    endReason: null,
    metadata: JSON.parse(terms.metadata ?? '{}'),
    resources: resources.map((resource) => ({ id: '', ...resource })),
  };
}
