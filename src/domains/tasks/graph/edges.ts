import type { WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import { isCurrent, type Policy, wrongStatus } from '../model.ts';
import { changeable, seen, write } from '../records.ts';
import { lapseIfOver } from '../settling.ts';
import type { TaskRow } from '../statements.ts';
import { assertAcyclic } from './cycles.ts';
import { fallWith, spread, unblock, verdictOn } from './spreading.ts';
import { addEdge, dependentCount, dropEdge, edgesOf } from './statements.ts';

/** Dependencies that are added to a task, or taken from it, after it was made. */

export interface Wanted {
  readonly task: string;
  readonly dependsOn: string;
  readonly onFailure: Policy;
  readonly token?: number | undefined;
}

/** The other task of a dependency, with room for one more that waits for it. Throws NOT_FOUND. */
export function* dependable(context: WriteContext, id: string): Work<TaskRow> {
  const row = yield* seen(context, id);
  if ((yield* dependentCount(context.project, id, limits.dependents)) >= limits.dependents) {
    const message = `no more than ${limits.dependents} tasks wait for one and the same`;
    throw new RookeryError('LIMIT_REACHED', message, { task: id, limit: limits.dependents });
  }
  return row;
}

export function* addDependency(context: WriteContext, wanted: Wanted): Work<TaskRow> {
  const { task, dependsOn, onFailure } = wanted;
  const row = yield* lapseIfOver(context, yield* changeable(context, task));
  assertOpenTo(context, row, wanted.token);
  const known = (yield* edgesOf(context.project, task, limits.batchItems)).find(
    ({ depends_on }) => depends_on === dependsOn,
  );
  if (known?.on_failure === onFailure) return row;
  const other = yield* dependable(context, dependsOn);
  yield* assertAcyclic(context, task, dependsOn, 'dependsOn');
  if (!known && row.dependencies >= limits.batchItems)
    throw new RookeryError('LIMIT_REACHED', `a task has at most ${limits.batchItems} dependencies`, { task });
  if (known) yield* dropEdge(context.project, task, dependsOn);
  // Under another policy it is another dependency: what one has settled says nothing about the other.
  const verdict = verdictOn(other.status, onFailure);
  const settled = verdict === 'settled' ? 1 : 0;
  const edge = { task_id: task, depends_on: dependsOn, on_failure: onFailure, settled };
  yield* addEdge(context.project, edge, context.now);
  const count = row.dependencies + (known ? 0 : 1);
  const patch = { dependencies: count, ...(settled === 0 && blocked(row, context.now)) };
  const changed = yield* write(context, row, patch, 'tasks.addDependency');
  if (verdict === 'spreads') {
    const fallen = yield* fallWith(context, changed, other);
    yield* spread(context, fallen);
    return fallen;
  }
  return settled === 1 ? ((yield* unblock(context, task)) ?? changed) : changed;
}

export function* removeDependency(context: WriteContext, task: string, dependsOn: string): Work<TaskRow> {
  const row = yield* lapseIfOver(context, yield* changeable(context, task));
  if ((yield* dropEdge(context.project, task, dependsOn)) === 0) return row;
  const patch = { dependencies: row.dependencies - 1 };
  const changed = yield* write(context, row, patch, 'tasks.removeDependency');
  return (yield* unblock(context, task)) ?? changed;
}

/** Only the agent that works on a task can say that it must wait. */
function assertOpenTo(context: WriteContext, row: TaskRow, token: number | undefined): void {
  if (row.status === 'blocked' || row.status === 'pending') return;
  if (row.status !== 'in_progress') throw wrongStatus(row, 'nothing can be added to what it depends on');
  if (token === undefined) throw wrongStatus(row, 'only its holder can make it wait, with the token');
  if (!isCurrent(row, { agent: context.agent, token, now: context.now }))
    throw new RookeryError('FENCED', `this claim of task ${row.id} is over`, { task: row.id });
}

/** A time that it was put off to still holds. */
export function blocked(row: Pick<TaskRow, 'ready_at'>, now: number) {
  const putOff = row.ready_at !== null && row.ready_at > now ? row.ready_at : null;
  return { status: 'blocked' as const, ready_at: putOff, due_at: null };
}
