import { change, many, one, statement } from '../../../kernel/work.ts';

export interface PerformanceRow {
  agent_id: string;
  tasks_completed: number;
  average_confidence: number;
  response_time_ms: number;
  error_rate: number;
  errors: number;
  /** The last one reported. */
  confidence: number | null;
  confidence_reports: number;
  phase: string | null;
  iteration: number | null;
  progress_at: number;
  seq: number;
}

const names = [
  'agent_id',
  'tasks_completed',
  'average_confidence',
  'response_time_ms',
  'error_rate',
  'errors',
  'confidence',
  'confidence_reports',
  'phase',
  'iteration',
  'progress_at',
  'seq',
] as const;

const selectOne = statement(`
  SELECT ${names.join(', ')} FROM agent_performance WHERE project_id = $1 AND agent_id = $2`);
export const performanceOf = (project: string, agent: string) =>
  one<PerformanceRow>(selectOne, [project, agent]);

const upsert = statement(`
  INSERT INTO agent_performance (project_id, ${names.join(', ')})
  VALUES ($1, ${names.map((_, i) => `$${i + 2}`).join(', ')})
  ON CONFLICT (project_id, agent_id) DO UPDATE
    SET ${names
      .slice(1)
      .map((name) => `${name} = excluded.${name}`)
      .join(', ')}`);
export const putPerformance = (project: string, row: PerformanceRow) =>
  change(upsert, [project, ...names.map((name) => row[name])]);

const updateShown = statement('UPDATE agents SET performance_metrics = $3 WHERE project_id = $1 AND id = $2');
/** The figures beside the agent, where seed 000's queries look for them. */
export const showPerformance = (project: string, agent: string, text: string) =>
  change(updateShown, [project, agent, text]);

/** With the figures as they stand beside the agent; null where there is none any more. */
export type ShownPerformance = PerformanceRow & { readonly shown: string | null };

const selectAll = statement(`
  SELECT ${names.map((name) => `p.${name}`).join(', ')},
    (SELECT a.performance_metrics FROM agents a WHERE a.project_id = p.project_id AND a.id = p.agent_id) AS shown
  FROM agent_performance p WHERE p.project_id = $1 AND p.agent_id > $2 ORDER BY p.agent_id LIMIT $3`);
export const performanceAfter = (project: string, after: string, limit: number) =>
  many<ShownPerformance>(selectAll, [project, after, limit]);
