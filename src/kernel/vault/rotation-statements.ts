import { change, many, one, statement, type Work } from '../work.ts';

export interface RotationRow {
  /** Grows with each rotation: what was found out about an earlier one says nothing about this one. */
  round: number;
  state: 'running' | 'done';
  reason: string;
  started_by: string;
  started_at: number;
  ended_at: number | null;
  /** Records to be sealed anew; unknown until they are counted. */
  total: number | null;
  done: number;
  unreadable: number;
  holder: string;
  held_until: number;
}

const columns =
  'round, state, reason, started_by, started_at, ended_at, total, done, unreadable, holder, held_until';

const selectRotation = statement(`SELECT ${columns} FROM key_rotations WHERE project_id = $1`);
export const rotationOf = (project: string) => one<RotationRow>(selectRotation, [project]);

const upsertRotation = statement(`
  INSERT INTO key_rotations (project_id, round, state, reason, started_by, started_at)
  VALUES ($1, 1, 'running', $2, $3, $4)
  ON CONFLICT (project_id) DO UPDATE
    SET round = key_rotations.round + 1, state = 'running', reason = excluded.reason,
        started_by = excluded.started_by, started_at = excluded.started_at, ended_at = NULL, total = NULL, done = 0,
        unreadable = 0`);
/** Begins the re-encryption of a project, or begins it again where it is under way. */
export const beginRotation = (project: string, reason: string, agent: string, now: number) =>
  change(upsertRotation, [project, reason, agent, now]);

const claim = statement(`
  UPDATE key_rotations SET holder = $2, held_until = $3
  WHERE project_id = $1 AND state = 'running' AND (holder = $2 OR held_until <= $4)`);
/** Takes the work for a while; 0 rows while somebody else has it, or when there is none. */
export const claimRotation = (project: string, holder: string, until: number, now: number) =>
  change(claim, [project, holder, until, now]);

const hold = statement(`
  UPDATE key_rotations SET held_until = $4, done = done + $5
  WHERE project_id = $1 AND holder = $2 AND round = $3 AND state = 'running'`);
/** Notes progress and keeps the work; 0 rows when it was lost, or begun again. */
export const advanceRotation = (
  project: string,
  held: { readonly holder: string; readonly round: number },
  until: number,
  done: number,
) => change(hold, [project, held.holder, held.round, until, done]);

const updateTotal = statement(`
  UPDATE key_rotations SET total = $4 WHERE project_id = $1 AND holder = $2 AND round = $3`);
export const noteTotal = (
  project: string,
  held: { readonly holder: string; readonly round: number },
  total: number,
) => change(updateTotal, [project, held.holder, held.round, total]);

const updateDone = statement(`
  UPDATE key_rotations SET state = 'done', ended_at = $4, unreadable = $5, holder = '', held_until = 0
  WHERE project_id = $1 AND holder = $2 AND round = $3`);
export const endRotation = (
  project: string,
  held: { readonly holder: string; readonly round: number },
  now: number,
  unreadable: number,
) => change(updateDone, [project, held.holder, held.round, now, unreadable]);

const selectUnfinished = statement(`
  SELECT project_id FROM key_rotations WHERE state = 'running' AND project_id > $1
  UNION SELECT project_id FROM key_erasures WHERE state = 'pending' AND project_id > $1
  ORDER BY project_id LIMIT 1`);
/** The next project in which a rotation or an erasure is not finished. */
export const unfinishedAfter = (project: string) => one<{ project_id: string }>(selectUnfinished, [project]);

export interface ErasureRow {
  id: string;
  subject: string;
  seq: number;
  state: 'pending' | 'done';
  requested_by: string;
  requested_at: number;
  finished_at: number | null;
  keys: number;
  /** Counts by noun, as JSON. */
  records: string;
  /** What the erasure does not reach, as JSON. */
  remains: string;
}

const erasureColumns =
  'id, subject, seq, state, requested_by, requested_at, finished_at, keys, records, remains';

const insertErasure = statement(`
  INSERT INTO key_erasures (project_id, ${erasureColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`);
export const addErasure = (project: string, row: ErasureRow) =>
  change(insertErasure, [
    project,
    row.id,
    row.subject,
    row.seq,
    row.state,
    row.requested_by,
    row.requested_at,
    row.finished_at,
    row.keys,
    row.records,
    row.remains,
  ]);

const selectErasure = statement(
  `SELECT ${erasureColumns} FROM key_erasures WHERE project_id = $1 AND id = $2`,
);
export const erasureById = (project: string, id: string) => one<ErasureRow>(selectErasure, [project, id]);

const selectErasures = statement(`
  SELECT ${erasureColumns} FROM key_erasures WHERE project_id = $1 ORDER BY seq DESC LIMIT $2`);
/** The newest erasures. */
export const erasuresOf = (project: string, limit: number) =>
  many<ErasureRow>(selectErasures, [project, limit]);

const selectPending = statement(`
  SELECT ${erasureColumns} FROM key_erasures WHERE project_id = $1 AND state = 'pending' ORDER BY seq LIMIT 1000`);
export const pendingErasures = (project: string) => many<ErasureRow>(selectPending, [project]);

const finishErasure = statement(`
  UPDATE key_erasures SET state = 'done', finished_at = $3 WHERE project_id = $1 AND id = $2 AND state = 'pending'`);
export const endErasure = (project: string, id: string, now: number) =>
  change(finishErasure, [project, id, now]);

const selectRelayed = statement('SELECT relayed FROM ledger_heads WHERE project_id = $1');
/** Whether a relay shows the project elsewhere. */
export function* isRelayed(project: string): Work<boolean> {
  return (yield* one<{ relayed: number }>(selectRelayed, [project]))?.relayed === 1;
}

const selectBehind = statement(`
  SELECT h.project_id FROM ledger_heads h
  LEFT JOIN relays r ON r.project_id = h.project_id AND r.name = 'redis'
  WHERE h.project_id = $1 AND h.relayed = 1 AND (COALESCE(r.position, 0) < $2
    OR EXISTS (SELECT 1 FROM relay_subjects s WHERE s.project_id = h.project_id AND s.first <= $2))`);
/** Whether the copy elsewhere still lacks an entry, or the names that it needs for that still lie here. */
export function* relayIsBehind(project: string, seq: number): Work<boolean> {
  return (yield* one(selectBehind, [project, seq])) !== undefined;
}

const deletePointers = statement('DELETE FROM relay_subjects WHERE project_id = $1');
/** Names of what was shown, where no relay is to come for them: one that comes later takes them from the tables. */
export const dropPointers = (project: string) => change(deletePointers, [project]);
