import { type Migration, portable } from './migration.ts';

/**
 * Leases, one row per resource, under the columns of seed 002. `lease_id` holds a set together. Names and patterns are
 * leased beside files; `kind` keeps them apart.
 */
export const locks: Migration = {
  number: 4,
  name: 'locks',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE locks (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        lease_id TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL DEFAULT 'file' CHECK (kind IN ('file', 'pattern', 'name')),
        file TEXT NOT NULL,
        normalized_path TEXT NOT NULL,
        reserved_by TEXT NOT NULL,
        reserved_at TEXT NOT NULL,
        released_at TEXT,
        purpose TEXT NOT NULL DEFAULT 'edit',
        shared INTEGER NOT NULL DEFAULT 0,
        checksum TEXT,
        timeout_ms BIGINT DEFAULT 30000,
        expires_at TEXT,
        expires_at_ms BIGINT,
        status TEXT NOT NULL DEFAULT 'active'
          CHECK (status IN ('active', 'released', 'expired', 'force_released')),
        fencing_token BIGINT NOT NULL DEFAULT 0,
        metadata TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX idx_locks_path_active ON locks (project_id, kind, normalized_path)
        WHERE released_at IS NULL AND shared = 0;
      CREATE INDEX idx_locks_file ON locks (project_id, file);
      CREATE INDEX idx_locks_reserved_by ON locks (project_id, reserved_by);
      CREATE INDEX locks_active ON locks (project_id, kind, normalized_path) WHERE released_at IS NULL;
      CREATE INDEX locks_lease ON locks (project_id, lease_id);
      CREATE INDEX locks_expiry ON locks (project_id, expires_at_ms) WHERE released_at IS NULL;

      CREATE TABLE lock_waiters (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        request TEXT NOT NULL,
        urgency INTEGER NOT NULL,
        position BIGINT NOT NULL,
        enqueued_at BIGINT NOT NULL,
        deadline_ms BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'granted', 'timed_out', 'cancelled', 'gone', 'refused')),
        lease_id TEXT,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX lock_waiters_queue ON lock_waiters (project_id, position) WHERE state = 'waiting';
      `,
    ),
};
