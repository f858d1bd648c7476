import { many, one, statement, type Work } from '../../kernel/work.ts';
import { rowsOf, type Versioned } from './statements.ts';

export interface CheckpointRow extends Versioned {
  mission_id: string;
  timestamp: string;
  timestamp_ms: number;
  trigger: string;
  trigger_details: string | null;
  progress_percent: number;
  sorties: string;
  active_locks: string;
  pending_messages: string;
  recovery_context: string;
  created_by: string;
  expires_at: string | null;
  expires_at_ms: number | null;
  consumed_at: string | null;
  version: string;
  metadata: string;
  bytes: number;
  author: string;
}

export const checkpointRows = rowsOf<CheckpointRow>('checkpoints', [
  'mission_id',
  'timestamp',
  'timestamp_ms',
  'trigger',
  'trigger_details',
  'progress_percent',
  'sorties',
  'active_locks',
  'pending_messages',
  'recovery_context',
  'created_by',
  'expires_at',
  'expires_at_ms',
  'consumed_at',
  'version',
  'metadata',
  'bytes',
  'author',
]);

const list = ['id', 'revision', 'seq', 'made', ...checkpointRows.columns].join(', ');
const newest = 'ORDER BY timestamp DESC, made DESC';

const selectOf = statement(
  `SELECT ${list} FROM checkpoints WHERE project_id = $1 AND mission_id = $2 ${newest} LIMIT $3`,
);
/** The checkpoints of a mission, the newest first. */
export const checkpointsOf = (project: string, mission: string, limit: number) =>
  many<CheckpointRow>(selectOf, [project, mission, limit]);

export function* latestCheckpoint(project: string, mission: string): Work<CheckpointRow | undefined> {
  return (yield* checkpointsOf(project, mission, 1))[0];
}

const countOf = statement('SELECT count(*) AS n FROM checkpoints WHERE project_id = $1 AND mission_id = $2');
export function* checkpointCount(project: string, mission: string): Work<number> {
  return (yield* one<{ n: number }>(countOf, [project, mission]))!.n;
}

const countAll = statement('SELECT count(*) AS n FROM checkpoints WHERE project_id = $1');
export function* checkpointTotal(project: string): Work<number> {
  return (yield* one<{ n: number }>(countAll, [project]))!.n;
}

/** What retention looks at. */
export type Kept = Pick<CheckpointRow, 'id' | 'mission_id' | 'timestamp_ms' | 'expires_at_ms' | 'bytes'>;

const selectKept = statement(`
  SELECT id, mission_id, timestamp_ms, expires_at_ms, bytes FROM checkpoints
  WHERE project_id = $1 AND mission_id = $2 ${newest} LIMIT 1000`);
export const keptOf = (project: string, mission: string) => many<Kept>(selectKept, [project, mission]);

const selectMissions = statement(`
  SELECT DISTINCT c.mission_id, m.status, m.completed_at
  FROM checkpoints c JOIN missions m ON m.project_id = c.project_id AND m.id = c.mission_id
  WHERE c.project_id = $1 AND c.mission_id > $2 AND ($3 = '' OR c.mission_id = $3)
  ORDER BY c.mission_id LIMIT $4`);
/** Missions that have checkpoints; one of them, or all from an id on. */
export const missionsWithCheckpoints = (project: string, after: string, only: string, limit: number) =>
  many<{ mission_id: string; status: string; completed_at: string | null }>(selectMissions, [
    project,
    after,
    only,
    limit,
  ]);
