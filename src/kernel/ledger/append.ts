import { isoTime } from '../clock.ts';
import { change, type Parameter, statement, type Work } from '../work.ts';
import { type Change, encodeEntry } from './entry.ts';
import type { Head } from './head.ts';
import { leafHash, tileHeight } from './tree.ts';

const columns =
  'project_id, seq, timestamp, agent_id, operation, status, resource, level, scope, entry, leaf';
const columnCount = 11;

/** Several rows in one statement: crossing into the engine costs more than the row itself. */
function insertEntries(rows: number) {
  const tuple = (row: number) =>
    `(${Array.from({ length: columnCount }, (_, i) => `$${row * columnCount + i + 1}`).join(', ')})`;
  return statement(
    `INSERT INTO audit_log (${columns}) VALUES ${Array.from({ length: rows }, (_, i) => tuple(i)).join(', ')}`,
  );
}
const chunk = 16;
const insertOne = insertEntries(1);
const insertChunk = insertEntries(chunk);

const insertTile = statement(`
  INSERT INTO ledger_tiles (project_id, level, tile, hash) VALUES ($1, $2, $3, $4)`);

/**
 * Appends the entries of one batch to the project's ledger and moves its head. Runs last in the transaction. `unit` is
 * the number of the first entry that the same operation recorded.
 */
export function* appendEntries(
  head: Head,
  changes: readonly { readonly change: Change; readonly unit: number }[],
): Work<void> {
  const tiles: Parameter[][] = [];
  const rows: Parameter[][] = changes.map(({ change: entry, unit }) => {
    const seq = head.frontier.size + 1;
    const text = encodeEntry({ log: head.project, seq, time: head.clockMs, unit }, entry);
    const leaf = leafHash(text);
    head.frontier.append(leaf, (height, root) => {
      if (height % tileHeight === 0)
        tiles.push([head.project, height / tileHeight, seq / 2 ** height - 1, root]);
    });
    const status = entry.decision === 'allow' ? 'completed' : 'failed';
    const { actor, operation, resource, level, scope } = entry;
    return [
      head.project,
      seq,
      isoTime(head.clockMs),
      actor,
      operation,
      status,
      resource,
      level,
      scope,
      text,
      leaf,
    ];
  });
  let done = 0;
  for (; done + chunk <= rows.length; done += chunk) {
    yield* change(insertChunk, rows.slice(done, done + chunk).flat());
  }
  for (; done < rows.length; done++) yield* change(insertOne, rows[done]!);
  for (const tile of tiles) yield* change(insertTile, tile);
}
