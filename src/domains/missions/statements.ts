import {
  change,
  many,
  one,
  type Parameter,
  type Statement,
  statement,
  type Work,
} from '../../kernel/work.ts';
import type { MissionStatus, SortieStatus } from './model.ts';

/** What the rows of this domain have in common: their revision, and the entries that changed and made them. */
export interface Versioned {
  id: string;
  revision: number;
  seq: number;
  made: number;
}

export interface MissionRow extends Versioned {
  title: string;
  description: string;
  status: MissionStatus;
  priority: string;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  total_sorties: number;
  completed_sorties: number;
  result: string | null;
  metadata: string;
  created_by: string;
  checkpointed_percent: number;
}

export interface SortieRow extends Versioned {
  mission_id: string | null;
  title: string;
  description: string;
  status: SortieStatus;
  priority: string;
  assigned_to: string | null;
  files: string;
  progress: number;
  progress_notes: string | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  blocked_by: string | null;
  blocked_reason: string | null;
  result: string | null;
  metadata: string;
  created_by: string;
}

const versions = ['id', 'revision', 'seq', 'made'] as const;

/** The statements that every table of versioned rows has. */
export interface Rows<Row extends Versioned> {
  /** The columns that say something, in a fixed order. */
  readonly columns: readonly (keyof Row & string)[];
  byId(project: string, id: string): Work<Row | undefined>;
  add(project: string, row: Row): Work<number>;
  /** Writes the row over the one of the revision before; 0 rows when that is another. */
  replace(project: string, row: Row): Work<number>;
  drop(project: string, id: string): Work<number>;
  /** All rows in order of their ids, for verification. */
  page(project: string, after: string, limit: number): Work<Row[]>;
}

export function rowsOf<Row extends Versioned>(
  table: string,
  columns: readonly (keyof Row & string)[],
): Rows<Row> {
  const all = [...versions, ...columns] as (keyof Row & string)[];
  const values = (project: string, row: Row): Parameter[] => [
    project,
    ...all.map((column) => row[column] as Parameter),
  ];
  const list = all.join(', ');
  const select = statement(`SELECT ${list} FROM ${table} WHERE project_id = $1 AND id = $2`);
  const insert = statement(
    `INSERT INTO ${table} (project_id, ${list}) VALUES ($1, ${all.map((_, i) => `$${i + 2}`).join(', ')})`,
  );
  const assignments = all.map((column, i) => `${column} = $${i + 2}`).slice(1);
  const update = statement(
    `UPDATE ${table} SET ${assignments.join(', ')} WHERE project_id = $1 AND id = $2 AND revision = $3 - 1`,
  );
  const remove = statement(`DELETE FROM ${table} WHERE project_id = $1 AND id = $2`);
  const scan = statement(
    `SELECT ${list} FROM ${table} WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
  );
  return {
    columns,
    byId: (project, id) => one<Row>(select, [project, id]),
    add: (project, row) => change(insert, values(project, row)),
    replace: (project, row) => change(update, values(project, row)),
    drop: (project, id) => change(remove, [project, id]),
    page: (project, after, limit) => many<Row>(scan, [project, after, limit]),
  };
}

export const missionRows = rowsOf<MissionRow>('missions', [
  'title',
  'description',
  'status',
  'priority',
  'created_at',
  'started_at',
  'completed_at',
  'total_sorties',
  'completed_sorties',
  'result',
  'metadata',
  'created_by',
  'checkpointed_percent',
]);

export const sortieRows = rowsOf<SortieRow>('sorties', [
  'mission_id',
  'title',
  'description',
  'status',
  'priority',
  'assigned_to',
  'files',
  'progress',
  'progress_notes',
  'created_at',
  'started_at',
  'completed_at',
  'blocked_by',
  'blocked_reason',
  'result',
  'metadata',
  'created_by',
]);

export interface Range {
  /** Rows that were made after this entry. */
  readonly after: number;
  readonly limit: number;
  readonly offset: number;
}

/** Lists by whichever columns are asked for, each in the order in which the rows were made. */
function lists<Row extends Versioned>(table: string, rows: Rows<Row>) {
  const list = [...versions, ...rows.columns].join(', ');
  const known = new Map<string, { select: Statement; count: Statement }>();
  const statementsFor = (columns: readonly string[]) => {
    const key = columns.join();
    let found = known.get(key);
    if (!found) {
      const where = columns.map((column, i) => ` AND ${column} = $${i + 5}`).join('');
      const counted = columns.map((column, i) => ` AND ${column} = $${i + 2}`).join('');
      found = {
        select: statement(
          `SELECT ${list} FROM ${table} WHERE project_id = $1 AND made > $2${where}
          ORDER BY made LIMIT $3 OFFSET $4`,
        ),
        count: statement(`SELECT count(*) AS n FROM ${table} WHERE project_id = $1${counted}`),
      };
      known.set(key, found);
    }
    return found;
  };
  const wanted = (filter: Partial<Record<keyof Row & string, string | undefined>>) =>
    Object.entries(filter).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return {
    *where(
      project: string,
      filter: Partial<Record<keyof Row & string, string | undefined>>,
      { after, limit, offset }: Range,
    ): Work<Row[]> {
      const pairs = wanted(filter);
      const { select } = statementsFor(pairs.map(([column]) => column));
      return yield* many<Row>(select, [project, after, limit, offset, ...pairs.map(([, value]) => value)]);
    },
    *count(project: string, filter: Partial<Record<keyof Row & string, string | undefined>>): Work<number> {
      const pairs = wanted(filter);
      const { count } = statementsFor(pairs.map(([column]) => column));
      return (yield* one<{ n: number }>(count, [project, ...pairs.map(([, value]) => value)]))!.n;
    },
  };
}

export const missionLists = lists('missions', missionRows);
export const sortieLists = lists('sorties', sortieRows);

const countUnsettled = statement(`
  SELECT count(*) AS n FROM sorties
  WHERE project_id = $1 AND mission_id = $2 AND status <> 'completed' AND status <> 'cancelled'`);
/** Sorties of a mission that are neither completed nor cancelled. */
export function* unsettledSorties(project: string, mission: string): Work<number> {
  return (yield* one<{ n: number }>(countUnsettled, [project, mission]))!.n;
}
