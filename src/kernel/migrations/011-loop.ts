import type { Dialect } from '../work.ts';
import { inText, levelInSql, proposalsAsConsensus } from './009-votes.ts';
import { type Migration, oneOf, portable } from './migration.ts';

/** Agreements of validators beside the votes, under the name that seed 000 gives both. */
const agreementsAsConsensus = (dialect: Dialect) => `
  SELECT project_id, id, 'validation', phase, 'phase', swarm, COALESCE(status, 'pending'), threshold, score, NULL,
    (SELECT count(*) FROM loop_votes v WHERE v.project_id = c.project_id AND v.swarm = c.swarm AND v.phase = c.phase
      AND v.consensus = c.id AND v.scope = c.scope),
    'simple', ${levelInSql}, 2, owner, NULL, ${inText('created_at', dialect)}, ${inText('updated_at', dialect)},
    CASE WHEN status <> 'pending' THEN ${inText('updated_at', dialect)} END, '{"iteration":' || iteration || '}'
  FROM loop_consensus c`;

/**
 * Records of the loop. Columns in clear say which phase, round and agent a record is of and when it ends; what was said
 * lies in `value` or `sealed`; `shown_until` is the end of its copy in Redis. `status`, `score` and `threshold` are null
 * where the record is sealed.
 */
export const loop: Migration = {
  number: 11,
  name: 'loop',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE loop_confidences (
        project_id TEXT NOT NULL,
        swarm TEXT NOT NULL,
        phase TEXT NOT NULL,
        iteration BIGINT NOT NULL,
        owner TEXT NOT NULL,
        scope TEXT NOT NULL,
        revision BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        shown_until BIGINT NOT NULL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, swarm, phase, owner, iteration)
      );
      CREATE INDEX loop_confidences_expiry ON loop_confidences (project_id, expires_at);

      CREATE TABLE loop_consensus (
        project_id TEXT NOT NULL,
        swarm TEXT NOT NULL,
        phase TEXT NOT NULL,
        id TEXT NOT NULL,
        iteration BIGINT NOT NULL,
        owner TEXT NOT NULL,
        author TEXT NOT NULL,
        scope TEXT NOT NULL,
        revision BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        shown_until BIGINT NOT NULL,
        status TEXT CHECK (status IS NULL OR ${oneOf('status', 'pending', 'achieved', 'failed')}),
        score REAL,
        threshold REAL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, swarm, phase, id, scope)
      );
      CREATE INDEX loop_consensus_expiry ON loop_consensus (project_id, expires_at);

      CREATE TABLE loop_votes (
        project_id TEXT NOT NULL,
        swarm TEXT NOT NULL,
        phase TEXT NOT NULL,
        consensus TEXT NOT NULL,
        validator TEXT NOT NULL,
        type TEXT NOT NULL,
        position BIGINT NOT NULL,
        owner TEXT NOT NULL,
        scope TEXT NOT NULL,
        seq BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, swarm, phase, consensus, scope, validator, type)
      );

      CREATE TABLE loop_decisions (
        project_id TEXT NOT NULL,
        swarm TEXT NOT NULL,
        phase TEXT NOT NULL,
        id TEXT NOT NULL,
        iteration BIGINT NOT NULL,
        owner TEXT NOT NULL,
        scope TEXT NOT NULL,
        seq BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        shown_until BIGINT NOT NULL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, swarm, phase, id, scope)
      );
      CREATE INDEX loop_decisions_expiry ON loop_decisions (project_id, expires_at);

      DROP VIEW consensus;
      CREATE VIEW consensus AS ${proposalsAsConsensus(dialect)} UNION ALL ${agreementsAsConsensus(dialect)};
      `,
    ),
};
