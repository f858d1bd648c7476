import { many, statement } from '../../kernel/work.ts';

/** What Redis shows of signals, page by page. */

const selectReceivers = statement(`
  SELECT DISTINCT t.agent_id FROM signal_targets t
  WHERE t.project_id = $1 AND t.agent_id > $2 AND t.removed = 0 ORDER BY t.agent_id LIMIT $3`);
/** Agents that something was addressed to and not removed, by name. */
export const receiversAfter = (project: string, after: string, limit: number) =>
  many<{ agent_id: string }>(selectReceivers, [project, after, limit]);

const selectAnswers = statement(`
  SELECT t.signal_id, t.agent_id FROM signal_targets t
  WHERE t.project_id = $1 AND (t.signal_id, t.agent_id) > ($2, $3)
    AND t.answer IN ('acked', 'refused') AND t.answered_at > $4
  ORDER BY t.signal_id, t.agent_id LIMIT $5`);
/** Answers given since a time, by signal and agent. */
export const answersAfter = (
  project: string,
  [signal, agent]: readonly [signal: string, agent: string],
  since: number,
  limit: number,
) => many<{ signal_id: string; agent_id: string }>(selectAnswers, [project, signal, agent, since, limit]);
