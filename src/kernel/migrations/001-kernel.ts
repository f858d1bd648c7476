import { appendOnly, type Migration, oneOf, portable } from './migration.ts';

/**
 * Store, projects, keys, ledger, identities. `audit_log` is the ledger itself; its first nine columns are those that
 * seed 004 gives the table, so that any SQLite program can query it by those names. Its ids need no AUTOINCREMENT: no
 * row is ever deleted, so none is given out twice, and each commit dirties one page less.
 */
export const kernel: Migration = {
  number: 1,
  name: 'kernel',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE store (name TEXT PRIMARY KEY, value TEXT NOT NULL);
      INSERT INTO store (name, value) VALUES ('epoch', '1');

      CREATE TABLE projects (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        created_at TEXT NOT NULL
      );

      CREATE TABLE keys (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        parent_id TEXT,
        purpose TEXT NOT NULL,
        scope TEXT NOT NULL,
        algorithm TEXT NOT NULL,
        wrapped BLOB NOT NULL,
        commitment BLOB NOT NULL,
        state TEXT NOT NULL,
        uses BIGINT NOT NULL DEFAULT 0,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX keys_primary ON keys (project_id, purpose, scope) WHERE state = 'primary';

      CREATE TABLE ledger_heads (
        project_id TEXT PRIMARY KEY,
        size BIGINT NOT NULL,
        frontier BLOB NOT NULL,
        clock_ms BIGINT NOT NULL,
        epoch BIGINT NOT NULL,
        fence BIGINT NOT NULL,
        policy_epoch BIGINT NOT NULL,
        mac BLOB NOT NULL
      );

      CREATE TABLE audit_log (
        id INTEGER PRIMARY KEY,
        timestamp TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        operation TEXT NOT NULL,
        status TEXT NOT NULL CHECK (${oneOf('status', 'started', 'completed', 'failed', 'skipped')}),
        duration_ms INTEGER,
        error_message TEXT,
        context_json TEXT,
        created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        project_id TEXT,
        seq BIGINT,
        scope TEXT,
        entry TEXT,
        leaf BLOB,
        UNIQUE (project_id, seq)
      );

      CREATE TABLE ledger_tiles (
        project_id TEXT NOT NULL,
        level INTEGER NOT NULL,
        tile BIGINT NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (project_id, level, tile)
      );

      CREATE TABLE ledger_checkpoints (
        project_id TEXT NOT NULL,
        size BIGINT NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, size)
      );

      CREATE TABLE agents (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'active',
        team_id TEXT,
        swarm_id TEXT NOT NULL,
        capabilities TEXT NOT NULL DEFAULT '[]',
        metadata TEXT NOT NULL DEFAULT '{}',
        incarnation BIGINT NOT NULL DEFAULT 1,
        last_seen BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE teams (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL DEFAULT '',
        metadata TEXT NOT NULL DEFAULT '{}',
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE swarms (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL DEFAULT '',
        metadata TEXT NOT NULL DEFAULT '{}',
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE memberships (
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        distance INTEGER NOT NULL,
        scope TEXT NOT NULL,
        PRIMARY KEY (project_id, agent_id, distance, scope)
      );
      CREATE INDEX memberships_scope ON memberships (project_id, scope, agent_id);

      CREATE TABLE grants (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        action TEXT NOT NULL,
        resource TEXT NOT NULL,
        scope TEXT NOT NULL,
        prefix TEXT NOT NULL DEFAULT '',
        granted_by TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        revoked_at BIGINT,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX grants_agent ON grants (project_id, agent_id, resource, action, scope) WHERE revoked_at IS NULL;

      CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        secret_hash BLOB NOT NULL,
        rights TEXT NOT NULL,
        label TEXT NOT NULL DEFAULT '',
        created_at BIGINT NOT NULL,
        expires_at BIGINT,
        revoked_at BIGINT,
        last_used_at BIGINT
      );
      CREATE INDEX tokens_agent ON tokens (project_id, agent_id);

      CREATE TABLE idempotency (
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        operation TEXT NOT NULL,
        key TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        answer BLOB NOT NULL,
        expires_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, agent_id, operation, key)
      );
      CREATE INDEX idempotency_expiry ON idempotency (project_id, expires_at);
      `,
    ) + appendOnly(dialect, 'audit_log'),
};
