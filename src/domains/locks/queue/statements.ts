import {
  change,
  many,
  one,
  type Parameter,
  type Statement,
  statement,
  type Work,
} from '../../../kernel/work.ts';
import type { Kind } from '../model.ts';

export type WaiterState = 'waiting' | 'granted' | 'timed_out' | 'cancelled' | 'gone';

export interface WaiterRow {
  id: string;
  agent_id: string;
  incarnation: number;
  /** The request as JSON. */
  request: string;
  urgency: number;
  /** Order of service: tier, then position. */
  tier: number;
  position: number;
  /** How many later requests came before it. */
  bypassed: number;
  enqueued_at: number;
  deadline_ms: number;
  state: WaiterState;
  lease_id: string | null;
  /** 1 when the lease was the agent's already. */
  joined: number;
  accepted_at: number | null;
  deadlock: string | null;
  /** 1 while the life of the agent that asked goes on. */
  alive: number;
}

// An active agent has memberships that do not end by themselves, and one that is not active has none.
const columns = `w.id, w.agent_id, w.incarnation, w.request, w.urgency, w.tier, w.position, w.bypassed, w.enqueued_at,
  w.deadline_ms, w.state, w.lease_id, w.joined, w.accepted_at, w.deadlock,
  CASE WHEN EXISTS (SELECT 1 FROM agents a WHERE a.project_id = w.project_id AND a.id = w.agent_id
      AND a.incarnation = w.incarnation)
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.project_id = w.project_id AND m.agent_id = w.agent_id
      AND m.expires_at IS NULL)
    THEN 1 ELSE 0 END AS alive`;

const selectWaiter = statement(`SELECT ${columns} FROM lock_waiters w WHERE w.project_id = $1 AND w.id = $2`);
export const waiterById = (project: string, id: string) => one<WaiterRow>(selectWaiter, [project, id]);

const insertWaiter = statement(`
  INSERT INTO lock_waiters (project_id, id, agent_id, incarnation, request, urgency, tier, position, enqueued_at,
    deadline_ms, state)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting')`);
const insertResource = statement(`
  INSERT INTO lock_waiter_resources (project_id, kind, path, waiter_id, shared) VALUES ($1, $2, $3, $4, $5)`);
export function* addWaiter(
  project: string,
  row: WaiterRow,
  resources: readonly { kind: Kind; path: string; mode: string }[],
): Work<void> {
  yield* change(insertWaiter, [
    project,
    row.id,
    row.agent_id,
    row.incarnation,
    row.request,
    row.urgency,
    row.tier,
    row.position,
    row.enqueued_at,
    row.deadline_ms,
  ]);
  for (const { kind, path, mode } of resources)
    yield* change(insertResource, [project, kind, path, row.id, mode === 'shared' ? 1 : 0]);
}

const updateEnded = statement(`
  UPDATE lock_waiters SET state = $3, ended_at = $4, lease_id = $5, joined = $6
  WHERE project_id = $1 AND id = $2 AND state = 'waiting'`);
const deleteResources = statement(
  'DELETE FROM lock_waiter_resources WHERE project_id = $1 AND waiter_id = $2',
);
/** Guarded: answers how many waiters ended, 0 when it had ended before. */
export function* endWaiter(
  project: string,
  id: string,
  end: { state: WaiterState; at: number; lease: string | null; joined: boolean },
): Work<number> {
  const ended = yield* change(updateEnded, [project, id, end.state, end.at, end.lease, end.joined ? 1 : 0]);
  if (ended > 0) yield* change(deleteResources, [project, id]);
  return ended;
}

const updateAccepted = statement(`
  UPDATE lock_waiters SET accepted_at = $3
  WHERE project_id = $1 AND id = $2 AND state = 'granted' AND accepted_at IS NULL`);
export const acceptGrant = (project: string, id: string, now: number) =>
  change(updateAccepted, [project, id, now]);

const updateBypassed = statement(`
  UPDATE lock_waiters SET bypassed = bypassed + 1 WHERE project_id = $1 AND id = $2 AND state = 'waiting'`);
export const countBypass = (project: string, id: string) => change(updateBypassed, [project, id]);

const updateDeadlock = statement('UPDATE lock_waiters SET deadlock = $3 WHERE project_id = $1 AND id = $2');
export const noteDeadlock = (project: string, id: string, cycles: string) =>
  change(updateDeadlock, [project, id, cycles]);

export interface WantedRow extends WaiterRow {
  kind: Kind;
  path: string;
  shared: number;
}

const wantedFrom = `FROM lock_waiter_resources r
  JOIN lock_waiters w ON w.project_id = r.project_id AND w.id = r.waiter_id`;

const chunk = 16;
const selectWanting = { 1: wantingAmong(1), [chunk]: wantingAmong(chunk) };
function wantingAmong(paths: number): Statement {
  const list = Array.from({ length: paths }, (_, i) => `$${i + 4}`).join(', ');
  return statement(`
    SELECT ${columns}, r.kind, r.path, r.shared ${wantedFrom}
    WHERE r.project_id = $1 AND r.kind = $2 AND r.path IN (${list}) AND w.tier <= $3
    LIMIT 200000`);
}
/** What waiters up to a tier want of exactly these paths. The number of waiters is bounded when they are queued. */
export function* wantedAt(
  project: string,
  kind: Kind,
  paths: readonly string[],
  tier: number,
): Work<WantedRow[]> {
  if (paths.length === 1) return yield* many<WantedRow>(selectWanting[1]!, [project, kind, tier, paths[0]!]);
  const found: WantedRow[] = [];
  for (let i = 0; i < paths.length; i += chunk) {
    const some = paths.slice(i, i + chunk);
    const filled = [...some, ...Array<string>(chunk - some.length).fill(some[0]!)];
    found.push(...(yield* many<WantedRow>(selectWanting[chunk]!, [project, kind, tier, ...filled])));
  }
  return found;
}

