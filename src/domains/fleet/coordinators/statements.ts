import { change, many, one, statement } from '../../../kernel/work.ts';

export interface CoordinatorRow {
  id: string;
  agent_id: string;
  swarm_id: string;
  status: string;
  fencing_token: number;
  sequence: number;
  iteration: number;
  phase: string | null;
  metadata: string;
  registered_at: number;
  last_heartbeat: number | null;
  last_activity: number | null;
  warnings: number;
  warned_at: number | null;
  /** Warnings that a heartbeat took back, until a monitor has told of it. */
  recovered_from: number;
  timed_out_at: number | null;
  died_at: number | null;
  death_reason: string | null;
  replaces: string | null;
  successor: string | null;
  /** The entry of its last change; heartbeats have none. */
  seq: number;
}

const names = [
  'id',
  'agent_id',
  'swarm_id',
  'status',
  'fencing_token',
  'sequence',
  'iteration',
  'phase',
  'metadata',
  'registered_at',
  'last_heartbeat',
  'last_activity',
  'warnings',
  'warned_at',
  'recovered_from',
  'timed_out_at',
  'died_at',
  'death_reason',
  'replaces',
  'successor',
  'seq',
] as const;
const columns = names.join(', ');
const valuesOf = (row: CoordinatorRow) => names.map((name) => row[name]);

const selectOne = statement(`SELECT ${columns} FROM coordinators WHERE project_id = $1 AND id = $2`);
export const coordinatorById = (project: string, id: string) => one<CoordinatorRow>(selectOne, [project, id]);

const insert = statement(`
  INSERT INTO coordinators (project_id, ${columns}) VALUES ($1, ${names.map((_, i) => `$${i + 2}`).join(', ')})`);
export const addCoordinator = (project: string, row: CoordinatorRow) =>
  change(insert, [project, ...valuesOf(row)]);

const update = statement(`
  UPDATE coordinators SET ${names
    .slice(1)
    .map((name, i) => `${name} = $${i + 3}`)
    .join(', ')}
  WHERE project_id = $1 AND id = $2 AND status = $${names.length + 2} AND fencing_token = $${names.length + 3}
    AND warnings = $${names.length + 4}`);
/** The row as it is to be, if it still is in the state, under the token and with the warnings it was seen with. */
export const changeCoordinator = (project: string, seen: CoordinatorRow, row: CoordinatorRow) =>
  change(update, [project, ...valuesOf(row), seen.status, seen.fencing_token, seen.warnings]);

const selectPage = statement(`
  SELECT ${columns} FROM coordinators
  WHERE project_id = $1 AND id > $2 AND ($3 = '' OR status = $3) AND ($4 = '' OR swarm_id = $4) ORDER BY id LIMIT $5`);
export const coordinatorsAfter = (
  project: string,
  after: string,
  filter: { readonly status: string; readonly swarm: string },
  limit: number,
) => many<CoordinatorRow>(selectPage, [project, after, filter.status, filter.swarm, limit]);

const selectSilent = statement(`
  SELECT ${columns} FROM coordinators
  WHERE project_id = $1 AND id > $2 AND status = 'active' AND COALESCE(last_heartbeat, registered_at) < $3
    AND (warned_at IS NULL OR warned_at <= $4)
  ORDER BY id LIMIT $5`);
/** Coordinators without a heartbeat since a time, and without a warning since another one. */
export const silentCoordinators = (
  project: string,
  after: string,
  { silentSince, warnedUntil }: { readonly silentSince: number; readonly warnedUntil: number },
  limit: number,
) => many<CoordinatorRow>(selectSilent, [project, after, silentSince, warnedUntil, limit]);

const selectRecovered = statement(`
  SELECT ${columns} FROM coordinators WHERE project_id = $1 AND recovered_from > 0 ORDER BY id LIMIT $2`);
export const recoveredCoordinators = (project: string, limit: number) =>
  many<CoordinatorRow>(selectRecovered, [project, limit]);

const updateTold = statement(`
  UPDATE coordinators SET recovered_from = 0 WHERE project_id = $1 AND id = $2 AND recovered_from > 0`);
export const tellRecovery = (project: string, id: string) => change(updateTold, [project, id]);

