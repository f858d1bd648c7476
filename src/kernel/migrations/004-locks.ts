import { type Migration, oneOf, portable } from './migration.ts';

/**
 * Leases, one row per resource, under the columns of seed 002. The first row of a lease has the lease's id, the others
 * name it in `lease_id`. Names and patterns are leased beside files; `kind` keeps them apart.
 *
 * An active row is in exactly one of the two path indexes: they answer together what is leased, and the unique one
 * makes a second exclusive lease on the same path impossible, whatever the code above does.
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
        kind TEXT NOT NULL DEFAULT 'file' CHECK (${oneOf('kind', 'file', 'pattern', 'name')}),
        file TEXT NOT NULL,
        normalized_path TEXT NOT NULL,
        reserved_by TEXT NOT NULL,
        incarnation BIGINT NOT NULL DEFAULT 1,
        reserved_at TEXT NOT NULL,
        released_at TEXT,
        purpose TEXT NOT NULL DEFAULT 'edit' CHECK (${oneOf('purpose', 'edit', 'read', 'delete')}),
        shared INTEGER NOT NULL DEFAULT 0,
        checksum TEXT,
        timeout_ms BIGINT DEFAULT 30000,
        expires_at TEXT,
        expires_at_ms BIGINT,
        status TEXT NOT NULL DEFAULT 'active'
          CHECK (${oneOf('status', 'active', 'released', 'expired', 'force_released')}),
        fencing_token BIGINT NOT NULL DEFAULT 0,
        members INTEGER NOT NULL DEFAULT 1,
        ended_by TEXT,
        end_reason TEXT,
        seq BIGINT NOT NULL DEFAULT 0,
        metadata TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX idx_locks_path_active ON locks (project_id, kind, normalized_path)
        WHERE released_at IS NULL AND shared = 0;
      CREATE INDEX idx_locks_file ON locks (project_id, kind, normalized_path, file)
        WHERE released_at IS NULL AND shared = 1;
      CREATE INDEX idx_locks_reserved_by ON locks (project_id, reserved_by, id) WHERE released_at IS NULL;
      CREATE INDEX locks_lease ON locks (project_id, lease_id) WHERE lease_id <> '';
      CREATE INDEX locks_expiry ON locks (project_id, expires_at_ms)
        WHERE released_at IS NULL AND expires_at_ms IS NOT NULL;

      CREATE TABLE lock_waiters (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        incarnation BIGINT NOT NULL,
        request TEXT NOT NULL,
        urgency INTEGER NOT NULL,
        tier INTEGER NOT NULL,
        position BIGINT NOT NULL,
        bypassed INTEGER NOT NULL DEFAULT 0,
        enqueued_at BIGINT NOT NULL,
        deadline_ms BIGINT NOT NULL,
        state TEXT NOT NULL
          CHECK (${oneOf('state', 'waiting', 'granted', 'timed_out', 'cancelled', 'gone')}),
        ended_at BIGINT,
        lease_id TEXT,
        joined INTEGER NOT NULL DEFAULT 0,
        accepted_at BIGINT,
        deadlock TEXT,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX lock_waiters_queue ON lock_waiters (project_id, tier, position) WHERE state = 'waiting';
      CREATE INDEX lock_waiters_agent ON lock_waiters (project_id, agent_id) WHERE state = 'waiting';
      CREATE INDEX lock_waiters_deadline ON lock_waiters (project_id, deadline_ms) WHERE state = 'waiting';
      CREATE INDEX lock_waiters_ended ON lock_waiters (project_id, ended_at) WHERE state <> 'waiting';

      CREATE TABLE lock_waiter_resources (
        project_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        waiter_id TEXT NOT NULL,
        shared INTEGER NOT NULL,
        PRIMARY KEY (project_id, kind, path, waiter_id)
      );
      CREATE INDEX lock_waiter_resources_waiter ON lock_waiter_resources (project_id, waiter_id);
      `,
    ),
};
