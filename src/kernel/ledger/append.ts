import { levels } from '../access/model.ts';
import { isoTime } from '../clock.ts';
import { change, type Parameter, statement, type Work } from '../work.ts';
import { type Change, encodeEntry } from './entry.ts';
import type { Head } from './head.ts';
import { leafHash, tileHeight } from './tree.ts';

const columns = 'project_id, seq, timestamp, agent_id, operation, status, scope, entry, leaf, created_at';
const columnCount = 9;
const timestampColumn = 3;

/** Several rows in one statement: crossing into the engine costs as much as the row itself. */
function insertEntries(rows: number) {
  const parameter = (row: number, column: number) => `$${row * columnCount + column}`;
  const tuple = (row: number) => {
    const own = Array.from({ length: columnCount }, (_, i) => parameter(row, i + 1));
    return `(${[...own, parameter(row, timestampColumn)].join(', ')})`;
  };
  return statement(
    `INSERT INTO audit_log (${columns}) VALUES ${Array.from({ length: rows }, (_, i) => tuple(i)).join(', ')}`,
  );
}
/** Measured a row: 4.0 µs alone, 3.3 µs in eights, and rising again above (8.9 µs in fifties). */
const chunk = 8;
const insertOne = insertEntries(1);
const insertChunk = insertEntries(chunk);

const labelColumns =
  'action, category, entity_type, entity_id, swarm_id, changed_by, acl_level, risk_level, metadata';
const insertLabelled = statement(`
  INSERT INTO audit_log (${columns}, ${labelColumns})
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $3, $10, $11, $12, $13, $14, $4, $15, $16, $17)`);

const insertTile = statement(`
  INSERT INTO ledger_tiles (project_id, level, tile, hash) VALUES ($1, $2, $3, $4)`);

/**
 * Appends the entries of one batch to the project's ledger and moves its head. Runs last in the transaction. `unit` is
 * the number of the first entry that the same operation recorded. Answers the entries as hashed.
 */
export function* appendEntries(
  head: Head,
  changes: readonly { readonly change: Change; readonly unit: number }[],
): Work<string[]> {
  const tiles: Parameter[][] = [];
  const texts: string[] = [];
  const rowOf = ({ change: entry, unit }: (typeof changes)[number]): Parameter[] => {
    const seq = head.frontier.size + 1;
    const text = encodeEntry({ log: head.project, seq, time: head.clockMs, unit }, entry);
    const leaf = leafHash(text);
    texts.push(text);
    head.frontier.append(leaf, (height, root) => {
      if (height % tileHeight === 0)
        tiles.push([head.project, height / tileHeight, seq / 2 ** height - 1, root]);
    });
    const status = entry.decision === 'allow' ? 'completed' : 'failed';
    const { actor, operation, scope } = entry;
    return [head.project, seq, isoTime(head.clockMs), actor, operation, status, scope, text, leaf];
  };
  let rows: Parameter[][] = [];
  for (const item of changes) {
    const row = rowOf(item);
    if (item.change.labels) {
      yield* insertRows(rows);
      rows = [];
      yield* change(insertLabelled, [...row, ...labelsOf(item.change)]);
    } else rows.push(row);
  }
  yield* insertRows(rows);
  for (const tile of tiles) yield* change(insertTile, tile);
  return texts;
}

function* insertRows(rows: readonly Parameter[][]): Work<void> {
  let done = 0;
  for (; done + chunk <= rows.length; done += chunk) {
    yield* change(insertChunk, rows.slice(done, done + chunk).flat());
  }
  for (; done < rows.length; done++) yield* change(insertOne, rows[done]!);
}

function labelsOf({ labels, level, risk }: Change): Parameter[] {
  const { action, category, entityType, entityId, swarm = null, details } = labels!;
  const more = details ? JSON.stringify(details) : null;
  return [
    action,
    category,
    entityType,
    entityId,
    swarm,
    levels.indexOf(labels!.level ?? level) + 1,
    risk,
    more,
  ];
}
