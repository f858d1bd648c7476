import { type Migration, portable } from './migration.ts';

export const votes: Migration = {
  number: 9,
  name: 'votes',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
