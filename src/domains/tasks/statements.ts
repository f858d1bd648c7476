import { grantInForce, notPast, visible } from '../../kernel/access/statements.ts';
import { entryBeside } from '../../kernel/ledger/statements.ts';
import { change, many, one, statement, type Work } from '../../kernel/work.ts';
import type { Standing } from './model.ts';

export interface TaskRow extends Standing {
  title: string;
  type: string;
  description: string | null;
  priority: number;
  progress: number;
  assigned_to: string | null;
  capabilities: string;
  lane: string;
  level: string;
  scope: string;
  owner: string;
  /** Who wrote the current revision of what it says. */
  author: string;
  revision: number;
  seq: number;
  redrives: number;
  lease_ms: number;
  incarnation: number;
  ready_at: number | null;
  place: number;
  /** How many dependencies it has, settled or not. */
  dependencies: number;
  created_at: number;
  updated_at: number;
  completed_at: number | null;
  payload: string | null;
  metadata: string;
  sealed: Uint8Array | null;
  result: string | null;
  result_sealed: Uint8Array | null;
  note: string | null;
  note_sealed: Uint8Array | null;
}

const fixed = ['id', 'type', 'level', 'scope', 'owner', 'created_at'] as const;
/** What changes of a task write. */
const changing = [
  'title',
  'description',
  'status',
  'priority',
  'progress',
  'assigned_to',
  'capabilities',
  'lane',
  'author',
  'revision',
  'seq',
  'attempt',
  'failures',
  'redrives',
  'max_attempts',
  'backoff_ms',
  'time_limit_ms',
  'lease_ms',
  'token',
  'claimed_by',
  'incarnation',
  'claimed_at',
  'ready_at',
  'place',
  'due_at',
  'dependencies',
  'updated_at',
  'completed_at',
  'payload',
  'metadata',
  'sealed',
  'result',
  'result_sealed',
  'note',
  'note_sealed',
] as const;
const all = [...fixed, ...changing];
const columns = all.map((column) => `t.${column}`).join(', ');

const selectTask = statement(`SELECT ${columns} FROM tasks t WHERE t.project_id = $1 AND t.id = $2`);
export const taskById = (project: string, id: string) => one<TaskRow>(selectTask, [project, id]);

const insertTask = statement(`
  INSERT INTO tasks (project_id, ${all.join(', ')})
  VALUES ($1, ${all.map((_, i) => `$${i + 2}`).join(', ')}) ON CONFLICT (project_id, id) DO NOTHING`);
/** 0 rows when there is a task of this id. */
export const addTask = (project: string, row: TaskRow) =>
  change(insertTask, [project, ...all.map((column) => row[column])]);

const updateTask = statement(`
  UPDATE tasks SET ${changing.map((column, i) => `${column} = $${i + 4}`).join(', ')}
  WHERE project_id = $1 AND id = $2 AND seq = $3`);
/** Writes a row over the one with this ledger number; 0 rows when that is not the current one. */
export const replaceTask = (project: string, row: TaskRow, before: number) =>
  change(updateTask, [project, row.id, before, ...changing.map((column) => row[column])]);

/** Claimable: nobody has it, its rest is over and all that it depends on is settled. */
const claimable = `status = 'pending' AND seq = $3 AND ready_at <= $4
  AND NOT EXISTS (SELECT 1 FROM dependencies d
    WHERE d.project_id = tasks.project_id AND d.task_id = tasks.id AND d.settled = 0)`;

const updateClaimed = statement(`
  UPDATE tasks SET status = 'in_progress', claimed_by = $5, incarnation = $6, claimed_at = $4, attempt = $7, token = $8,
    lease_ms = $9, due_at = $10, seq = $11, updated_at = $4, progress = 0
  WHERE project_id = $1 AND id = $2 AND ${claimable}`);
/** Hands a task to an agent; 0 rows when it is not claimable as it was read. */
export const claimTask = (project: string, row: TaskRow, before: number) =>
  change(updateClaimed, [
    project,
    row.id,
    before,
    row.claimed_at,
    row.claimed_by,
    row.incarnation,
    row.attempt,
    row.token,
    row.lease_ms,
    row.due_at,
    row.seq,
  ]);

const updateLease = statement(`
  UPDATE tasks SET due_at = $5
  WHERE project_id = $1 AND id = $2 AND status = 'in_progress' AND token = $3 AND due_at > $4`);
/** Moves the end of a claim that is in force. */
export const extendLease = (project: string, id: string, token: number, now: number, dueAt: number) =>
  change(updateLease, [project, id, token, now, dueAt]);

/**
 * Lanes with tasks that can be taken, in the audiences of an agent: of its memberships, and of grants to write tasks
 * and to read them that cover an audience as a whole: a claim shows the task, and goes on with it. Each step of the recursion is one search in `tasks_ready`, so what it costs grows
 * with the kinds of work there are, not with the tasks. `$3` to `$5`: what stands before and after the audience in a
 * lane, for tasks that are open to all and for those of this agent, see `laneOf`; `$7` is after every text.
 */
