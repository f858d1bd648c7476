import { type Migration, oneOf, portable } from './migration.ts';

/**
 * Key states with a revision each, the running re-encryption of a project, and the receipts of erasures. The key epoch in
 * the head row tells every writer that the keys it remembers are not the current ones any more.
 */
export const keys: Migration = {
  number: 13,
  name: 'keys',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      ALTER TABLE keys ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
      ALTER TABLE keys ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
      ALTER TABLE keys ADD COLUMN changed_at BIGINT;
      ALTER TABLE keys ADD COLUMN emptied_at BIGINT;
      ALTER TABLE keys ADD COLUMN retired_at BIGINT;
      ALTER TABLE keys ADD COLUMN reason TEXT NOT NULL DEFAULT '';
      ALTER TABLE ledger_heads ADD COLUMN key_epoch BIGINT NOT NULL DEFAULT 0;

      CREATE TABLE key_rotations (
        project_id TEXT PRIMARY KEY,
        round BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (${oneOf('state', 'running', 'done')}),
        reason TEXT NOT NULL,
        started_by TEXT NOT NULL,
        started_at BIGINT NOT NULL,
        ended_at BIGINT,
        total BIGINT,
        done BIGINT NOT NULL DEFAULT 0,
        unreadable BIGINT NOT NULL DEFAULT 0,
        holder TEXT NOT NULL DEFAULT '',
        held_until BIGINT NOT NULL DEFAULT 0
      );

      CREATE TABLE key_erasures (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        subject TEXT NOT NULL,
        seq BIGINT NOT NULL,
        state TEXT NOT NULL CHECK (${oneOf('state', 'pending', 'done')}),
        requested_by TEXT NOT NULL,
        requested_at BIGINT NOT NULL,
        finished_at BIGINT,
        keys BIGINT NOT NULL,
        records TEXT NOT NULL,
        remains TEXT NOT NULL,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX key_erasures_pending ON key_erasures (project_id) WHERE state = 'pending';
      `,
    ),
};