const selectBetween = statement(`
  SELECT ${columns}, r.kind, r.path, r.shared ${wantedFrom}
  WHERE r.project_id = $1 AND r.kind = $2 AND r.path >= $3 AND r.path <= $4 AND w.tier <= $5
    AND (r.path, r.waiter_id) > ($6, $7)
  ORDER BY r.path, r.waiter_id LIMIT 1000`);
/** The same in a range of paths. */
export function* wantedBetween(
  project: string,
  kind: Kind,
  range: { from: string; to: string },
  tier: number,
): Work<WantedRow[]> {
  const found: WantedRow[] = [];
  let last: WantedRow | undefined;
  do {
    const after: Parameter[] = last ? [last.path, last.id] : ['', ''];
    const page: WantedRow[] = yield* many<WantedRow>(selectBetween, [
      project,
      kind,
      range.from,
      range.to,
      tier,
      ...after,
    ]);
    found.push(...page);
    last = page.length === 1000 ? page.at(-1) : undefined;
  } while (last);
  return found;
}

const selectOfAgent = statement(`
  SELECT ${columns} FROM lock_waiters w
  WHERE w.project_id = $1 AND w.agent_id = $2 AND w.state = 'waiting' ORDER BY w.position LIMIT 10000`);
export const waitersOf = (project: string, agent: string) => many<WaiterRow>(selectOfAgent, [project, agent]);

const selectOverdue = statement(`
  SELECT ${columns} FROM lock_waiters w
  WHERE w.project_id = $1 AND w.state = 'waiting' AND w.deadline_ms <= $2 ORDER BY w.deadline_ms LIMIT $3`);
export const overdueWaiters = (project: string, now: number, limit: number) =>
  many<WaiterRow>(selectOverdue, [project, now, limit]);

const selectQueue = statement(`
  SELECT ${columns} FROM lock_waiters w
  WHERE w.project_id = $1 AND w.state = 'waiting' AND ($2 = '' OR w.agent_id = $2) AND (w.tier, w.position) > ($3, $4)
  ORDER BY w.tier, w.position LIMIT $5`);
/** Waiters in the order in which they are served. */
export const queueAfter = (
  project: string,
  agent: string,
  after: { tier: number; position: number },
  limit: number,
) => many<WaiterRow>(selectQueue, [project, agent, after.tier, after.position, limit]);

const countWaiting = statement(`
  SELECT count(*) AS waiting FROM lock_waiters WHERE project_id = $1 AND state = 'waiting'`);
export function* waiting(project: string): Work<number> {
  return (yield* one<{ waiting: number }>(countWaiting, [project]))!.waiting;
}

const selectDue = statement(`
  SELECT CASE WHEN
    EXISTS (SELECT 1 FROM locks WHERE project_id = $1 AND released_at IS NULL AND expires_at_ms IS NOT NULL
      AND expires_at_ms <= $2)
    OR EXISTS (SELECT 1 FROM lock_waiters WHERE project_id = $1 AND state = 'waiting' AND deadline_ms <= $2)
    THEN 1 ELSE 0 END AS due`);
/** Whether the time of any lease or waiter is over and nothing has noticed. */
export function* anythingDue(project: string, now: number): Work<boolean> {
  return (yield* one<{ due: number }>(selectDue, [project, now]))!.due === 1;
}

const deleteEnded = statement(`
  DELETE FROM lock_waiters WHERE project_id = $1 AND id IN
    (SELECT id FROM lock_waiters WHERE project_id = $1 AND state <> 'waiting' AND ended_at <= $2 LIMIT 8)`);
/** A few of those that ended long ago. */
export const dropEndedWaiters = (project: string, before: number) => change(deleteEnded, [project, before]);

const pairsOver = (shared: 0 | 1) => `
  SELECT w.agent_id AS waiter, l.reserved_by AS holder, l.normalized_path AS path
  FROM lock_waiters w
    JOIN lock_waiter_resources r ON r.project_id = w.project_id AND r.waiter_id = w.id
    JOIN locks l ON l.project_id = r.project_id AND l.kind = r.kind AND l.normalized_path = r.path
      AND l.released_at IS NULL AND l.shared = ${shared}
  WHERE w.project_id = $1 AND w.state = 'waiting' AND l.reserved_by <> w.agent_id AND (r.shared = 0 OR l.shared = 0)
    AND (l.expires_at_ms IS NULL OR l.expires_at_ms > $2)`;
const selectPairs = statement(`${pairsOver(0)} UNION ${pairsOver(1)} ORDER BY 1, 2, 3 LIMIT $3`);
/** Agents that wait for what another one holds. */
export const waitingPairs = (project: string, now: number, limit: number) =>
  many<{ waiter: string; holder: string; path: string }>(selectPairs, [project, now, limit]);
