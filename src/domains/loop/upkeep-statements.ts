import { entryBeside } from '../../kernel/ledger/statements.ts';
import { change, many, type Parameter, statement, type Work } from '../../kernel/work.ts';
import {
  type ConfidenceRow,
  type ConsensusRow,
  confidenceColumns,
  consensusColumns,
  type DecisionRow,
  decisionColumns,
  type VoteRow,
  voteColumns,
} from './statements.ts';

/** The statements of whoever goes through whole tables: pruning, verification, Redis and erasure. */

const expired = (table: string, columns: string) =>
  statement(`
    SELECT ${columns} FROM ${table} t
    WHERE t.project_id = $1 AND t.expires_at <= $2 ORDER BY t.expires_at LIMIT $3`);
const selectExpiredConfidences = expired('loop_confidences', confidenceColumns);
const selectExpiredConsensus = expired('loop_consensus', consensusColumns);
const selectExpiredDecisions = expired('loop_decisions', decisionColumns);
export const expiredConfidences = (project: string, now: number, limit: number) =>
  many<ConfidenceRow>(selectExpiredConfidences, [project, now, limit]);
export const expiredConsensus = (project: string, now: number, limit: number) =>
  many<ConsensusRow>(selectExpiredConsensus, [project, now, limit]);
export const expiredDecisions = (project: string, now: number, limit: number) =>
  many<DecisionRow>(selectExpiredDecisions, [project, now, limit]);

export type Checked<Row> = Row & { entry: string | null };

/** All rows of a table in key order with their ledger entries, for verification. */
const checked = (table: string, columns: string, key: readonly string[]) => {
  const names = key.map((column) => `t.${column}`).join(', ');
  const after = key.map((_, i) => `$${i + 2}`).join(', ');
  return statement(`
    SELECT ${columns}, ledger.entry FROM ${table} t ${entryBeside('t')}
    WHERE t.project_id = $1 AND (${names}) > (${after}) ORDER BY ${names} LIMIT $${key.length + 2}`);
};
const selectAllConfidences = checked('loop_confidences', confidenceColumns, [
  'swarm',
  'phase',
  'owner',
  'iteration',
]);
const selectAllConsensus = checked('loop_consensus', consensusColumns, ['swarm', 'phase', 'id', 'scope']);
const selectAllDecisions = checked('loop_decisions', decisionColumns, ['swarm', 'phase', 'id', 'scope']);
const selectAllVotes = checked('loop_votes', voteColumns, [
  'swarm',
  'phase',
  'consensus',
  'scope',
  'validator',
  'type',
]);
type After = readonly Parameter[];
export const allConfidences = (project: string, after: After, limit: number) =>
  many<Checked<ConfidenceRow>>(selectAllConfidences, [project, ...after, limit]);
export const allConsensus = (project: string, after: After, limit: number) =>
  many<Checked<ConsensusRow>>(selectAllConsensus, [project, ...after, limit]);
export const allDecisions = (project: string, after: After, limit: number) =>
  many<Checked<DecisionRow>>(selectAllDecisions, [project, ...after, limit]);
export const allVotes = (project: string, after: After, limit: number) =>
  many<Checked<VoteRow>>(selectAllVotes, [project, ...after, limit]);

const inScope = (table: string) => statement(`DELETE FROM ${table} WHERE project_id = $1 AND scope = $2`);
const scopedTables = ['loop_confidences', 'loop_consensus', 'loop_votes', 'loop_decisions'].map(inScope);
/** Removes all that lies in one audience; answers how many records that were. */
export function* dropScope(project: string, scope: string): Work<number> {
  let dropped = 0;
  for (const table of scopedTables) dropped += yield* change(table, [project, scope]);
  return dropped;
}

const owned = (table: string, columns: string) =>
  statement(
    `SELECT ${columns} FROM ${table} t WHERE t.project_id = $1 AND t.owner = $2 ORDER BY t.seq LIMIT $3`,
  );
const selectOwnedConfidences = owned('loop_confidences', confidenceColumns);
const selectOwnedConsensus = owned('loop_consensus', consensusColumns);
const selectOwnedVotes = owned('loop_votes', voteColumns);
const selectOwnedDecisions = owned('loop_decisions', decisionColumns);
export const ownedConfidences = (project: string, agent: string, limit: number) =>
  many<ConfidenceRow>(selectOwnedConfidences, [project, agent, limit]);
export const ownedConsensus = (project: string, agent: string, limit: number) =>
  many<ConsensusRow>(selectOwnedConsensus, [project, agent, limit]);
export const ownedVotes = (project: string, agent: string, limit: number) =>
  many<VoteRow>(selectOwnedVotes, [project, agent, limit]);
export const ownedDecisions = (project: string, agent: string, limit: number) =>
  many<DecisionRow>(selectOwnedDecisions, [project, agent, limit]);
