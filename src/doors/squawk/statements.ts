import { one, statement, type Work } from '../../kernel/work.ts';

/** The totals of `getStats`: of the whole file, whoever may read what. */
const project = 'default';

const selectTotals = statement(`
  SELECT (SELECT count(*) FROM events WHERE project_id = $1) AS events,
    (SELECT count(*) FROM missions WHERE project_id = $1) AS missions,
    (SELECT count(*) FROM missions WHERE project_id = $1 AND status = 'in_progress') AS running`);
export function* totals(): Work<{ events: number; missions: number; running: number }> {
  return (yield* one<{ events: number; missions: number; running: number }>(selectTotals, [project]))!;
}
