import { type Migration, oneOf, portable } from './migration.ts';

/** What seed 001 tells of an entry beside its value: what kind of data it is, and how often it was read. */
export const entries: Migration = {
  number: 15,
  name: 'entries',
  breaking: false,
  sql: (dialect) =>
    portable(
      dialect,
      `
      ALTER TABLE memory ADD COLUMN type TEXT NOT NULL DEFAULT 'data'
        CHECK (${oneOf('type', 'data', 'state', 'cache', 'session', 'artifact')});
      ALTER TABLE memory ADD COLUMN access_count BIGINT NOT NULL DEFAULT 0;
      `,
    ),
};
