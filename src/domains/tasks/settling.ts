import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { notedIn, storeError, storeNoted } from './contents.ts';
import { changesLeft, spread } from './graph/spreading.ts';
import { afterFailure, type Failing, isOver } from './model.ts';
import { announce, pendingFrom, write } from './records.ts';
import { addAttempt, arrive, overdueTasks, type TaskRow } from './statements.ts';

/** How attempts end without success, and what the passing of time alone does to tasks. */

interface Failure {
  readonly outcome: Failing;
  /** When it failed: the end of a claim that ran out, else now. */
  readonly at: number;
  readonly error: string;
  readonly retryable: boolean;
}

const operations: Record<Failing, string> = {
  failed: 'tasks.fail',
  expired: 'tasks.expire',
  abandoned: 'tasks.abandon',
};

/** Ends the attempt that is under way: history, then another attempt after a rest, or a dead letter. */
export function* failAttempt(context: WriteContext, row: TaskRow, failure: Failure): Work<TaskRow> {
  yield* keepAttempt(context, row, failure);
  const { note } = yield* notedIn(context, row);
  const noted = yield* storeNoted(context, row, { note, error: failure.error });
  const { failures, readyAt } = afterFailure(row, failure.at, failure.retryable);
  const next =
    readyAt === null
      ? { status: 'failed' as const, completed_at: context.now, due_at: null }
      : pendingFrom(row, readyAt, context.now);
  const ended = yield* write(context, row, { ...noted, ...next, failures }, operations[failure.outcome]);
  announce(context, ended);
  if (ended.status === 'failed') yield* spread(context, ended);
  return ended;
}

function* keepAttempt(context: WriteContext, row: TaskRow, failure: Failure): Work<void> {
  const attempt = {
    task_id: row.id,
    attempt: row.attempt,
    scope: row.scope,
    agent_id: row.claimed_by!,
    incarnation: row.incarnation,
    token: row.token,
    outcome: failure.outcome,
    started_at: row.claimed_at!,
    ended_at: failure.at,
  };
  const seq = yield* context.record(attemptSubject(attempt), {
    operation: operations[failure.outcome],
    content: attemptText(attempt, failure.error),
    facts: { attempt: row.attempt, token: row.token },
  });
  yield* addAttempt(context.project, {
    ...attempt,
    ...(yield* storeError(context, attempt, failure.error)),
    seq,
  });
}

type Attempted = Parameters<typeof addAttempt>[1];

export function attemptSubject({
  task_id,
  attempt,
  scope,
}: Pick<Attempted, 'task_id' | 'attempt' | 'scope'>) {
  return { kind: 'attempt', name: `${attempt}\n${task_id}`, scope };
}

/** The text that the entry of an attempt commits to. */
export function attemptText(row: Omit<Attempted, 'seq' | 'error' | 'sealed'>, error: string): string {
  const { agent_id, incarnation, token, outcome, started_at, ended_at } = row;
  return JSON.stringify([agent_id, incarnation, token, outcome, started_at, ended_at, error]);
}

/** A claim that ran out is one failed attempt, from the millisecond it expired, whenever that is noticed. */
export function* lapse(context: WriteContext, row: TaskRow): Work<TaskRow> {
  const late = row.due_at! >= row.claimed_at! + row.time_limit_ms;
  const error = late ? 'it took longer than its time limit' : 'the claim ran out without a heartbeat';
  return yield* failAttempt(context, row, { outcome: 'expired', at: row.due_at!, error, retryable: true });
}

/** The task as it is now, for who wants to change it. */
export function* lapseIfOver(context: WriteContext, row: TaskRow): Work<TaskRow> {
  const over = row.status === 'in_progress' && row.due_at !== null && row.due_at <= context.now;
  return over ? yield* lapse(context, row) : row;
}

export interface Settled {
  readonly expired: number;
  /** Dead letters among them. */
  readonly dead: number;
  readonly more: boolean;
}

/** Does what is due: rests that are over, claims that ran out, ends that were not told to all. At most `limit` tasks. */
export function* settleDue(context: WriteContext, limit: number): Work<Settled> {
  let [expired, dead] = [0, 0];
  const rows = yield* overdueTasks(context.project, context.now, limit);
  for (const row of rows) {
    if (isOver(row.status)) {
      yield* spread(context, row);
      continue;
    }
    if (row.status !== 'in_progress') {
      yield* arrive(context.project, row.id, context.now);
      announce(context, row);
      continue;
    }
    const ended = yield* lapse(context, row);
    expired++;
    if (ended.status === 'failed') dead++;
  }
  return { expired, dead, more: rows.length === limit || changesLeft(context) === 0 };
}
