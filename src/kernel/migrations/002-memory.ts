import { type Migration, portable } from './migration.ts';

/** Keys and their superseded revisions. A deleted key keeps its row, so that its revision never starts again. */
export const memory: Migration = {
  number: 2,
  name: 'memory',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE memory (
        project_id TEXT NOT NULL DEFAULT 'default',
        namespace TEXT NOT NULL DEFAULT 'default',
        key TEXT NOT NULL,
        scope TEXT NOT NULL DEFAULT 'project',
        level TEXT NOT NULL DEFAULT 'project',
        owner TEXT NOT NULL,
        author TEXT NOT NULL,
        revision BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        expires_at BIGINT,
        deleted INTEGER NOT NULL DEFAULT 0,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, namespace, key, scope)
      );
      CREATE INDEX memory_expiry ON memory (project_id, expires_at) WHERE expires_at IS NOT NULL;

      CREATE TABLE memory_history (
        project_id TEXT NOT NULL,
        namespace TEXT NOT NULL,
        key TEXT NOT NULL,
        scope TEXT NOT NULL,
        owner TEXT NOT NULL,
        author TEXT NOT NULL,
        revision BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        expires_at BIGINT,
        deleted INTEGER NOT NULL,
        value TEXT,
        sealed BLOB,
        PRIMARY KEY (project_id, namespace, key, scope, revision)
      );
      `,
    ),
};
