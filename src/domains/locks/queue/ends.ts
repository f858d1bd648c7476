import { scopes } from '../../../kernel/access/model.ts';
import type { Subject, WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import type { Terms, Turnover } from '../leases.ts';
import type { Resource } from '../resources.ts';
import { endWaiter, type WaiterRow, type WaiterState } from './statements.ts';

/** How waiters end: each in exactly one state, and whoever waits for it hears of it. */

/** What a waiter asked for, as its row keeps it. */
export interface Request {
  readonly resources: readonly Resource[];
  readonly terms: Terms;
}

export function requestOf(row: Pick<WaiterRow, 'request'>): Request {
  return JSON.parse(row.request) as Request;
}

export function subjectOf(waiter: string): Subject {
  return { kind: 'lock-waiter', name: waiter, scope: scopes.project };
}

/** What a waiting call of this agent is woken by. */
export function topicOf(agent: string): string {
  return `locks/queue/${agent}`;
}

type Failure = Exclude<WaiterState, 'waiting' | 'granted'>;

const operations: Record<Failure, string> = {
  timed_out: 'locks.timeout',
  cancelled: 'locks.cancel',
  gone: 'locks.abandon',
};

/** Ends a waiter without a lease. Whoever stood behind it may have its turn. */
export function* dismiss(context: WriteContext, row: WaiterRow, state: Failure, over: Turnover): Work<void> {
  const ended = yield* endWaiter(context.project, row.id, {
    state,
    at: context.now,
    lease: null,
    joined: false,
  });
  if (ended === 0) return;
  yield* context.record(subjectOf(row.id), { operation: operations[state] });
  over.freed.push(...requestOf(row).resources);
  context.tx.touch(topicOf(row.agent_id));
}

/** Ends a waiter whose time is over or whose agent is gone: it must neither be granted anything nor block anybody. */
export function* dismissIfOver(context: WriteContext, row: WaiterRow, over: Turnover): Work<boolean> {
  if (row.alive === 0) yield* dismiss(context, row, 'gone', over);
  else if (row.deadline_ms <= context.now) yield* dismiss(context, row, 'timed_out', over);
  else return false;
  return true;
}

/** Ends a waiter with the lease it waited for. `joined`: its agent had the lease already. */
export function* satisfy(context: WriteContext, row: WaiterRow, lease: string, joined: boolean): Work<void> {
  yield* endWaiter(context.project, row.id, { state: 'granted', at: context.now, lease, joined });
  context.tx.touch(topicOf(row.agent_id));
}
