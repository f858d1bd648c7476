import { change, many, one, statement } from '../../../kernel/work.ts';

export interface HandoffRow {
  id: string;
  agent_id: string;
  /** The life that ended. */
  incarnation: number;
  cause: string;
  last_seen: number;
  ended_at: number;
  /** JSON of what was left behind. */
  bundle: string;
  claimed_by: string | null;
  claimed_at: number | null;
  /** The entry of the end, which orders them. */
  ended_seq: number;
  /** The entry of the last change. */
  seq: number;
}

const columns =
  'h.id, h.agent_id, h.incarnation, h.cause, h.last_seen, h.ended_at, h.bundle, h.claimed_by, h.claimed_at, h.ended_seq, h.seq';

const insertHandoff = statement(`
  INSERT INTO handoffs (project_id, id, agent_id, incarnation, cause, last_seen, ended_at, bundle, ended_seq, seq)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`);
export const addHandoff = (project: string, row: HandoffRow) =>
  change(insertHandoff, [
    project,
    row.id,
    row.agent_id,
    row.incarnation,
    row.cause,
    row.last_seen,
    row.ended_at,
    row.bundle,
    row.ended_seq,
  ]);

const selectOpen = statement(`
  SELECT ${columns} FROM handoffs h
  WHERE h.project_id = $1 AND h.agent_id = $2 AND h.claimed_by IS NULL AND ($3 = 0 OR h.incarnation = $3)
  ORDER BY h.incarnation LIMIT 1`);
/** The oldest bundle of an agent that nobody has claimed, or that of one life. */
export const openHandoff = (project: string, agent: string, incarnation = 0) =>
  one<HandoffRow>(selectOpen, [project, agent, incarnation]);

const updateClaimed = statement(`
  UPDATE handoffs SET claimed_by = $3, claimed_at = $4, seq = $5
  WHERE project_id = $1 AND id = $2 AND claimed_by IS NULL`);
export const claimHandoff = (project: string, row: HandoffRow) =>
  change(updateClaimed, [project, row.id, row.claimed_by, row.claimed_at, row.seq]);

const selectEnded = statement(`
  SELECT ${columns} FROM handoffs h
  WHERE h.project_id = $1 AND h.ended_seq > $2 AND ($3 = '' OR h.agent_id = $3) AND ($4 = '' OR h.cause = $4)
    AND ($5 = 0 OR h.claimed_by IS NULL)
  ORDER BY h.ended_seq LIMIT $6`);
export const handoffsAfter = (
  project: string,
  after: number,
  filter: { readonly agent?: string; readonly cause?: string; readonly open?: boolean },
  limit: number,
) =>
  many<HandoffRow>(selectEnded, [
    project,
    after,
    filter.agent ?? '',
    filter.cause ?? '',
    filter.open ? 1 : 0,
    limit,
  ]);

const selectLast = statement('SELECT max(h.ended_seq) AS seq FROM handoffs h WHERE h.project_id = $1');
/** The number of the last end of a life; null where there was none. */
export const lastEnd = (project: string) => one<{ seq: number | null }>(selectLast, [project]);

export interface NotesRow {
  agent_id: string;
  revision: number;
  sealed: Uint8Array;
  updated_at: number;
  seq: number;
}

const notesColumns = 'n.agent_id, n.revision, n.sealed, n.updated_at, n.seq';
const selectNotes = statement(
  `SELECT ${notesColumns} FROM agent_notes n WHERE n.project_id = $1 AND n.agent_id = $2`,
);
export const notesOf = (project: string, agent: string) => one<NotesRow>(selectNotes, [project, agent]);

const upsertNotes = statement(`
  INSERT INTO agent_notes (project_id, agent_id, revision, sealed, updated_at, seq) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (project_id, agent_id) DO UPDATE SET revision = excluded.revision, sealed = excluded.sealed,
    updated_at = excluded.updated_at, seq = excluded.seq`);
export const putNotes = (project: string, row: NotesRow) =>
  change(upsertNotes, [project, row.agent_id, row.revision, row.sealed, row.updated_at, row.seq]);

const selectNotesPage = statement(`
  SELECT ${notesColumns} FROM agent_notes n WHERE n.project_id = $1 AND n.agent_id > $2 ORDER BY n.agent_id LIMIT $3`);
export const notesAfter = (project: string, after: string, limit: number) =>
  many<NotesRow>(selectNotesPage, [project, after, limit]);

const selectById = statement(`
  SELECT ${columns} FROM handoffs h WHERE h.project_id = $1 AND h.id > $2 ORDER BY h.id LIMIT $3`);
/** All of them, for verification. */
export const allHandoffs = (project: string, after: string, limit: number) =>
  many<HandoffRow>(selectById, [project, after, limit]);

const deleteNotes = statement('DELETE FROM agent_notes WHERE project_id = $1 AND agent_id = $2');
export const dropNotes = (project: string, agent: string) => change(deleteNotes, [project, agent]);
