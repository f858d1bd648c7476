import { type Migration, oneOf, portable } from './migration.ts';

/**
 * Signals and their targets, one row for each target from the beginning: who may answer never changes. `position` is the
 * number of the entry that told of the signal, in both tables, so that an inbox is one range of an index; `awaited` is 1
 * while the target is expected to answer, and keeps that index as small as what is open.
 */
export const signals: Migration = {
  number: 8,
  name: 'signals',
  breaking: true,
  sql: (dialect) =>
    portable(
      dialect,
      `
      CREATE TABLE signals (
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        issuer TEXT NOT NULL,
        rule TEXT NOT NULL CHECK (${oneOf('rule', 'all', 'any', 'count')}),
        needed INTEGER NOT NULL,
        targets INTEGER NOT NULL,
        acked INTEGER NOT NULL DEFAULT 0,
        iteration BIGINT,
        priority INTEGER NOT NULL,
        state TEXT NOT NULL
          CHECK (${oneOf('state', 'open', 'complete', 'timed_out', 'cancelled', 'cannot_complete')}),
        position BIGINT NOT NULL,
        sent_at BIGINT NOT NULL,
        deadline_ms BIGINT NOT NULL,
        ended_at BIGINT,
        seq BIGINT NOT NULL,
        sealed BLOB,
        PRIMARY KEY (project_id, id)
      );
      CREATE INDEX signals_issuer ON signals (project_id, issuer, position);
      CREATE INDEX signals_deadline ON signals (project_id, deadline_ms) WHERE state = 'open';
      CREATE INDEX signals_ended ON signals (project_id, ended_at) WHERE ended_at IS NOT NULL;

      CREATE TABLE signal_targets (
        project_id TEXT NOT NULL,
        signal_id TEXT NOT NULL,
        agent_id TEXT NOT NULL,
        position BIGINT NOT NULL,
        answer TEXT NOT NULL DEFAULT 'none' CHECK (${oneOf('answer', 'none', 'lost', 'acked', 'refused')}),
        awaited INTEGER NOT NULL DEFAULT 1,
        removed INTEGER NOT NULL DEFAULT 0,
        answered_at BIGINT,
        iteration BIGINT,
        late INTEGER NOT NULL DEFAULT 0,
        proof TEXT,
        sealed BLOB,
        seq BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (project_id, signal_id, agent_id)
      );
      CREATE INDEX signal_targets_awaited ON signal_targets (project_id, agent_id, position) WHERE awaited = 1;
      CREATE INDEX signal_targets_inbox ON signal_targets (project_id, agent_id, position) WHERE removed = 0;
      `,
    ),
};
