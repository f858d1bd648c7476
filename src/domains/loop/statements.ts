import { visible } from '../../kernel/access/statements.ts';
import { change, many, one, statement } from '../../kernel/work.ts';

/** What the tables of the loop have in common. */
export interface RecordRow {
  swarm: string;
  phase: string;
  iteration: number;
  owner: string;
  scope: string;
  seq: number;
  created_at: number;
  expires_at: number;
  shown_until: number;
  value: string | null;
  sealed: Uint8Array | null;
}

export interface ConfidenceRow extends RecordRow {
  revision: number;
  updated_at: number;
}

export interface ConsensusRow extends RecordRow {
  id: string;
  author: string;
  revision: number;
  updated_at: number;
  status: string | null;
  score: number | null;
  threshold: number | null;
}

export interface DecisionRow extends RecordRow {
  id: string;
}

export interface VoteRow extends Omit<RecordRow, 'iteration' | 'expires_at' | 'shown_until'> {
  consensus: string;
  validator: string;
  type: string;
  position: number;
}

const record =
  't.swarm, t.phase, t.iteration, t.owner, t.scope, t.seq, t.created_at, t.expires_at, t.shown_until, t.value, t.sealed';
export const confidenceColumns = `${record}, t.revision, t.updated_at`;
export const consensusColumns = `${record}, t.id, t.author, t.revision, t.updated_at, t.status, t.score, t.threshold`;
export const decisionColumns = `${record}, t.id`;
export const voteColumns =
  't.swarm, t.phase, t.consensus, t.validator, t.type, t.position, t.owner, t.scope, t.seq, t.created_at, t.value, t.sealed';

/** Not past its time, by the caller's clock and by the store's. */
const live = (now: string) => `t.expires_at > ${now}
    AND t.expires_at > (SELECT h.clock_ms FROM ledger_heads h WHERE h.project_id = t.project_id)`;

const sees = (path: string) => visible('t', 'loop', path, { agent: 2, act: 9, now: 6 });

export interface Page {
  /** Records with a smaller ledger position. */
  readonly before: number;
  readonly limit: number;
  readonly now: number;
}

const selectConfidences = statement(`
  SELECT * FROM (
    SELECT ${confidenceColumns},
      CASE WHEN ${sees("(t.swarm || '/' || t.phase || '/' || t.owner)")} THEN 1 ELSE 0 END AS own
    FROM loop_confidences t
    WHERE t.project_id = $1 AND t.swarm = $3 AND t.phase = $4 AND ($5 < 0 OR t.iteration = $5) AND t.seq < $7
      AND ($11 = '' OR t.owner = $11) AND ${live('$6')}
  ) seen
  WHERE own = 1 OR $10 = 1
  ORDER BY seq DESC LIMIT $8`);
/**
 * Confidences of a phase, newest first: those the agent may read by itself (`own`), and with `all` those of everybody.
 */
export const confidencesIn = (
  project: string,
  agent: string,
  of: { swarm: string; phase: string; iteration: number | undefined; owner: string | undefined },
  all: boolean,
  { before, limit, now }: Page,
) =>
  many<ConfidenceRow & { own: number }>(selectConfidences, [
    project,
    agent,
    of.swarm,
    of.phase,
    of.iteration ?? -1,
    now,
    before,
    limit,
    'read',
    all ? 1 : 0,
    of.owner ?? '',
  ]);

const selectConfidence = statement(`
  SELECT ${confidenceColumns} FROM loop_confidences t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND t.owner = $4 AND t.iteration = $5`);
export const confidenceOf = (project: string, of: Place & { owner: string; iteration: number }) =>
  one<ConfidenceRow>(selectConfidence, [project, of.swarm, of.phase, of.owner, of.iteration]);

export interface Place {
  readonly swarm: string;
  readonly phase: string;
}

const upsertConfidence = statement(`
  INSERT INTO loop_confidences (project_id, swarm, phase, iteration, owner, scope, revision, seq, created_at, updated_at,
    expires_at, shown_until, value, sealed)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  ON CONFLICT (project_id, swarm, phase, owner, iteration) DO UPDATE
    SET revision = excluded.revision, seq = excluded.seq, updated_at = excluded.updated_at,
        expires_at = excluded.expires_at, shown_until = excluded.shown_until, value = excluded.value,
        sealed = excluded.sealed
    WHERE loop_confidences.revision = excluded.revision - 1`);
