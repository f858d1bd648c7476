import { change, many, one, type Parameter, statement, type Work } from '../../work.ts';

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

export interface PageRow {
  seq: number;
  entry: string;
  kind: string | null;
  name: string | null;
  scope: string | null;
}

const selectPage = statement(`
  SELECT a.seq, a.entry, s.kind, s.name, s.scope FROM audit_log a
  LEFT JOIN relay_subjects s ON s.project_id = a.project_id AND s.seq = a.seq
  WHERE a.project_id = $1 AND a.seq > $2 ORDER BY a.seq LIMIT $3`);
/** Entries after a position, each with its pointer where it has one. */
export const entriesWithPointers = (project: string, after: number, limit: number) =>
  many<PageRow>(selectPage, [project, after, limit]);

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

/** So many at a time: whoever commits waits for it. */
export const forgottenAtOnce = 2048;
const deletePointers = statement(`
  DELETE FROM relay_subjects WHERE project_id = $1 AND seq <= $2
    AND seq < (SELECT MIN(o.seq) FROM relay_subjects o WHERE o.project_id = $1) + ${forgottenAtOnce}`);
/** Forgets the oldest pointers up to a position. */
export const forgetPointers = (project: string, position: number) =>
  change(deletePointers, [project, position]);

const columnCount = 5;
function insertPointers(rows: number) {
  const tuple = (row: number) =>
    `(${Array.from({ length: columnCount }, (_, i) => `$${row * columnCount + i + 1}`).join(', ')})`;
  return statement(
    `INSERT INTO relay_subjects (project_id, seq, kind, name, scope)
     VALUES ${Array.from({ length: rows }, (_, i) => tuple(i)).join(', ')}`,
  );
}
const chunk = 8;
const insertOne = insertPointers(1);
const insertChunk = insertPointers(chunk);

/** Several rows in one statement: crossing into the engine costs as much as the row itself. */
export function* addPointers(rows: readonly Parameter[][]): Work<void> {
  let done = 0;
  for (; done + chunk <= rows.length; done += chunk) {
    yield* change(insertChunk, rows.slice(done, done + chunk).flat());
  }
  for (; done < rows.length; done++) yield* change(insertOne, rows[done]!);
}