const selectIdle = statement(`
  SELECT ${columns} FROM coordinators
  WHERE project_id = $1 AND id > $2 AND status = 'active' AND timed_out_at IS NULL AND last_activity < $3
  ORDER BY id LIMIT $4`);
/** Coordinators that have done nothing since a time and have not been told of. */
export const idleCoordinators = (project: string, after: string, idleSince: number, limit: number) =>
  many<CoordinatorRow>(selectIdle, [project, after, idleSince, limit]);

const countPosts = statement(`
  SELECT count(*) AS n FROM coordinators WHERE project_id = $1 AND agent_id = $2 AND status <> 'replaced'`);
/** How many posts an agent holds, or has died in. */
export const postsOf = (project: string, agent: string) => one<{ n: number }>(countPosts, [project, agent]);

const selectHeld = statement(`
  SELECT ${columns} FROM coordinators WHERE project_id = $1 AND agent_id = $2 AND id > $3 ORDER BY id LIMIT $4`);
/** All posts that are or were an agent's. */
export const coordinatorsOf = (project: string, agent: string, after: string, limit: number) =>
  many<CoordinatorRow>(selectHeld, [project, agent, after, limit]);

const updateMetadata = statement(`
  UPDATE coordinators SET metadata = '{}', phase = NULL WHERE project_id = $1 AND agent_id = $2
    AND (metadata <> '{}' OR phase IS NOT NULL)`);
/** Blanks what heartbeats have said of an agent's posts. */
export const blankCoordinators = (project: string, agent: string) => change(updateMetadata, [project, agent]);

const deleteOne = statement('DELETE FROM coordinators WHERE project_id = $1 AND id = $2');
export const dropCoordinator = (project: string, id: string) => change(deleteOne, [project, id]);

export interface WorkRow {
  id: string;
  coordinator_id: string;
  item: string;
  status: string;
  payload: string;
  created_at: number;
  transferred_from: string | null;
  transferred_at: number | null;
  seq: number;
}

const workColumns =
  'id, coordinator_id, item, status, payload, created_at, transferred_from, transferred_at, seq';

const selectWork = statement(`
  SELECT ${workColumns} FROM coordinator_work WHERE project_id = $1 AND coordinator_id = $2 AND item = $3`);
export const workItem = (project: string, coordinator: string, item: string) =>
  one<WorkRow>(selectWork, [project, coordinator, item]);

const selectWorkPage = statement(`
  SELECT ${workColumns} FROM coordinator_work
  WHERE project_id = $1 AND coordinator_id = $2 AND item > $3 ORDER BY item LIMIT $4`);
export const workAfter = (project: string, coordinator: string, after: string, limit: number) =>
  many<WorkRow>(selectWorkPage, [project, coordinator, after, limit]);

const countWork = statement(
  'SELECT count(*) AS n FROM coordinator_work WHERE project_id = $1 AND coordinator_id = $2',
);
export const workCount = (project: string, coordinator: string) =>
  one<{ n: number }>(countWork, [project, coordinator]);

const upsertWork = statement(`
  INSERT INTO coordinator_work (project_id, ${workColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  ON CONFLICT (project_id, id) DO UPDATE
    SET coordinator_id = excluded.coordinator_id, item = excluded.item, status = excluded.status,
        payload = excluded.payload, transferred_from = excluded.transferred_from,
        transferred_at = excluded.transferred_at, seq = excluded.seq`);
export const putWork = (project: string, row: WorkRow) =>
  change(upsertWork, [
    project,
    row.id,
    row.coordinator_id,
    row.item,
    row.status,
    row.payload,
    row.created_at,
    row.transferred_from,
    row.transferred_at,
    row.seq,
  ]);

const deleteWork = statement('DELETE FROM coordinator_work WHERE project_id = $1 AND id = $2');
export const dropWork = (project: string, id: string) => change(deleteWork, [project, id]);

const selectAllWork = statement(`
  SELECT ${workColumns} FROM coordinator_work WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3`);
/** All pieces of work, for verification. */
export const allWork = (project: string, after: string, limit: number) =>
  many<WorkRow>(selectAllWork, [project, after, limit]);
