import { change, many, one, statement } from '../../work.ts';

/** The one relay there is per project so far; the table has room for more. */
export const relayName = 'redis';

export interface HeadRow {
  project_id: string;
  size: number;
  relayed: number;
}

const selectHeads = statement(`
  SELECT project_id, size, relayed FROM ledger_heads WHERE project_id > $1 ORDER BY project_id LIMIT 1000`);
/** Projects and how far their ledgers have come. */
export const headsAfter = (project: string) => many<HeadRow>(selectHeads, [project]);

const selectProgress = statement(`
  SELECT h.size, r.position FROM ledger_heads h
  LEFT JOIN relays r ON r.project_id = h.project_id AND r.name = '${relayName}'
  WHERE h.project_id = $1`);
/** The ledger's size and the relay's stored position, null without a relay. */
export const progressOf = (project: string) =>
  one<{ size: number; position: number | null }>(selectProgress, [project]);

const selectPointers = statement(`
  SELECT subjects FROM relay_subjects WHERE project_id = $1 AND last > $2 AND first <= $3 ORDER BY last LIMIT 1000`);
/** Pointers of entries after a position up to another, and some around them: a JSON list for each batch. */
export const pointersBetween = (project: string, after: number, upTo: number) =>
  many<{ subjects: string }>(selectPointers, [project, after, upTo]);

const updateFlag = statement('UPDATE ledger_heads SET relayed = $2 WHERE project_id = $1');
export const setRelayed = (project: string, relayed: boolean) =>
  change(updateFlag, [project, relayed ? 1 : 0]);

const upsertRelay = statement(`
  INSERT INTO relays (project_id, name, position, updated_at) VALUES ($1, '${relayName}', $2, $3)
  ON CONFLICT (project_id, name) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at`);
export const putRelay = (project: string, position: number, now: number) =>
  change(upsertRelay, [project, position, now]);

const updatePosition = statement(`
  UPDATE relays SET position = $2, updated_at = $3
  WHERE project_id = $1 AND name = '${relayName}' AND position < $2`);
/** Forward only: another process may have stored more. */
export const advanceTo = (project: string, position: number, now: number) =>
  change(updatePosition, [project, position, now]);

/** The pointers of so many entries at a time: whoever commits waits for it. */
const forgottenAtOnce = 4096;
const deletePointers = statement(`
  DELETE FROM relay_subjects WHERE project_id = $1 AND last <= $2
    AND last <= (SELECT MIN(o.last) FROM relay_subjects o WHERE o.project_id = $1) + ${forgottenAtOnce}`);
/** Forgets the oldest pointers up to a position. */
export const forgetPointers = (project: string, position: number) =>
  change(deletePointers, [project, position]);

const selectOldest = statement(`
  SELECT last FROM relay_subjects WHERE project_id = $1 AND last <= $2 ORDER BY last LIMIT 1`);
/** Whether there are pointers up to a position. */
export const pointersUpTo = (project: string, position: number) =>
  one<{ last: number }>(selectOldest, [project, position]);

const insertPointers = statement(
  'INSERT INTO relay_subjects (project_id, last, first, subjects) VALUES ($1, $2, $3, $4)',
);
export const addPointers = (project: string, first: number, last: number, subjects: string) =>
  change(insertPointers, [project, last, first, subjects]);
