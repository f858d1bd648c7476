import { notPast } from '../../kernel/access/statements.ts';
import { change, many, one, statement } from '../../kernel/work.ts';

export interface PermissionRow {
  id: string;
  agent_id: string;
  resource_type: string;
  level: string;
  /** JSON list of acts. */
  acts: string;
  granted_by: string;
  reason: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  seq: number;
}

const columns = `p.id, p.agent_id, p.resource_type, p.level, p.acts, p.granted_by, p.reason, p.created_at, p.expires_at,
  p.revoked_at, p.seq`;

const insertPermission = statement(`
  INSERT INTO agent_permissions (project_id, id, agent_id, resource_type, level, acts, granted_by, reason, created_at,
    expires_at, seq)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`);
export const addPermission = (project: string, row: PermissionRow) =>
  change(insertPermission, [
    project,
    row.id,
    row.agent_id,
    row.resource_type,
    row.level,
    row.acts,
    row.granted_by,
    row.reason,
    row.created_at,
    row.expires_at,
    row.seq,
  ]);

const selectPermission = statement(
  `SELECT ${columns} FROM agent_permissions p WHERE p.project_id = $1 AND p.id = $2`,
);
export const permissionById = (project: string, id: string) =>
  one<PermissionRow>(selectPermission, [project, id]);

const updateRevoked = statement(`
  UPDATE agent_permissions SET revoked_at = $3, seq = $4
  WHERE project_id = $1 AND id = $2 AND revoked_at IS NULL`);
export const revokePermission = (project: string, row: PermissionRow) =>
  change(updateRevoked, [project, row.id, row.revoked_at, row.seq]);

const selectInForce = statement(`
  SELECT p.acts, p.expires_at FROM agent_permissions p
  WHERE p.project_id = $1 AND p.agent_id = $2 AND p.resource_type = $3 AND p.level = $4 AND p.revoked_at IS NULL
    AND ${notPast('p', '$5')}
  ORDER BY p.id LIMIT 1000`);
/** What was given to an agent for one kind of resource in one kind of audience, and counts now. */
export const permissionsInForce = (
  project: string,
  asked: { readonly agent: string; readonly resourceType: string; readonly level: string },
  now: number,
) =>
  many<Pick<PermissionRow, 'acts' | 'expires_at'>>(selectInForce, [
    project,
    asked.agent,
    asked.resourceType,
    asked.level,
    now,
  ]);

const selectPage = statement(`
  SELECT ${columns} FROM agent_permissions p
  WHERE p.project_id = $1 AND p.id > $2 AND ($3 = '' OR p.agent_id = $3) ORDER BY p.id LIMIT $4`);
export const permissionsAfter = (project: string, after: string, agent: string, limit: number) =>
  many<PermissionRow>(selectPage, [project, after, agent, limit]);
