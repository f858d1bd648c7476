import { type Migration, portable } from './migration.ts';

export const loop: Migration = {
  number: 11,
  name: 'loop',
  breaking: true,
  sql: (dialect) => portable(dialect, ''),
};
