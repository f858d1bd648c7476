import { type Migration, portable } from './migration.ts';

export const fleet: Migration = {
  number: 7,
  name: 'fleet',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
