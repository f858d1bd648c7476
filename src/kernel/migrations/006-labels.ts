import { type Migration, portable } from './migration.ts';

/**
 * What seed 000 gives `audit_log` beside the columns of seed 004: nullable, filled for the operations that its queries
 * look for. They stand beside the entry, which
 * has a code over them.
 */
const columns = [
  'entity_id TEXT',
  'entity_type TEXT',
  'action TEXT',
  'old_values TEXT',
  'new_values TEXT',
  'changed_by TEXT',
  'swarm_id TEXT',
  'session_id TEXT',
  'acl_level INTEGER',
  'risk_level TEXT',
  'category TEXT',
  'tags TEXT',
  'metadata TEXT',
];

export const labels: Migration = {
  number: 6,
  name: 'labels',
  breaking: false,
  sql: (dialect) =>
    portable(dialect, columns.map((column) => `ALTER TABLE audit_log ADD COLUMN ${column};`).join('\n')),
};
