import { change, many, one, statement } from '../work.ts';
import { type LabelRow, labelColumns, unusedColumns } from './labels.ts';

/** The statements of reading, signing and verifying the ledger; `append.ts` and `head.ts` write it. */

const hexIsSpelledOtherwise = 'the two name differently what turns bytes into text and what joins texts';

// As one text: 256 values of their own would cost three times as much (0.32 against 0.11 ms).
const leavesFrom = `FROM (
  SELECT seq, leaf FROM audit_log WHERE project_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT 256) AS leaves`;
const selectLeaves = statement(`SELECT group_concat(hex(leaf), '' ORDER BY seq) AS hashes ${leavesFrom}`, {
  when: 'postgres',
  sql: `SELECT string_agg(encode(leaf, 'hex'), '' ORDER BY seq) AS hashes ${leavesFrom}`,
  because: hexIsSpelledOtherwise,
});
/** The hashes of leaves [start, end), at most 256, in hexadecimal. Leaf i belongs to entry i + 1. */
export const leavesBetween = (project: string, start: number, end: number) =>
  one<{ hashes: string | null }>(selectLeaves, [project, start, end]);

const subtreesFrom = `FROM (
  SELECT tile, hash FROM ledger_tiles
  WHERE project_id = $1 AND level = $2 AND tile >= $3 AND tile < $4 ORDER BY tile LIMIT 256) AS subtrees`;
const selectSubtrees = statement(
  `SELECT group_concat(hex(hash), '' ORDER BY tile) AS hashes ${subtreesFrom}`,
  {
    when: 'postgres',
    sql: `SELECT string_agg(encode(hash, 'hex'), '' ORDER BY tile) AS hashes ${subtreesFrom}`,
    because: hexIsSpelledOtherwise,
  },
);
/** The kept subtree roots [start, end) of one level, at most 256, in hexadecimal. */
export const subtreesBetween = (project: string, level: number, start: number, end: number) =>
  one<{ hashes: string | null }>(selectSubtrees, [project, level, start, end]);

const selectTiles = statement(`
  SELECT tile, hash FROM ledger_tiles
  WHERE project_id = $1 AND level = $2 AND tile >= $3 AND tile < $4 ORDER BY tile LIMIT 1000`);
/** The kept subtree roots [start, end) of one level, at most 1,000. */
export const tilesBetween = (project: string, level: number, start: number, end: number) =>
  many<{ tile: number; hash: Uint8Array }>(selectTiles, [project, level, start, end]);

const countTiles = statement('SELECT count(*) AS tiles FROM ledger_tiles WHERE project_id = $1');
export const tileCount = (project: string) => one<{ tiles: number }>(countTiles, [project]);

export interface CheckpointRow {
  size: number;
  root: Uint8Array;
  note: string;
  created_at: number;
}

const checkpointColumns = 'size, root, note, created_at';

const selectNewestCheckpoint = statement(`
  SELECT ${checkpointColumns} FROM ledger_checkpoints WHERE project_id = $1 ORDER BY size DESC LIMIT 1`);
export const newestCheckpoint = (project: string) => one<CheckpointRow>(selectNewestCheckpoint, [project]);

const selectCheckpointFrom = statement(`
  SELECT ${checkpointColumns} FROM ledger_checkpoints WHERE project_id = $1 AND size >= $2 ORDER BY size LIMIT 1`);
/** The smallest signed checkpoint that covers this many entries. */
export const checkpointCovering = (project: string, size: number) =>
  one<CheckpointRow>(selectCheckpointFrom, [project, size]);

const selectCheckpoints = statement(`
  SELECT ${checkpointColumns} FROM ledger_checkpoints
  WHERE project_id = $1 AND size > $2 AND size <= $3 ORDER BY size LIMIT 1000`);
export const checkpointsBetween = (project: string, after: number, upTo: number) =>
  many<CheckpointRow>(selectCheckpoints, [project, after, upTo]);

const insertCheckpoint = statement(`
  INSERT INTO ledger_checkpoints (project_id, ${checkpointColumns}) VALUES ($1, $2, $3, $4, $5)`);
export const addCheckpoint = (project: string, row: CheckpointRow) =>
  change(insertCheckpoint, [project, row.size, row.root, row.note, row.created_at]);

