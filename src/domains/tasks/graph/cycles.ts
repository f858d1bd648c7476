import type { WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { cycleError } from '../model.ts';
import { taskById } from '../statements.ts';
import { edgesBelow, reaches } from './statements.ts';

/** Keeps the graph free of circles, and names a circle in order when it refuses one. */

/** Edges that are looked through for the way round a circle that was found. */
const edgesSearched = 200_000;
/** Members of a circle that are named. */
const namedMax = 1000;
/** Stands for a task that the caller may not see. */
const unseen = '(not visible)';

/** Throws INVALID_INPUT where `task` would depend on itself, directly or not. */
export function* assertAcyclic(
  context: WriteContext,
  task: string,
  dependsOn: string,
  field: string,
): Work<void> {
  if (task === dependsOn) throw cycleError(field, [task, task]);
  if (!(yield* reaches(context.project, dependsOn, task))) return;
  const edges = yield* edgesBelow(context.project, dependsOn, edgesSearched);
  const below = Map.groupBy(edges, ({ task_id }) => task_id);
  const way = wayFrom(dependsOn, task, (id) => (below.get(id) ?? []).map(({ depends_on }) => depends_on));
  throw cycleError(field, yield* named(context, [task, ...way]));
}

/** Throws INVALID_INPUT where tasks that are made together depend on each other in a circle. Else: each after those it depends on. */
export function inOrder<T>(
  tasks: readonly T[],
  of: { id(task: T): string; dependsOn(task: T): readonly string[] },
  field: string,
): T[] {
  const byId = new Map(tasks.map((task) => [of.id(task), task]));
  const inside = (task: T) => of.dependsOn(task).filter((id) => byId.has(id));
  const left = new Map(tasks.map((task) => [of.id(task), inside(task).length]));
  const dependents = new Map<string, T[]>();
  for (const task of tasks) {
    for (const id of inside(task)) {
      const waiting = dependents.get(id) ?? [];
      waiting.push(task);
      dependents.set(id, waiting);
    }
  }
  const ordered = tasks.filter((task) => left.get(of.id(task)) === 0);
  for (let i = 0; i < ordered.length; i++) {
    for (const task of dependents.get(of.id(ordered[i]!)) ?? []) {
      const id = of.id(task);
      left.set(id, left.get(id)! - 1);
      if (left.get(id) === 0) ordered.push(task);
    }
  }
  if (ordered.length === tasks.length) return ordered;
  const stuck = new Set(ordered);
  // Every one that is left depends on another that is left: whoever follows that comes back.
  const trail: string[] = [];
  let at = of.id(tasks.find((task) => !stuck.has(task))!);
  while (!trail.includes(at)) {
    trail.push(at);
    at = inside(byId.get(at)!).find((id) => !stuck.has(byId.get(id)!))!;
  }
  throw cycleError(field, [...trail.slice(trail.indexOf(at)), at]);
}

/** The shortest way from one task to another along dependencies, both ends included. */
function wayFrom(from: string, to: string, next: (id: string) => readonly string[]): string[] {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  const line = [from];
  for (let i = 0; i < line.length && !cameFrom.has(to); i++) {
    for (const id of next(line[i]!)) {
      if (cameFrom.has(id)) continue;
      cameFrom.set(id, line[i]);
      line.push(id);
    }
  }
  const way: string[] = [];
  for (let id: string | undefined = to; id !== undefined; id = cameFrom.get(id)) way.push(id);
  return way.toReversed();
}

/** The circle as the caller may see it. A long one is shortened in the middle. */
function* named(context: WriteContext, cycle: readonly string[]): Work<string[]> {
  const identity = yield* context.identity();
  const half = namedMax / 2;
  const ids = cycle.length > namedMax ? [...cycle.slice(0, half), '…', ...cycle.slice(-half)] : cycle;
  const shown: string[] = [];
  for (const id of ids) {
    const row = id === '…' ? undefined : yield* taskById(context.project, id);
    const guarded = row && { scope: row.scope, owner: row.owner, path: id };
    const visible = !guarded || (yield* context.may(identity, 'read', 'tasks', guarded));
    shown.push(visible ? id : unseen);
  }
  return shown;
}
