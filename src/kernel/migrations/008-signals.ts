import { type Migration, portable } from './migration.ts';

export const signals: Migration = {
  number: 8,
  name: 'signals',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
