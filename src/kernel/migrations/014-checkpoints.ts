import { type Migration, portable } from './migration.ts';

/**
 * Events of streams that are no mailboxes say who may read them: `scope`, empty for those of mailboxes, whose audience
 * is the mailbox's. All events are in the order of the ledger entries that they belong to, which is the order of
 * `idx_events_position`: rows arrive in it, so that an append dirties its last page and no other.
 */
const events = `
  ALTER TABLE events ADD COLUMN scope TEXT;
  CREATE INDEX idx_events_position ON events (project_id, seq, sequence_number);
  CREATE INDEX idx_events_correlation ON events (project_id, correlation_id, seq, sequence_number)
    WHERE correlation_id IS NOT NULL;`;

export const checkpoints: Migration = {
  number: 14,
  name: 'checkpoints',
  breaking: true,
  sql: (dialect) => portable(dialect, events),
};
