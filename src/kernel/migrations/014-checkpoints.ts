import { type Migration, oneOf, portable } from './migration.ts';

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

/** `seq` is the entry that changed a row last, `made` the one that made it: rows are listed in that order. */
const entries = ['revision INTEGER', 'seq BIGINT', 'made BIGINT'].map(
  (column) => `${column} NOT NULL DEFAULT 0`,
);

const added = (table: string, columns: readonly string[]) =>
  columns.map((column) => `ALTER TABLE ${table} ADD COLUMN ${column};`).join('\n');

const missions = `
  ${added('missions', [...entries, "created_by TEXT NOT NULL DEFAULT ''", 'checkpointed_percent INTEGER NOT NULL DEFAULT 0'])}
  CREATE INDEX missions_made ON missions (project_id, made);
  CREATE INDEX missions_status ON missions (project_id, status, made);
  ${added('sorties', [...entries, "created_by TEXT NOT NULL DEFAULT ''"])}
  DROP INDEX sorties_mission;
  CREATE INDEX sorties_mission ON sorties (project_id, mission_id, made);
  CREATE INDEX sorties_made ON sorties (project_id, made);
  CREATE INDEX sorties_status ON sorties (project_id, status, made);
  CREATE INDEX sorties_assigned ON sorties (project_id, assigned_to, made) WHERE assigned_to IS NOT NULL;`;

/** In the columns of seed 002. `timestamp` and `expires_at` stand beside the integers that decide. */
const checkpointed = `
  CREATE TABLE checkpoints (
    project_id TEXT NOT NULL DEFAULT 'default',
    id TEXT NOT NULL,
    mission_id TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL DEFAULT 0,
    trigger TEXT NOT NULL CHECK (${oneOf('trigger', 'progress', 'error', 'manual', 'compaction')}),
    trigger_details TEXT,
    progress_percent INTEGER NOT NULL CHECK (progress_percent BETWEEN 0 AND 100),
    sorties TEXT NOT NULL DEFAULT '[]',
    active_locks TEXT NOT NULL DEFAULT '[]',
    pending_messages TEXT NOT NULL DEFAULT '[]',
    recovery_context TEXT NOT NULL DEFAULT '{}',
    created_by TEXT NOT NULL DEFAULT 'unknown',
    expires_at TEXT,
    expires_at_ms BIGINT,
    consumed_at TEXT,
    version TEXT NOT NULL DEFAULT '1.0.0',
    metadata TEXT NOT NULL DEFAULT '{}',
    bytes BIGINT NOT NULL DEFAULT 0,
    author TEXT NOT NULL DEFAULT '',
    ${entries.join(', ')},
    PRIMARY KEY (project_id, id),
    FOREIGN KEY (project_id, mission_id) REFERENCES missions (project_id, id) ON DELETE CASCADE
  );
  CREATE INDEX idx_checkpoints_mission ON checkpoints (project_id, mission_id, timestamp DESC, made DESC);`;

/** A message has the audience of its mailbox and goes with it; of a closed one content and metadata are sealed. */
const messages = `
  CREATE TABLE messages (
    project_id TEXT NOT NULL DEFAULT 'default',
    id TEXT NOT NULL,
    mailbox_id TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    thread_id TEXT,
    message_type TEXT NOT NULL,
    content TEXT NOT NULL,
    sealed BLOB,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (${oneOf('status', 'pending', 'read', 'acked')}),
    priority TEXT NOT NULL DEFAULT 'normal' CHECK (${oneOf('priority', 'low', 'normal', 'high', 'urgent')}),
    sent_at TEXT NOT NULL,
    read_at TEXT,
    acked_at TEXT,
    causation_id TEXT,
    correlation_id TEXT,
    metadata TEXT NOT NULL DEFAULT '{}',
    author TEXT NOT NULL DEFAULT '',
    ${entries.join(', ')},
    PRIMARY KEY (project_id, id),
    FOREIGN KEY (project_id, mailbox_id) REFERENCES mailboxes (project_id, id) ON DELETE CASCADE
  );
  CREATE INDEX messages_mailbox ON messages (project_id, mailbox_id, made);
  CREATE INDEX messages_thread ON messages (project_id, thread_id, made) WHERE thread_id IS NOT NULL;
  CREATE INDEX messages_pending ON messages (project_id, sender_id, made) WHERE status = 'pending';
  CREATE INDEX messages_correlation ON messages (project_id, correlation_id, made)
    WHERE status = 'pending' AND correlation_id IS NOT NULL;`;

/** Whether the life of a lease is told in the event stream of its path. */
const locks = 'ALTER TABLE locks ADD COLUMN chronicled INTEGER NOT NULL DEFAULT 0;';

export const checkpoints: Migration = {
  number: 14,
  name: 'checkpoints',
  breaking: true,
  sql: (dialect) => portable(dialect, [events, missions, checkpointed, messages, locks].join('\n')),
};
