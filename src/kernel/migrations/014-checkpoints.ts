import { type Migration, portable } from './migration.ts';

export const checkpoints: Migration = {
  number: 14,
  name: 'checkpoints',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