export const putConfidence = (project: string, row: ConfidenceRow) =>
  change(upsertConfidence, [
    project,
    row.swarm,
    row.phase,
    row.iteration,
    row.owner,
    row.scope,
    row.revision,
    row.seq,
    row.created_at,
    row.updated_at,
    row.expires_at,
    row.shown_until,
    row.value,
    row.sealed,
  ]);

const deleteConfidence = statement(`
  DELETE FROM loop_confidences
  WHERE project_id = $1 AND swarm = $2 AND phase = $3 AND owner = $4 AND iteration = $5`);
export const dropConfidence = (project: string, row: ConfidenceRow) =>
  change(deleteConfidence, [project, row.swarm, row.phase, row.owner, row.iteration]);

const selectNewestOf = statement(`
  SELECT ${confidenceColumns} FROM loop_confidences t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND t.owner = $4 AND ${live('$5')}
  ORDER BY t.seq DESC LIMIT 1`);
/** What an agent has said last of a phase, whatever the iteration. */
export const newestOf = (project: string, { swarm, phase }: Place, owner: string, now: number) =>
  one<ConfidenceRow>(selectNewestOf, [project, swarm, phase, owner, now]);

const selectNewestRound = statement(`
  SELECT t.owner, t.seq, t.iteration FROM loop_confidences t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND ${live('$4')}
    AND t.iteration = (SELECT MAX(t.iteration) FROM loop_confidences t
      WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND ${live('$4')})
  ORDER BY t.owner LIMIT 1000`);
/** Who has reported in the newest round of a phase; nothing of what was said. */
export const newestRound = (project: string, { swarm, phase }: Place, now: number) =>
  many<{ owner: string; seq: number; iteration: number }>(selectNewestRound, [project, swarm, phase, now]);

const path = "(t.swarm || '/' || t.phase || '/' || t.id)";

const selectConsensus = statement(`
  SELECT ${consensusColumns} FROM loop_consensus t
  WHERE t.project_id = $1 AND t.swarm = $3 AND t.phase = $4 AND ($5 = '' OR t.id = $5) AND t.seq < $7
    AND ${live('$6')} AND ${sees(path)}
  ORDER BY t.seq DESC LIMIT $8`);
/** Consensus records of a phase that the agent may read, newest first. */
export const consensusIn = (
  project: string,
  agent: string,
  { swarm, phase }: Place,
  id: string | undefined,
  { before, limit, now }: Page,
) =>
  many<ConsensusRow>(selectConsensus, [project, agent, swarm, phase, id ?? '', now, before, limit, 'read']);

const selectConsensusAt = statement(`
  SELECT ${consensusColumns} FROM loop_consensus t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND t.id = $4 AND t.scope = $5`);
export const consensusOf = (project: string, of: Place & { id: string; scope: string }) =>
  one<ConsensusRow>(selectConsensusAt, [project, of.swarm, of.phase, of.id, of.scope]);

const upsertConsensus = statement(`
  INSERT INTO loop_consensus (project_id, swarm, phase, id, iteration, owner, author, scope, revision, seq, created_at,
    updated_at, expires_at, shown_until, status, score, threshold, value, sealed)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
  ON CONFLICT (project_id, swarm, phase, id, scope) DO UPDATE
    SET iteration = excluded.iteration, author = excluded.author, revision = excluded.revision, seq = excluded.seq,
        updated_at = excluded.updated_at, expires_at = excluded.expires_at,
        shown_until = excluded.shown_until, status = excluded.status,
        score = excluded.score, threshold = excluded.threshold, value = excluded.value, sealed = excluded.sealed
    WHERE loop_consensus.revision = excluded.revision - 1`);
export const putConsensus = (project: string, row: ConsensusRow) =>
  change(upsertConsensus, [
    project,
    row.swarm,
    row.phase,
    row.id,
    row.iteration,
    row.owner,
    row.author,
    row.scope,
    row.revision,
    row.seq,
    row.created_at,
    row.updated_at,
    row.expires_at,
    row.shown_until,
    row.status,
    row.score,
    row.threshold,
    row.value,
    row.sealed,
  ]);

