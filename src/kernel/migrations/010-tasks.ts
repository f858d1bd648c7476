import type { Dialect } from '../work.ts';
import { type Migration, oneOf, portable } from './migration.ts';

/**
 * Tasks, their dependencies, the history of their failed attempts, references to artifacts, and conflicts between agents.
 *
 * `tasks` and `artifacts` hold the columns of seed 003 beside ours, `dependencies` and `conflicts` have the names of
 * seed 000. What plain SQL inserts needs a few columns only; such a task has no `lane` and is handed out to nobody.
 *
 * A task is in at most one of the partial indexes that claims read: `tasks_ready` while somebody may take it,
 * `tasks_due` while the passing of time will change it (a rest, a lease).
 */
export const tasks: Migration = {
  number: 10,
  name: 'tasks',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE tasks (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        title TEXT NOT NULL DEFAULT '',
        type TEXT NOT NULL DEFAULT 'task',
        description TEXT,
        status TEXT NOT NULL DEFAULT 'pending'
          CHECK (${oneOf('status', 'pending', 'in_progress', 'completed', 'failed', 'cancelled', 'blocked')}),
        priority INTEGER NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
        progress INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
        assigned_to TEXT,
        princess_id TEXT,
        drone_id TEXT,
        capabilities TEXT NOT NULL DEFAULT '[]',
        lane TEXT NOT NULL DEFAULT '',
        level TEXT NOT NULL DEFAULT 'project',
        scope TEXT NOT NULL DEFAULT 'project',
        owner TEXT NOT NULL DEFAULT '',
        author TEXT NOT NULL DEFAULT '',
        revision BIGINT NOT NULL DEFAULT 1,
        seq BIGINT NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        redrives INTEGER NOT NULL DEFAULT 0,
        max_attempts INTEGER NOT NULL DEFAULT 3,
        backoff_ms BIGINT NOT NULL DEFAULT 1000,
        time_limit_ms BIGINT NOT NULL DEFAULT 3600000,
        lease_ms BIGINT NOT NULL DEFAULT 0,
        token BIGINT NOT NULL DEFAULT 0,
        claimed_by TEXT,
        incarnation BIGINT NOT NULL DEFAULT 0,
        claimed_at BIGINT,
        ready_at BIGINT,
        place BIGINT NOT NULL DEFAULT 0,
        due_at BIGINT,
        dependencies INTEGER NOT NULL DEFAULT 0,
        created_at BIGINT NOT NULL DEFAULT ${nowMs(dialect)},
        updated_at BIGINT NOT NULL DEFAULT ${nowMs(dialect)},
        completed_at BIGINT,
        payload TEXT,
        metadata TEXT NOT NULL DEFAULT '{}',
        sealed BLOB,
        result TEXT,
        result_sealed BLOB,
        note TEXT,
        note_sealed BLOB,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX tasks_ready ON tasks (project_id, lane, place, id) WHERE status = 'pending' AND due_at IS NULL;
      CREATE INDEX tasks_due ON tasks (project_id, due_at, id) WHERE due_at IS NOT NULL;
      CREATE INDEX tasks_claims ON tasks (project_id, claimed_by, id) WHERE status = 'in_progress';
      CREATE INDEX idx_tasks_status ON tasks (project_id, status, id);

      CREATE TABLE dependencies (
        project_id TEXT NOT NULL DEFAULT 'default',
        task_id TEXT NOT NULL,
        depends_on TEXT NOT NULL,
        on_failure TEXT NOT NULL DEFAULT 'block' CHECK (${oneOf('on_failure', 'block', 'cascade', 'ignore')}),
        settled INTEGER NOT NULL DEFAULT 0,
        created_at BIGINT NOT NULL DEFAULT ${nowMs(dialect)},
        PRIMARY KEY (project_id, task_id, depends_on)
      );
      CREATE INDEX dependencies_open ON dependencies (project_id, depends_on, task_id) WHERE settled = 0;

      CREATE TABLE task_attempts (
        project_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        scope TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        incarnation BIGINT NOT NULL,
        token BIGINT NOT NULL,
        outcome TEXT NOT NULL CHECK (${oneOf('outcome', 'failed', 'expired', 'abandoned')}),
        started_at BIGINT NOT NULL,
        ended_at BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        error TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, task_id, attempt)
      );

      CREATE TABLE artifacts (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        task_id TEXT,
        type TEXT NOT NULL DEFAULT 'other',
        name TEXT NOT NULL,
        s3_path TEXT,
        local_path TEXT,
        url TEXT,
        size_bytes BIGINT,
        sha256 TEXT,
        level TEXT NOT NULL DEFAULT 'project',
        scope TEXT NOT NULL DEFAULT 'project',
        owner TEXT NOT NULL DEFAULT '',
        seq BIGINT NOT NULL DEFAULT 0,
        created_at BIGINT NOT NULL DEFAULT ${nowMs(dialect)},
        metadata TEXT NOT NULL DEFAULT '{}',
        sealed BLOB,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX idx_artifacts_task ON artifacts (project_id, task_id, id) WHERE task_id IS NOT NULL;

      CREATE TABLE conflicts (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        type TEXT NOT NULL CHECK (${oneOf('type', 'resource', 'data', 'access', 'priority', 'dependency', 'version', 'consensus')}),
        kind TEXT NOT NULL DEFAULT '',
        resource TEXT NOT NULL DEFAULT '',
        agents TEXT NOT NULL DEFAULT '[]',
        found_by TEXT NOT NULL DEFAULT 'report'
          CHECK (${oneOf('found_by', 'report', 'lock', 'revision', 'writes', 'waits')}),
        severity TEXT NOT NULL DEFAULT 'medium' CHECK (${oneOf('severity', 'low', 'medium', 'high', 'critical')}),
        status TEXT NOT NULL DEFAULT 'open' CHECK (${oneOf('status', 'open', 'resolved')}),
        level TEXT NOT NULL DEFAULT 'project',
        scope TEXT NOT NULL DEFAULT 'project',
        owner TEXT NOT NULL DEFAULT '',
        seq BIGINT NOT NULL DEFAULT 0,
        occurrences BIGINT NOT NULL DEFAULT 1,
        first_seen BIGINT NOT NULL DEFAULT 0,
        last_seen BIGINT NOT NULL DEFAULT 0,
        resolved_by TEXT,
        resolved_at BIGINT,
        description TEXT,
        resolution TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, id)
      );
      CREATE UNIQUE INDEX conflicts_open ON conflicts (project_id, kind, resource, scope, agents, found_by)
        WHERE status = 'open' AND found_by <> 'report';

      CREATE TABLE conflict_agents (
        project_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        conflict_id TEXT NOT NULL,
        PRIMARY KEY (project_id, agent_id, conflict_id)
      );
      `,
    ),
};

/** Milliseconds since 1970, for rows that plain SQL inserts: operations write the store clock. */
function nowMs(dialect: Dialect): string {
  return dialect === 'sqlite'
    ? "(CAST(unixepoch('subsec') * 1000 AS INTEGER))"
    : '(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))';
}