const ready = "t.project_id = $1 AND t.status = 'pending' AND t.due_at IS NULL";
const first = (column: string) => `(
    SELECT t.${column} FROM tasks t WHERE ${ready} AND t.lane = found.lane ORDER BY t.place, t.id LIMIT 1) AS ${column}`;
// No join: Postgres would hash the whole table for it (measured over 30,000 tasks: 40 ms against 0.4).
const selectHeads = statement(`
  SELECT found.lane, ${first('id')}, ${first('place')} FROM (
    WITH RECURSIVE audiences(scope) AS (
      SELECT m.scope FROM memberships m WHERE m.project_id = $1 AND m.agent_id = $2 AND ${notPast('m', '$6')}
      UNION
      SELECT g.scope FROM grants g
      WHERE g.project_id = $1 AND g.agent_id = $2 AND g.resource = 'tasks' AND g.action = 'write' AND g.prefix = ''
        AND ${grantInForce('g', "''", '$6')}
        AND EXISTS (SELECT 1 FROM grants r
          WHERE r.project_id = $1 AND r.agent_id = $2 AND r.resource = 'tasks' AND r.action = 'read' AND r.prefix = ''
            AND r.scope = g.scope AND ${grantInForce('r', "''", '$6')})
    ), prefixes(prefix) AS (
      SELECT $3 || a.scope || $5 FROM audiences a UNION ALL SELECT $4 || a.scope || $5 FROM audiences a
    ), lanes(prefix, lane) AS (
      SELECT p.prefix, (SELECT MIN(t.lane) FROM tasks t WHERE ${ready} AND t.lane > p.prefix AND t.lane < p.prefix || $7)
      FROM prefixes p
      UNION ALL
      SELECT l.prefix, (SELECT MIN(t.lane) FROM tasks t WHERE ${ready} AND t.lane > l.lane AND t.lane < l.prefix || $7)
      FROM lanes l WHERE l.lane IS NOT NULL
    ) SELECT lane FROM lanes WHERE lane IS NOT NULL
  ) found`);
export type LaneHead = Pick<TaskRow, 'lane' | 'id' | 'place'>;
/** The first task of each lane that the agent may take from, of one type or of all. */
export const laneHeads = (project: string, agent: string, type: string | undefined, now: number) =>
  many<LaneHead>(selectHeads, [
    project,
    agent,
    '\n',
    `${agent}\n`,
    type === undefined ? '\n' : `\n${type}\n`,
    now,
    '\u{10ffff}',
  ]);

const selectDue = statement(`
  SELECT ${columns} FROM tasks t WHERE t.project_id = $1 AND t.due_at IS NOT NULL AND t.due_at <= $2
  ORDER BY t.due_at, t.id LIMIT $3`);
/** Tasks that the passing of time has changed: rests that are over, and claims; and ends that were not told to all. */
export const overdueTasks = (project: string, now: number, limit: number) =>
  many<TaskRow>(selectDue, [project, now, limit]);

const selectNextDue = statement(`
  SELECT t.due_at FROM tasks t WHERE t.project_id = $1 AND t.due_at IS NOT NULL ORDER BY t.due_at LIMIT 1`);
export function* nextDue(project: string): Work<number | undefined> {
  return (yield* one<{ due_at: number }>(selectNextDue, [project]))?.due_at;
}

const updateArrived = statement(`
  UPDATE tasks SET due_at = NULL WHERE project_id = $1 AND id = $2 AND status = 'pending' AND due_at <= $3`);
/** Puts a task whose rest is over among those that can be taken. */
export const arrive = (project: string, id: string, now: number) => change(updateArrived, [project, id, now]);

const updateSpreading = statement('UPDATE tasks SET due_at = $3 WHERE project_id = $1 AND id = $2');
/** Notes since when a task that has ended is yet to be told to those that depend on it; null: all were told. */
export const markSpreading = (project: string, id: string, since: number | null) =>
  change(updateSpreading, [project, id, since]);

const selectOfStatus = statement(`
  SELECT ${columns} FROM tasks t WHERE t.project_id = $1 AND t.status = $2 AND t.id > $3 ORDER BY t.id LIMIT $4`);
export const tasksOfStatus = (project: string, status: string, after: string, limit: number) =>
  many<TaskRow>(selectOfStatus, [project, status, after, limit]);

const selectClaims = statement(`
  SELECT ${columns} FROM tasks t
  WHERE t.project_id = $1 AND t.claimed_by = $2 AND t.status = 'in_progress' AND t.id > $3 ORDER BY t.id LIMIT $4`);
export const claimsAfter = (project: string, agent: string, after: string, limit: number) =>
  many<TaskRow>(selectClaims, [project, agent, after, limit]);