const deleteConsensus = statement(`
  DELETE FROM loop_consensus WHERE project_id = $1 AND swarm = $2 AND phase = $3 AND id = $4 AND scope = $5`);
export const dropConsensus = (project: string, row: ConsensusRow) =>
  change(deleteConsensus, [project, row.swarm, row.phase, row.id, row.scope]);

const selectVotes = statement(`
  SELECT ${voteColumns} FROM loop_votes t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND t.consensus = $4 AND t.scope = $5
  ORDER BY t.position LIMIT 1000`);
/** The votes of one consensus record, in the order in which they were given. */
export const votesOf = (project: string, of: Pick<ConsensusRow, 'swarm' | 'phase' | 'id' | 'scope'>) =>
  many<VoteRow>(selectVotes, [project, of.swarm, of.phase, of.id, of.scope]);

const insertVote = statement(`
  INSERT INTO loop_votes (project_id, swarm, phase, consensus, validator, type, position, owner, scope, seq, created_at,
    value, sealed)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`);
export const addVote = (project: string, row: VoteRow) =>
  change(insertVote, [
    project,
    row.swarm,
    row.phase,
    row.consensus,
    row.validator,
    row.type,
    row.position,
    row.owner,
    row.scope,
    row.seq,
    row.created_at,
    row.value,
    row.sealed,
  ]);

const deleteVote = statement(`
  DELETE FROM loop_votes
  WHERE project_id = $1 AND swarm = $2 AND phase = $3 AND consensus = $4 AND scope = $5 AND validator = $6 AND type = $7`);
export const dropVote = (project: string, row: VoteRow) =>
  change(deleteVote, [project, row.swarm, row.phase, row.consensus, row.scope, row.validator, row.type]);

const selectDecisions = statement(`
  SELECT ${decisionColumns} FROM loop_decisions t
  WHERE t.project_id = $1 AND t.swarm = $3 AND t.phase = $4 AND ($5 = '' OR t.id = $5) AND t.seq < $7
    AND ${live('$6')} AND ${sees(path)}
  ORDER BY t.seq DESC LIMIT $8`);
/** Decisions on a phase that the agent may read, newest first. */
export const decisionsIn = (
  project: string,
  agent: string,
  { swarm, phase }: Place,
  id: string | undefined,
  { before, limit, now }: Page,
) => many<DecisionRow>(selectDecisions, [project, agent, swarm, phase, id ?? '', now, before, limit, 'read']);

const selectDecisionAt = statement(`
  SELECT ${decisionColumns} FROM loop_decisions t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND t.id = $4 AND t.scope = $5`);
export const decisionOf = (project: string, of: Place & { id: string; scope: string }) =>
  one<DecisionRow>(selectDecisionAt, [project, of.swarm, of.phase, of.id, of.scope]);

const selectNewestDecision = statement(`
  SELECT t.seq, t.iteration FROM loop_decisions t
  WHERE t.project_id = $1 AND t.swarm = $2 AND t.phase = $3 AND ${live('$4')} ORDER BY t.seq DESC LIMIT 1`);
/** That there is a decision on a phase; nothing of what it says. */
export const newestDecision = (project: string, { swarm, phase }: Place, now: number) =>
  one<{ seq: number; iteration: number }>(selectNewestDecision, [project, swarm, phase, now]);

const insertDecision = statement(`
  INSERT INTO loop_decisions (project_id, swarm, phase, id, iteration, owner, scope, seq, created_at, expires_at,
    shown_until, value, sealed)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`);
export const addDecision = (project: string, row: DecisionRow) =>
  change(insertDecision, [
    project,
    row.swarm,
    row.phase,
    row.id,
    row.iteration,
    row.owner,
    row.scope,
    row.seq,
    row.created_at,
    row.expires_at,
    row.shown_until,
    row.value,
    row.sealed,
  ]);

const deleteDecision = statement(`
  DELETE FROM loop_decisions WHERE project_id = $1 AND swarm = $2 AND phase = $3 AND id = $4 AND scope = $5`);
export const dropDecision = (project: string, row: DecisionRow) =>
  change(deleteDecision, [project, row.swarm, row.phase, row.id, row.scope]);