/** A row of the ledger with everything that verification compares. */
export interface EntryRow extends LabelRow, Readonly<Record<(typeof unusedColumns)[number], string | null>> {
  seq: number;
  timestamp: string;
  agent_id: string;
  operation: string;
  status: string;
  scope: string | null;
  entry: string | null;
  /** In hexadecimal. */
  leaf: string | null;
  duration_ms: number | null;
  error_message: string | null;
  context_json: string | null;
  created_at: string;
}

const entryColumns = (leaf: string) => `
  SELECT seq, timestamp, agent_id, operation, status, scope, entry, ${leaf} AS leaf, duration_ms,
    error_message, context_json, created_at, ${[...labelColumns, ...unusedColumns].join(', ')}
  FROM audit_log WHERE project_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`;
const selectEntries = statement(entryColumns('lower(hex(leaf))'), {
  when: 'postgres',
  sql: entryColumns("encode(leaf, 'hex')"),
  because: hexIsSpelledOtherwise,
});
/** Whole rows after a number, up to another. */
export const entryRowsBetween = (project: string, after: number, upTo: number, limit: number) =>
  many<EntryRow>(selectEntries, [project, after, upTo, limit]);

const selectTexts = statement(`
  SELECT seq, entry FROM audit_log WHERE project_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`);
/** Entries as hashed, after a number. */
export const entriesAfter = (project: string, after: number, limit: number) =>
  many<{ seq: number; entry: string }>(selectTexts, [project, after, limit]);

/** Joins the ledger to rows that name their entry, so that a check reads `ledger.entry` with them. */
export const entryBeside = (alias: string) =>
  `LEFT JOIN audit_log ledger ON ledger.project_id = ${alias}.project_id AND ledger.seq = ${alias}.seq`;

const selectText = statement('SELECT entry FROM audit_log WHERE project_id = $1 AND seq = $2');
export const entryAt = (project: string, seq: number) =>
  one<{ entry: string | null }>(selectText, [project, seq]);

const selectNewestSeq = statement(`
  SELECT seq FROM audit_log WHERE project_id = $1 AND seq <= ${Number.MAX_SAFE_INTEGER} ORDER BY seq DESC LIMIT 1`);
export const newestSeq = (project: string) => one<{ seq: number }>(selectNewestSeq, [project]);

// Whatever was put into the column, it can be named as text.
const selectOutside = statement(`
  SELECT CAST(seq AS TEXT) AS place FROM audit_log WHERE project_id = $1 AND (seq < 1 OR seq > $2) LIMIT 100`);
/** Rows before the first and after the last entry, at most 100. */
export const rowsOutside = (project: string, size: number) =>
  many<{ place: string }>(selectOutside, [project, size]);

const countUnsealed = statement(`
  SELECT count(*) AS entries FROM audit_log
  WHERE (project_id IS NULL AND $1 = 'default') OR (project_id = $1 AND seq IS NULL)`);
/** Rows that another program wrote into the table: they belong to no tree. Who names no project means \`default\`. */
export const unsealedCount = (project: string) => one<{ entries: number }>(countUnsealed, [project]);

const selectHeadProject = statement(`
  SELECT project_id FROM ledger_heads WHERE project_id > $1 ORDER BY project_id LIMIT 1`);
export const headProjectAfter = (project: string) =>
  one<{ project_id: string }>(selectHeadProject, [project]);

const selectEntryProject = statement(`
  SELECT project_id FROM audit_log WHERE project_id > $1 AND seq IS NOT NULL ORDER BY project_id LIMIT 1`);
/** The next project that has entries, whether or not it has a head. */
export const entryProjectAfter = (project: string) =>
  one<{ project_id: string }>(selectEntryProject, [project]);

const selectCheckpointProject = statement(`
  SELECT project_id FROM ledger_checkpoints WHERE project_id > $1 ORDER BY project_id LIMIT 1`);
export const checkpointProjectAfter = (project: string) =>
  one<{ project_id: string }>(selectCheckpointProject, [project]);

const selectValue = statement('SELECT value FROM store WHERE name = $1');
export const storeValue = (name: string) => one<{ value: string }>(selectValue, [name]);

const insertValue = statement(
  'INSERT INTO store (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
);
export const addStoreValue = (name: string, value: string) => change(insertValue, [name, value]);

const selectValues = statement(`
  SELECT name, value FROM store WHERE substr(name, 1, length($1)) = $1 ORDER BY name LIMIT 1000`);
export const storeValues = (prefix: string) => many<{ name: string; value: string }>(selectValues, [prefix]);
