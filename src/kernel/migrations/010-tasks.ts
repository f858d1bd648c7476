import { type Migration, portable } from './migration.ts';

export const tasks: Migration = {
  number: 10,
  name: 'tasks',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
