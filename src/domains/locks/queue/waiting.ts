import { Denial, type WriteContext } from '../../../kernel/context.ts';
import { notFound, RookeryError } from '../../../kernel/errors.ts';
import type { GiveUpReason } from '../../../kernel/operation.ts';
import type { Work } from '../../../kernel/work.ts';
import { attempt, granted } from '../acquisition.ts';
import { judge, type Verdict } from '../judgement.ts';
import { end, type Holder, isOver, renew, rowsOf, type Turnover, turnover } from '../leases.ts';
import type { Acquired } from '../model.ts';
import { sweep } from '../sweep.ts';
import { dismiss, requestOf, subjectOf } from './ends.ts';
import { dueAt, enqueue, waitingAnswer } from './enqueue.ts';
import { handOver } from './handover.ts';
import { acceptGrant, anythingDue, type WaiterRow, waiterById } from './statements.ts';

/** A waiting call between its first look and its end. */

/** Looks again. Whoever looks also tidies: what is over by now is ended, and handed over. */
export function* look(context: WriteContext, output: Acquired): Work<Acquired> {
  const { project, now } = context;
  const due = output.dueAt! <= now;
  let row = yield* waiterById(project, output.waiter!);
  if (row?.state === 'waiting' && (due || (yield* anythingDue(project, now)))) {
    const over = turnover();
    yield* sweep(context, over);
    if (due) yield* judgeAgain(context, row, over);
    yield* handOver(context, over);
    row = yield* waiterById(project, row.id);
  }
  if (!row) return { ...output, state: 'gone' };
  if (row.state !== 'waiting') return yield* settle(context, row, output, true);
  const dueAt = due ? yield* nextDue(context, row) : output.dueAt!;
  return waitingAnswer(now, row, { dueAt, deadlock: JSON.parse(row.deadlock ?? '[]') });
}

/** What it was blocked by was renewed, or passed on, or belongs to an agent that is gone by now. */
function* nextDue(context: WriteContext, row: WaiterRow): Work<number> {
  const verdict = yield* judgeAgain(context, row, turnover());
  return verdict.kind === 'blocked' ? dueAt(context.now, row, verdict) : row.deadline_ms;
}

function judgeAgain(context: WriteContext, row: WaiterRow, over: Turnover): Work<Verdict> {
  const { resources } = requestOf(row);
  return judge(context, { holder: holderOf(row), resources, urgency: row.urgency, queued: row }, over);
}

/** The time is over, or the caller went away: it ends up with the lease or with nothing, never with both. */
export function* giveUp(context: WriteContext, output: Acquired, reason: GiveUpReason): Work<Acquired> {
  const row = yield* waiterById(context.project, output.waiter!);
  if (!row) return { ...output, state: 'gone' };
  const over = turnover();
  let state: Acquired['state'] = reason === 'timeout' ? 'timed_out' : 'cancelled';
  if (row.state === 'waiting')
    yield* dismiss(context, row, state === 'timed_out' ? state : 'cancelled', over);
  else if (row.state === 'granted' && row.accepted_at === null && reason === 'cancelled')
    yield* giveBack(context, row, over);
  else {
    const settled = yield* settle(context, row, output, false);
    state = settled.state;
    if (state === 'granted') return settled;
  }
  yield* handOver(context, over);
  return { ...output, state, deadlock: JSON.parse(row.deadlock ?? '[]') };
}

/** Ends a wait of the caller's own; false when it had ended before. */
export function* cancelWaiter(context: WriteContext, id: string): Work<boolean> {
  const row = yield* waiterById(context.project, id);
  if (!row) throw notFound('waiter');
  if (row.agent_id !== context.agent) {
    const message = `${context.agent} may not cancel a wait of ${row.agent_id}`;
    throw new Denial('FORBIDDEN', message, subjectOf(id), { waiter: id });
  }
  const over = turnover();
  const offered = row.state === 'granted' && row.accepted_at === null;
  if (row.state === 'waiting') yield* dismiss(context, row, 'cancelled', over);
  else if (offered) yield* giveBack(context, row, over);
  yield* handOver(context, over);
  return row.state === 'waiting' || offered;
}

/** A lease that came for nobody. One that the agent had before anyway it keeps. */
function* giveBack(context: WriteContext, row: WaiterRow, over: Turnover): Work<void> {
  yield* acceptGrant(context.project, row.id, context.now);
  const rows = yield* rowsOf(context.project, row.lease_id!);
  if (rows && row.joined === 0 && rows[0].released_at === null)
    yield* end(context, rows, { status: isOver(rows[0], context.now) ? 'expired' : 'released' }, over);
}

/** The answer for a waiter that ended. A grant is taken up, which starts its time. */
function* settle(context: WriteContext, row: WaiterRow, output: Acquired, again: boolean): Work<Acquired> {
  if (row.state !== 'granted') return { ...output, state: row.state };
  const rows = yield* rowsOf(context.project, row.lease_id!);
  const deadlock = JSON.parse(row.deadlock ?? '[]');
  if (row.accepted_at !== null) {
    // A replayed call: the same lease and token as before, whatever became of it.
    return rows
      ? granted(context, { rows, renewed: row.joined === 1, deadlock })
      : { ...output, state: 'gone' };
  }
  yield* acceptGrant(context.project, row.id, context.now);
  if (rows && !isOver(rows[0], context.now)) {
    if (row.joined === 0) yield* renew(context, rows, requestOf(row).terms, 'locks.acquire');
    return granted(context, { rows, renewed: row.joined === 1, deadlock });
  }
  return again ? yield* askAgain(context, row, output) : { ...output, state: 'timed_out' };
}

/** The lease ran out before the caller took it up: this process was held up for long. */
function* askAgain(context: WriteContext, row: WaiterRow, output: Acquired): Work<Acquired> {
  if (row.deadline_ms <= context.now) return { ...output, state: 'timed_out' };
  const { resources, terms } = requestOf(row);
  const holder = holderOf(row);
  const asked = { resources, terms, urgency: row.urgency };
  const over = turnover();
  const outcome = yield* attempt(context, holder, asked, over);
  let answer: Acquired;
  if (outcome.rows) answer = granted(context, outcome);
  else if (outcome.refusal.kind === 'own') answer = { ...output, state: 'timed_out' };
  else {
    const options = { deadlineAt: row.deadline_ms, refuseDeadlock: false, over };
    answer = yield* enqueue(context, { ...asked, holder }, outcome.refusal, options);
  }
  yield* handOver(context, over);
  return answer;
}

function holderOf(row: WaiterRow): Holder {
  return { agent: row.agent_id, incarnation: row.incarnation };
}

/** The error that the end of a wait stands for. */
export function failureOf({ state, waiter, deadlock }: Acquired): RookeryError | undefined {
  switch (state) {
    case 'granted':
    case 'waiting':
      return undefined;
    case 'gone':
      return new RookeryError('FENCED', 'another life of this agent has begun', { waiter });
    case 'cancelled':
      return new RookeryError('TIMEOUT', 'the wait was cancelled; nothing is held', { waiter, deadlock });
    case 'timed_out':
      return new RookeryError('TIMEOUT', 'the lease was not free in time; nothing is held', {
        waiter,
        deadlock,
      });
  }
}
