import type { Dialect } from '../work.ts';
import { type Migration, oneOf, portable } from './migration.ts';

/** Milliseconds as ISO 8601 text. */
export const inText = (milliseconds: string, dialect: Dialect): string =>
  dialect === 'sqlite'
    ? `strftime('%Y-%m-%dT%H:%M:%fZ', ${milliseconds} / 1000.0, 'unixepoch')`
    : `to_char(to_timestamp(${milliseconds} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The number that seed 000 gives the level of a scope; a team of one counts as a team. */
export const levelInSql: string = `CASE WHEN scope LIKE 'private:%' THEN 1 WHEN scope LIKE 'swarm:%' THEN 3
      WHEN scope = 'project' THEN 4 WHEN scope = 'system' THEN 5 ELSE 2 END`;

/** Proposals in the columns and words of seed 000's table `consensus`. */
export const proposalsAsConsensus = (dialect: Dialect): string => `
  SELECT project_id, id, kind AS type, target_id, target_type,
    CASE WHEN scope LIKE 'swarm:%' THEN substr(scope, 7) END AS swarm_id,
    CASE
      WHEN state = 'open' AND ballots = 0 THEN 'pending'
      WHEN state = 'open' THEN 'in_progress'
      WHEN decision = 'accept' THEN 'achieved'
      WHEN decision = 'no_decision' THEN 'expired'
      ELSE 'failed'
    END AS status,
    CASE WHEN strategy = 'unanimous' THEN 1.0
      ELSE COALESCE(threshold_numerator * 1.0 / threshold_denominator, 0.5) END AS threshold,
    COALESCE(accepted * 1.0 / NULLIF(accepted + rejected + abstained, 0), 0.0) AS current_score,
    electors AS required_validators,
    ballots AS current_validators,
    strategy AS voting,
    ${levelInSql} AS acl_level,
    CAST(NULL AS INTEGER) AS loop_number,
    owner AS created_by,
    ${inText('deadline_ms', dialect)} AS deadline,
    ${inText('opened_at', dialect)} AS created_at,
    ${inText('COALESCE(ended_at, opened_at)', dialect)} AS updated_at,
    ${inText('ended_at', dialect)} AS resolved_at,
    '{}' AS metadata
  FROM proposals`;

/**
 * Proposals, who may vote on them, and what was voted: the electorate is written once, and the key of a ballot makes a
 * second one of the same elector impossible, whatever the code above does. Counts are weights. Title, data, confidence
 * and reasons lie in `value` or `sealed`.
 */
export const votes: Migration = {
  number: 9,
  name: 'votes',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE proposals (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (${oneOf('kind', 'gate', 'validation', 'approval', 'decision')}),
        target_type TEXT NOT NULL CHECK (${oneOf('target_type', 'task', 'event', 'phase', 'sprint', 'epic')}),
        target_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        scope TEXT NOT NULL,
        strategy TEXT NOT NULL CHECK (${oneOf('strategy', 'simple', 'majority', 'weighted', 'unanimous')}),
        threshold_numerator BIGINT,
        threshold_denominator BIGINT,
        quorum_numerator BIGINT NOT NULL,
        quorum_denominator BIGINT NOT NULL,
        revisable INTEGER NOT NULL,
        electors INTEGER NOT NULL,
        weight_total BIGINT NOT NULL,
        electorate_hash TEXT NOT NULL,
        opened_at BIGINT NOT NULL,
        deadline_ms BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (${oneOf('state', 'open', 'decided', 'cancelled')}),
        decision TEXT CHECK (decision IS NULL OR ${oneOf('decision', 'accept', 'reject', 'no_decision')}),
        ended_at BIGINT,
        accepted BIGINT NOT NULL DEFAULT 0,
        rejected BIGINT NOT NULL DEFAULT 0,
        abstained BIGINT NOT NULL DEFAULT 0,
        ballots INTEGER NOT NULL DEFAULT 0,
        seq BIGINT NOT NULL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX proposals_target ON proposals (project_id, target_id, target_type);
      CREATE INDEX proposals_deadline ON proposals (project_id, deadline_ms) WHERE state = 'open';
      CREATE INDEX proposals_ended ON proposals (project_id, ended_at) WHERE ended_at IS NOT NULL;

      CREATE TABLE electors (
        project_id TEXT NOT NULL,
        proposal_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        weight BIGINT NOT NULL CHECK (weight > 0),
        PRIMARY KEY (project_id, proposal_id, agent_id)
      );
      CREATE INDEX electors_agent ON electors (project_id, agent_id, proposal_id);

      CREATE TABLE ballots (
        project_id TEXT NOT NULL,
        proposal_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        choice TEXT NOT NULL CHECK (${oneOf('choice', 'accept', 'reject', 'abstain')}),
        revision INTEGER NOT NULL,
        cast_at BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, proposal_id, agent_id)
      );

      CREATE VIEW consensus AS ${proposalsAsConsensus(dialect)};
      CREATE VIEW votes AS
        SELECT b.project_id, b.proposal_id AS consensus_id, b.agent_id AS voter_id, b.choice AS vote, e.weight,
          ${inText('b.cast_at', dialect)} AS created_at
        FROM ballots b JOIN electors e
          ON e.project_id = b.project_id AND e.proposal_id = b.proposal_id AND e.agent_id = b.agent_id;
      `,
    ),
};
