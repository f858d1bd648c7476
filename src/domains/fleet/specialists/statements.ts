import { change, many, one, statement, type Work } from '../../../kernel/work.ts';

export interface SpecialistRow {
  id: string;
  name: string;
  status: string;
  capabilities: string;
  registered_at: string;
  last_seen: string;
  last_seen_ms: number;
  current_sortie: string | null;
  metadata: string;
}

const columns =
  'id, name, status, capabilities, registered_at, last_seen, last_seen_ms, current_sortie, metadata';

const selectSpecialist = statement(`SELECT ${columns} FROM specialists WHERE project_id = $1 AND id = $2`);
export const specialistById = (project: string, id: string) =>
  one<SpecialistRow>(selectSpecialist, [project, id]);

const upsertSpecialist = statement(`
  INSERT INTO specialists (project_id, ${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  ON CONFLICT (project_id, id) DO UPDATE
    SET name = excluded.name, status = excluded.status, capabilities = excluded.capabilities,
        last_seen = excluded.last_seen, last_seen_ms = excluded.last_seen_ms,
        current_sortie = excluded.current_sortie, metadata = excluded.metadata`);
export const putSpecialist = (project: string, row: SpecialistRow) =>
  change(upsertSpecialist, [
    project,
    row.id,
    row.name,
    row.status,
    row.capabilities,
    row.registered_at,
    row.last_seen,
    row.last_seen_ms,
    row.current_sortie,
    row.metadata,
  ]);

// One that is silent counts as inactive here as well, so that a filter and a page hold what they say.
const selectSpecialists = statement(`
  SELECT ${columns} FROM specialists
  WHERE project_id = $1 AND id > $2
    AND ($3 = '' OR $3 = CASE WHEN status <> 'completed' AND last_seen_ms <= $4 THEN 'inactive' ELSE status END)
  ORDER BY id LIMIT $5`);
/** Specialists in order of their ids; silent ones are those last seen at `silentSince` or before. */
export const specialistsAfter = (
  project: string,
  after: string,
  filter: { status: string; silentSince: number },
  limit: number,
) => many<SpecialistRow>(selectSpecialists, [project, after, filter.status, filter.silentSince, limit]);

const blank = (table: string) =>
  statement(`UPDATE ${table} SET metadata = '{}' WHERE project_id = $1 AND id = $2 AND metadata <> '{}'`);
const blankRows = ['agents', 'specialists'].map(blank);
/** Blanks what is said of an agent beside its names. */
export function* blankMetadata(project: string, id: string): Work<number> {
  let changed = 0;
  for (const row of blankRows) changed += yield* change(row, [project, id]);
  return changed;
}