const at = { agent: 2, act: 3, now: 4 };
const selectVisible = statement(`
  SELECT ${columns} FROM tasks t
  WHERE t.project_id = $1 AND t.id > $5 AND ($6 = '' OR t.status = $6) AND ($7 = '' OR t.type = $7)
    AND ($8 = '' OR t.assigned_to = $8) AND ($9 = '' OR (t.claimed_by = $9 AND t.status = 'in_progress'))
    AND ($10 = '' OR t.owner = $10) AND ${visible('t', 'tasks', 't.id', at)}
  ORDER BY t.id LIMIT $11`);
const selectVisibleOf = statement(`
  SELECT ${columns} FROM tasks t
  WHERE t.project_id = $1 AND t.status = $6 AND t.id > $5 AND ($7 = '' OR t.type = $7)
    AND ($8 = '' OR t.assigned_to = $8) AND ($9 = '' OR (t.claimed_by = $9 AND t.status = 'in_progress'))
    AND ($10 = '' OR t.owner = $10) AND ${visible('t', 'tasks', 't.id', at)}
  ORDER BY t.id LIMIT $11`);
export interface TaskFilter {
  readonly status: string;
  readonly type: string;
  readonly assignee: string;
  readonly holder: string;
  readonly owner: string;
}
/** Tasks that the agent may read, by id; filtered before they are counted. */
export const tasksAfter = (
  project: string,
  agent: string,
  now: number,
  filter: TaskFilter,
  page: { after: string; limit: number },
) =>
  many<TaskRow>(filter.status === '' ? selectVisible : selectVisibleOf, [
    project,
    agent,
    'read',
    now,
    page.after,
    filter.status,
    filter.type,
    filter.assignee,
    filter.holder,
    filter.owner,
    page.limit,
  ]);

const selectPage = statement(`
  SELECT ${columns}, ledger.entry FROM tasks t ${entryBeside('t')}
  WHERE t.project_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3`);
/** All tasks in the order of ids, for verification. */
export const tasksForChecks = (project: string, after: string, limit: number) =>
  many<TaskRow & { entry: string | null }>(selectPage, [project, after, limit]);

const selectScope = statement(`
  SELECT ${columns} FROM tasks t WHERE t.project_id = $1 AND t.scope = $2 ORDER BY t.id LIMIT $3`);
export const tasksIn = (project: string, scope: string, limit: number) =>
  many<TaskRow>(selectScope, [project, scope, limit]);

const selectOwned = statement(`
  SELECT ${columns} FROM tasks t WHERE t.project_id = $1 AND t.owner = $2 ORDER BY t.id LIMIT $3`);
export const ownedTasks = (project: string, agent: string, limit: number) =>
  many<TaskRow>(selectOwned, [project, agent, limit]);

const deleteTask = statement('DELETE FROM tasks WHERE project_id = $1 AND id = $2');
export const dropTask = (project: string, id: string) => change(deleteTask, [project, id]);

const deleteAttempts = statement('DELETE FROM task_attempts WHERE project_id = $1 AND task_id = $2');
export const dropAttempts = (project: string, task: string) => change(deleteAttempts, [project, task]);

export interface AttemptRow {
  task_id: string;
  attempt: number;
  scope: string;
  agent_id: string;
  incarnation: number;
  token: number;
  outcome: string;
  started_at: number;
  ended_at: number;
  seq: number;
  error: string | null;
  sealed: Uint8Array | null;
}

const attemptNames = [
  'task_id',
  'attempt',
  'scope',
  'agent_id',
  'incarnation',
  'token',
  'outcome',
  'started_at',
  'ended_at',
  'seq',
  'error',
  'sealed',
] as const;
const attemptColumns = attemptNames.map((column) => `a.${column}`).join(', ');

const insertAttempt = statement(`
  INSERT INTO task_attempts (project_id, ${attemptNames.join(', ')})
  VALUES ($1, ${attemptNames.map((_, i) => `$${i + 2}`).join(', ')})`);
export const addAttempt = (project: string, row: AttemptRow) =>
  change(insertAttempt, [project, ...attemptNames.map((column) => row[column])]);

const selectAttempts = statement(`
  SELECT ${attemptColumns} FROM task_attempts a
  WHERE a.project_id = $1 AND a.task_id = $2 AND a.attempt > $3 ORDER BY a.attempt LIMIT $4`);
export const attemptsOf = (project: string, task: string, after: number, limit: number) =>
  many<AttemptRow>(selectAttempts, [project, task, after, limit]);

const selectAttemptPage = statement(`
  SELECT ${attemptColumns}, ledger.entry FROM task_attempts a ${entryBeside('a')}
  WHERE a.project_id = $1 AND (a.task_id, a.attempt) > ($2, $3) ORDER BY a.task_id, a.attempt LIMIT $4`);
export const attemptsForChecks = (project: string, task: string, attempt: number, limit: number) =>
  many<AttemptRow & { entry: string | null }>(selectAttemptPage, [project, task, attempt, limit]);
