import { type Migration, portable } from './migration.ts';

/**
 * How far each relay has come, and the pointers that it still needs: those of a batch in one row, `[seq, kind, name, scope]`
 * each, which costs a tenth of a row for each. Whether a project has a relay stands in the head
 * row, which each commit reads anyway: a process that was opened before sees it with its next commit.
 */
export const relay: Migration = {
  number: 12,
  name: 'relay',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      ALTER TABLE ledger_heads ADD COLUMN relayed INTEGER NOT NULL DEFAULT 0;

      CREATE TABLE relays (
        project_id TEXT NOT NULL,
        name TEXT NOT NULL,
        position BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        PRIMARY KEY (project_id, name)
      );

      CREATE TABLE relay_subjects (
        project_id TEXT NOT NULL,
        last BIGINT NOT NULL,
        first BIGINT NOT NULL,
        subjects TEXT NOT NULL,
        PRIMARY KEY (project_id, last)
      );
      `,
    ),
};
