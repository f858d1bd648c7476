import { type Migration, portable } from './migration.ts';

export const relay: Migration = {
  number: 12,
  name: 'relay',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
