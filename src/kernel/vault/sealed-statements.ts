import { change, many, one, type Parameter, type Statement, statement, type Work } from '../work.ts';
import { keyIdLength } from './envelope.ts';
import type { SealedRow, SealedTable } from './sealed.ts';

/** The statements of key rotation, the same for every declared table; made once for each. */

/** Where the key id stands in an envelope, counted from 1: behind magic, version, algorithm and codec. */
const markStart = 6;

interface Statements {
  readonly scan: Statement;
  readonly read: Statement;
  readonly replace: Statement;
}

const made = new WeakMap<SealedTable, Statements>();

function statementsOf(table: SealedTable): Statements {
  const known = made.get(table);
  if (known) return known;
  const statements = makeStatements(table);
  made.set(table, statements);
  return statements;
}

function makeStatements({ table, column, key, columns = {}, join = '' }: SealedTable): Statements {
  const names = Object.keys(key);
  const own = names.map((name) => `t.${name}`);
  const at = (first: number) => names.map((_, i) => `$${first + i}`);
  const isRow = (alias: string) => names.map((name, i) => `${alias}${name} = $${2 + i}`).join(' AND ');
  const derived = Object.entries(columns).map(([name, expression]) => `${expression} AS ${name}`);
  const envelope = 2 + names.length;
  return {
    // No envelope leaves the page but eight bytes of each: a scan passes over megabytes of contents.
    scan: statement(`
      SELECT ${own.join(', ')}, substr(t.${column}, ${markStart}, ${keyIdLength}) AS mark,
        length(t.${column}) AS bytes FROM ${table} t
      WHERE t.project_id = $1 AND (${own.join(', ')}) > (${at(3).join(', ')}) ORDER BY ${own.join(', ')} LIMIT $2`),
    read: statement(`
      SELECT ${[...own, ...derived].join(', ')}, t.${column} AS envelope FROM ${table} t ${join}
      WHERE t.project_id = $1 AND ${isRow('t.')}`),
    replace: statement(`
      UPDATE ${table} SET ${column} = $${envelope + 1} WHERE project_id = $1 AND ${isRow('')} AND ${column} = $${envelope}`),
  };
}

export type ScannedRow = SealedRow & { mark: Uint8Array | null; bytes: number | null };

/** Rows after a position, sealed or not, each with the id of the key that its envelope names, if it is one. */
export const scanSealed = (project: string, table: SealedTable, after: readonly Parameter[], limit: number) =>
  many<ScannedRow>(statementsOf(table).scan, [project, limit, ...after]);

/** One row with its envelope. */
export const sealedRow = (project: string, table: SealedTable, key: readonly Parameter[]) =>
  one<SealedRow & { envelope: Uint8Array | null }>(statementsOf(table).read, [project, ...key]);

/** Puts another envelope in the place of one; nothing when it is no longer there. */
export const replaceEnvelope = (
  project: string,
  table: SealedTable,
  key: readonly Parameter[],
  { from, to }: { readonly from: Uint8Array; readonly to: Uint8Array },
): Work<number> => change(statementsOf(table).replace, [project, ...key, from, to]);
