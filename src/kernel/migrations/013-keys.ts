import { type Migration, portable } from './migration.ts';

export const keys: Migration = {
  number: 13,
  name: 'keys',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
