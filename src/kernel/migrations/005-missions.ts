import { type Migration, portable } from './migration.ts';

/** The tables of seed 002 beside mailboxes and locks, in its columns. */
export const missions: Migration = {
  number: 5,
  name: 'missions',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE specialists (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'active'
          CHECK (status IN ('active', 'busy', 'idle', 'inactive', 'completed')),
        capabilities TEXT NOT NULL DEFAULT '[]',
        registered_at TEXT NOT NULL,
        last_seen TEXT NOT NULL,
        last_seen_ms BIGINT NOT NULL DEFAULT 0,
        current_sortie TEXT,
        metadata TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX idx_specialists_status ON specialists (status);

      CREATE TABLE missions (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        title TEXT NOT NULL,
        description TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT 'pending'
          CHECK (status IN ('pending', 'in_progress', 'review', 'completed', 'cancelled')),
        priority TEXT NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
        created_at TEXT NOT NULL,
        started_at TEXT,
        completed_at TEXT,
        total_sorties INTEGER NOT NULL DEFAULT 0,
        completed_sorties INTEGER NOT NULL DEFAULT 0,
        result TEXT,
        metadata TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (project_id, id)
      );

      CREATE TABLE sorties (
        project_id TEXT NOT NULL DEFAULT 'default',
        id TEXT NOT NULL,
        mission_id TEXT,
        title TEXT NOT NULL,
        description TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL DEFAULT 'pending'
          CHECK (status IN ('pending', 'assigned', 'in_progress', 'blocked', 'review', 'completed', 'failed', 'cancelled')),
        priority TEXT NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
        assigned_to TEXT,
        files TEXT NOT NULL DEFAULT '[]',
        progress INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
        progress_notes TEXT,
        created_at TEXT NOT NULL,
        started_at TEXT,
        completed_at TEXT,
        blocked_by TEXT,
        blocked_reason TEXT,
        result TEXT,
        metadata TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (project_id, id),
        FOREIGN KEY (project_id, mission_id) REFERENCES missions (project_id, id) ON DELETE CASCADE
      );
      CREATE INDEX sorties_mission ON sorties (project_id, mission_id);
      `,
    ),
};
