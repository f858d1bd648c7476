import { type Migration, oneOf, portable } from './migration.ts';

/** Levels as the seeds number them. */
function levelNumber(column: string): string {
  const cases = ['private', 'team', 'swarm', 'project', 'system'].map(
    (name, i) => `WHEN '${name}' THEN ${i + 1}`,
  );
  return `CASE ${column} ${cases.join(' ')} END`;
}

/** What the view `metrics` shows of an agent, by the seeds' names. */
const figures = [
  ['tasks_completed', 'count'],
  ['average_confidence', 'ratio'],
  ['response_time_ms', 'ms'],
  ['error_rate', 'ratio'],
  ['errors', 'count'],
  ['confidence', 'ratio'],
] as const;

function figureSql([name, unit]: (typeof figures)[number]): string {
  return `SELECT f.project_id, f.agent_id || '/${name}' AS id, f.agent_id AS entity_id, 'agent' AS entity_type,
    '${name}' AS metric_name, CAST(f.${name} AS REAL) AS metric_value, '${unit}' AS unit, f.progress_at AS timestamp
    FROM agent_performance f WHERE f.${name} IS NOT NULL`;
}

/**
 * Memberships may end at a time, which is that of the role they come from; they keep distances that leave room for the
 * swarms an agent was let into beside its own. Without a row id their key holds the whole row: what decides about each
 * read is in the index it is found by.
 */
export const fleet: Migration = {
  number: 7,
  name: 'fleet',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      ALTER TABLE agents ADD COLUMN system_member INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE agents ADD COLUMN level TEXT;
      ALTER TABLE agents ADD COLUMN died_at BIGINT;
      ALTER TABLE agents ADD COLUMN performance_metrics TEXT NOT NULL DEFAULT '{}';
      ALTER TABLE teams ADD COLUMN leader TEXT;
      UPDATE agents SET system_member = 1 WHERE EXISTS (SELECT 1 FROM memberships m
        WHERE m.project_id = agents.project_id AND m.agent_id = agents.id AND m.scope = 'system');

      CREATE TABLE memberships_ending (
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        distance INTEGER NOT NULL,
        scope TEXT NOT NULL,
        expires_at BIGINT,
        PRIMARY KEY (project_id, agent_id, distance, scope)
      )${dialect === 'sqlite' ? ' WITHOUT ROWID' : ''};
      INSERT INTO memberships_ending (project_id, agent_id, distance, scope)
        SELECT project_id, agent_id, distance * 2, scope FROM memberships;
      DROP TABLE memberships;
      ALTER TABLE memberships_ending RENAME TO memberships;
      CREATE INDEX memberships_scope ON memberships (project_id, scope, agent_id, expires_at);

      CREATE TABLE roles (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        role TEXT NOT NULL
          CHECK (${oneOf('role', 'system', 'product-owner', 'coordinator', 'validator', 'member')}),
        swarm_id TEXT NOT NULL,
        granted_by TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        granted_at BIGINT NOT NULL,
        expires_at BIGINT,
        revoked_at BIGINT,
        revoked_by TEXT,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX roles_agent ON roles (project_id, agent_id, role, swarm_id) WHERE revoked_at IS NULL;

      CREATE TABLE agent_permissions (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        resource_type TEXT NOT NULL,
        level TEXT NOT NULL,
        acts TEXT NOT NULL,
        granted_by TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        created_at BIGINT NOT NULL,
        expires_at BIGINT,
        revoked_at BIGINT,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX agent_permissions_agent ON agent_permissions (project_id, agent_id, resource_type, level)
        WHERE revoked_at IS NULL;
      CREATE VIEW permissions AS
        SELECT p.project_id, p.id, p.agent_id AS entity_id, 'agent' AS entity_type, p.resource_type,
          NULL AS resource_id, ${levelNumber('p.level')} AS permission_level, p.acts AS actions, '{}' AS conditions,
          p.granted_by, p.expires_at, CASE WHEN p.revoked_at IS NULL AND (p.expires_at IS NULL OR p.expires_at >
            (SELECT h.clock_ms FROM ledger_heads h WHERE h.project_id = p.project_id)) THEN 1 ELSE 0 END AS is_active,
          '{}' AS metadata, p.created_at, COALESCE(p.revoked_at, p.created_at) AS updated_at
        FROM agent_permissions p;

      CREATE TABLE agent_performance (
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        tasks_completed BIGINT NOT NULL DEFAULT 0,
        average_confidence REAL NOT NULL DEFAULT 0,
        response_time_ms REAL NOT NULL DEFAULT 0,
        error_rate REAL NOT NULL DEFAULT 0,
        errors BIGINT NOT NULL DEFAULT 0,
        confidence REAL,
        confidence_reports BIGINT NOT NULL DEFAULT 0,
        phase TEXT,
        iteration BIGINT,
        progress_at BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, agent_id)
      );
      CREATE VIEW metrics AS ${figures.map(figureSql).join(' UNION ALL ')};

      CREATE TABLE agent_notes (
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        revision BIGINT NOT NULL,
        sealed BLOB NOT NULL,
        updated_at BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, agent_id)
      );

      CREATE TABLE handoffs (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        incarnation BIGINT NOT NULL,
        cause TEXT NOT NULL CHECK (${oneOf('cause', 'death', 'restart', 'inactive', 'suspended', 'terminated')}),
        last_seen BIGINT NOT NULL,
        ended_at BIGINT NOT NULL,
        bundle TEXT NOT NULL,
        claimed_by TEXT,
        claimed_at BIGINT,
        ended_seq BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX handoffs_life ON handoffs (project_id, agent_id, incarnation);
      CREATE INDEX handoffs_ended ON handoffs (project_id, ended_seq);

      CREATE TABLE coordinators (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        swarm_id TEXT NOT NULL,
        status TEXT NOT NULL CHECK (${oneOf('status', 'active', 'dead', 'replaced')}),
        fencing_token BIGINT NOT NULL,
        sequence BIGINT NOT NULL DEFAULT 0,
        iteration BIGINT NOT NULL DEFAULT 0,
        phase TEXT,
        metadata TEXT NOT NULL DEFAULT '{}',
        registered_at BIGINT NOT NULL,
        last_heartbeat BIGINT,
        last_activity BIGINT,
        warnings BIGINT NOT NULL DEFAULT 0,
        warned_at BIGINT,
        recovered_from BIGINT NOT NULL DEFAULT 0,
        timed_out_at BIGINT,
        died_at BIGINT,
        death_reason TEXT,
        replaces TEXT,
        successor TEXT,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE coordinator_work (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        coordinator_id TEXT NOT NULL,
        item TEXT NOT NULL,
        status TEXT NOT NULL CHECK (${oneOf('status', 'open', 'transferred')}),
        payload TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        transferred_from TEXT,
        transferred_at BIGINT,
        seq BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX coordinator_work_item ON coordinator_work (project_id, coordinator_id, item);
      `,
    ),
};
