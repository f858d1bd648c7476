import type { WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { storeNoted } from '../contents.ts';
import type { Policy, Status } from '../model.ts';
import { announce, pendingFrom, write } from '../records.ts';
import { markSpreading, type TaskRow, taskById } from '../statements.ts';
import { type EdgeRow, hasOpenEdge, settleEdge, untoldDependents } from './statements.ts';

/** What the end of a task means for those that depend on it, in the transaction of that end or soon after. */

/**
 * So many tasks are changed by the ends that one call brings about: 10,000 in one transaction kept everybody else waiting
 * for 6.5 s. Where there are more, the task that has ended is due (see `tasks_due`) until whoever claims or sweeps next
 * has gone on with it.
 */
const changesAtOnce = 500;
const changes = new WeakMap<WriteContext, number>();

/** How many tasks this call may still change in that way. */
export function changesLeft(context: WriteContext): number {
  return changesAtOnce - (changes.get(context) ?? 0);
}

/** Whether a dependency on a task in this state holds nothing up, and what it does otherwise. */
export function verdictOn(status: Status, policy: Policy): 'settled' | 'open' | 'spreads' {
  if (status === 'completed') return 'settled';
  if (status !== 'failed' && status !== 'cancelled') return 'open';
  if (policy === 'ignore') return 'settled';
  return policy === 'cascade' ? 'spreads' : 'open';
}

/** Frees or ends what waited for a task that has ended: a work list, so a chain may be of any length. */
export function* spread(context: WriteContext, ended: TaskRow): Work<void> {
  const line = [ended];
  for (const task of line) {
    const left = changesLeft(context);
    const edges = yield* untoldDependents(context.project, task.id, task.status, left + 1);
    const told = edges.slice(0, left);
    changes.set(context, changesAtOnce - left + told.length);
    for (const edge of told) {
      const also = yield* meet(context, edge, task);
      if (also) line.push(also);
    }
    const due = told.length < edges.length ? context.now : null;
    if (due !== task.due_at) yield* markSpreading(context.project, task.id, due);
  }
}

/** Applies the end of a task to one that depends on it; answers that one if it has ended with it. */
function* meet(context: WriteContext, edge: EdgeRow, task: TaskRow): Work<TaskRow | undefined> {
  switch (verdictOn(task.status, edge.on_failure)) {
    case 'open':
      return undefined;
    case 'settled':
      yield* settleEdge(context.project, edge.task_id, edge.depends_on);
      yield* unblock(context, edge.task_id);
      return undefined;
    case 'spreads': {
      const row = yield* taskById(context.project, edge.task_id);
      return row?.status === 'blocked' ? yield* fallWith(context, row, task) : undefined;
    }
  }
}

/** Ends a blocked task because one that it depends on has. */
export function* fallWith(
  context: WriteContext,
  row: TaskRow,
  { id, status }: Pick<TaskRow, 'id' | 'status'>,
): Work<TaskRow> {
  const error = `dependency ${id} ${status === 'failed' ? 'failed' : 'was cancelled'}`;
  const noted = yield* storeNoted(context, row, { error });
  return yield* write(
    context,
    row,
    { ...noted, status, completed_at: context.now, due_at: null },
    'tasks.cascade',
  );
}

/** Makes a task claimable once nothing that it depends on is open. */
export function* unblock(context: WriteContext, id: string): Work<TaskRow | undefined> {
  const row = yield* taskById(context.project, id);
  if (row?.status !== 'blocked' || (yield* hasOpenEdge(context.project, id))) return row;
  const readyAt = Math.max(context.now, row.ready_at ?? 0);
  const freed = yield* write(context, row, pendingFrom(row, readyAt, context.now), 'tasks.ready');
  announce(context, freed);
  return freed;
}
