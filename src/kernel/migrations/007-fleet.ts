import { type Migration, oneOf, portable } from './migration.ts';

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
      `,
    ),
};
