import { levels } from '../access/model.ts';
import { encodeBase64 } from './encoding.ts';
import type { Change, Labels } from './entry.ts';

/** The columns of `audit_log` that labels fill, in the order of their code. */
export const labelColumns = [
  'action',
  'category',
  'entity_type',
  'entity_id',
  'swarm_id',
  'changed_by',
  'acl_level',
  'risk_level',
  'metadata',
] as const;

/** Columns of seed 000 that nothing here fills. */
export const unusedColumns = ['old_values', 'new_values', 'session_id', 'tags'] as const;

export type LabelRow = Readonly<Record<(typeof labelColumns)[number], string | number | null>>;

export function labelRowOf({ level, risk, actor }: Change, labels: Labels): LabelRow {
  return {
    action: labels.action,
    category: labels.category,
    entity_type: labels.entityType,
    entity_id: labels.entityId,
    swarm_id: labels.swarm ?? null,
    changed_by: actor,
    acl_level: levels.indexOf(labels.level ?? level) + 1,
    risk_level: risk,
    metadata: labels.details ? JSON.stringify(labels.details) : null,
  };
}

/**
 * A keyed code over the labels of an entry, which is hashed with it: the names themselves stay out of the ledger and of
 * its exports, nobody without the store's key can guess them, and an edit of one shows.
 */
export function labelsCode(row: LabelRow, authenticate: (bytes: Uint8Array) => Uint8Array): string {
  const text = JSON.stringify(labelColumns.map((column) => row[column]));
  return encodeBase64(authenticate(Buffer.from(`rookery/labels/v1\n${text}`)));
}
