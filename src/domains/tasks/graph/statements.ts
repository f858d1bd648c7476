import { change, many, one, statement, type Work } from '../../../kernel/work.ts';
import type { Policy } from '../model.ts';

export interface EdgeRow {
  task_id: string;
  depends_on: string;
  on_failure: Policy;
  settled: number;
}

const columns = 'd.task_id, d.depends_on, d.on_failure, d.settled';

const insertEdge = statement(`
  INSERT INTO dependencies (project_id, task_id, depends_on, on_failure, settled, created_at)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (project_id, task_id, depends_on) DO NOTHING`);
/** 0 rows when there is this dependency already. */
export const addEdge = (project: string, edge: EdgeRow, now: number) =>
  change(insertEdge, [project, edge.task_id, edge.depends_on, edge.on_failure, edge.settled, now]);

const deleteEdge = statement(
  'DELETE FROM dependencies WHERE project_id = $1 AND task_id = $2 AND depends_on = $3',
);
export const dropEdge = (project: string, task: string, dependsOn: string) =>
  change(deleteEdge, [project, task, dependsOn]);

const deleteEdges = statement('DELETE FROM dependencies WHERE project_id = $1 AND task_id = $2');
export const dropEdgesOf = (project: string, task: string) => change(deleteEdges, [project, task]);

const selectEdges = statement(`
  SELECT ${columns} FROM dependencies d WHERE d.project_id = $1 AND d.task_id = $2 ORDER BY d.depends_on LIMIT $3`);
/** What a task depends on. */
export const edgesOf = (project: string, task: string, limit: number) =>
  many<EdgeRow>(selectEdges, [project, task, limit]);

const selectOpen = statement(`
  SELECT 1 AS open FROM dependencies d WHERE d.project_id = $1 AND d.task_id = $2 AND d.settled = 0 LIMIT 1`);
export function* hasOpenEdge(project: string, task: string): Work<boolean> {
  return (yield* one(selectOpen, [project, task])) !== undefined;
}

const selectDependents = statement(`
  SELECT ${columns} FROM dependencies d
  WHERE d.project_id = $1 AND d.depends_on = $2 AND d.settled = 0 AND d.task_id > $3 ORDER BY d.task_id LIMIT $4`);
/** Who still waits for a task. */
export const dependentsAfter = (project: string, task: string, after: string, limit: number) =>
  many<EdgeRow>(selectDependents, [project, task, after, limit]);

const selectOrphaned = statement(`
  SELECT ${columns} FROM dependencies d WHERE d.project_id = $1 AND d.settled = 1 AND NOT EXISTS (
    SELECT 1 FROM tasks b WHERE b.project_id = d.project_id AND b.id = d.depends_on) LIMIT $2`);
/** Settled dependencies on what is no longer there. Looks through all of the project's. */
export const orphanedEdges = (project: string, limit: number) =>
  many<EdgeRow>(selectOrphaned, [project, limit]);

const selectUntold = statement(`
  SELECT ${columns} FROM dependencies d
  WHERE d.project_id = $1 AND d.depends_on = $2 AND d.settled = 0
    AND ($3 = 'completed' OR d.on_failure = 'ignore' OR (d.on_failure = 'cascade' AND EXISTS (
      SELECT 1 FROM tasks w WHERE w.project_id = d.project_id AND w.id = d.task_id AND w.status = 'blocked')))
  ORDER BY d.task_id LIMIT $4`);
/** Dependencies on a task that ended in this state which that changes, and has not changed yet. */
export const untoldDependents = (project: string, task: string, status: string, limit: number) =>
  many<EdgeRow>(selectUntold, [project, task, status, limit]);

const selectAwaited = statement(`
  SELECT 1 AS awaited FROM dependencies d JOIN tasks w ON w.project_id = d.project_id AND w.id = d.task_id
  WHERE d.project_id = $1 AND d.depends_on = $2 AND d.settled = 0 AND w.completed_at IS NULL LIMIT 1`);
/** Whether a task that is not over waits for this one. */
export function* isAwaited(project: string, task: string): Work<boolean> {
  return (yield* one(selectAwaited, [project, task])) !== undefined;
}

const updateAllSettled = statement(
  'UPDATE dependencies SET settled = 1 WHERE project_id = $1 AND depends_on = $2 AND settled = 0',
);
/** Nothing waits any more for a task that goes. */
export const settleEdgesOn = (project: string, task: string) => change(updateAllSettled, [project, task]);

const countDependents = statement(`
  SELECT count(*) AS n FROM (SELECT 1 FROM dependencies d
    WHERE d.project_id = $1 AND d.depends_on = $2 AND d.settled = 0 LIMIT $3) waiting`);
/** How many still wait for a task, counted up to a limit. */
export function* dependentCount(project: string, task: string, upTo: number): Work<number> {
  return (yield* one<{ n: number }>(countDependents, [project, task, upTo]))!.n;
}

const updateSettled = statement(`
  UPDATE dependencies SET settled = 1 WHERE project_id = $1 AND task_id = $2 AND depends_on = $3 AND settled = 0`);
export const settleEdge = (project: string, task: string, dependsOn: string) =>
  change(updateSettled, [project, task, dependsOn]);

/**
 * All that a task depends on, directly or not. The engine keeps the work list: no depth is too large for it. CROSS JOIN
 * holds SQLite to one search for each task; else it reads all dependencies of the project at each step.
 */
const reachable = `
  WITH RECURSIVE reachable(id) AS (
    SELECT d.depends_on FROM dependencies d WHERE d.project_id = $1 AND d.task_id = $2
    UNION
    SELECT d.depends_on FROM reachable r CROSS JOIN dependencies d WHERE d.project_id = $1 AND d.task_id = r.id
  )`;

const selectReaches = statement(`
  SELECT found.id FROM (${reachable} SELECT id FROM reachable WHERE id = $3 LIMIT 1) found`);
/** Whether a task depends on another one, directly or not. */
export function* reaches(project: string, from: string, to: string): Work<boolean> {
  return (yield* one(selectReaches, [project, from, to])) !== undefined;
}

const selectReachableEdges = statement(`
  SELECT ${columns} FROM (${reachable} SELECT id FROM reachable UNION SELECT $2) found CROSS JOIN dependencies d
  WHERE d.project_id = $1 AND d.task_id = found.id LIMIT $3`);
/** The dependencies between all that a task depends on. */
export const edgesBelow = (project: string, task: string, limit: number) =>
  many<EdgeRow>(selectReachableEdges, [project, task, limit]);

const selectPage = statement(`
  SELECT ${columns}, b.status, b.redrives, b.due_at,
    CASE WHEN d.created_at < b.created_at AND w.created_at < b.created_at THEN 1 ELSE 0 END AS namesake
  FROM dependencies d
    LEFT JOIN tasks w ON w.project_id = d.project_id AND w.id = d.task_id
    LEFT JOIN tasks b ON b.project_id = d.project_id AND b.id = d.depends_on
  WHERE d.project_id = $1 AND (d.task_id, d.depends_on) > ($2, $3) ORDER BY d.task_id, d.depends_on LIMIT $4`);
/**
 * All dependencies with the state of what is depended on, for verification. A namesake is younger than the dependency: what
 * that was on has been forgotten since, and another task came under its id.
 */
export const edgesForChecks = (project: string, task: string, dependsOn: string, limit: number) =>
  many<EdgeRow & { status: string | null; redrives: number | null; due_at: number | null; namesake: number }>(
    selectPage,
    [project, task, dependsOn, limit],
  );
