import { notPast } from '../../../kernel/access/statements.ts';
import { change, many, one, statement } from '../../../kernel/work.ts';

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

// One statement, so that it needs no transaction around it to see one state of the store.
const selectInForce = statement(`
  SELECT m.scope, m.expires_at, '' AS acts FROM memberships m
  WHERE m.project_id = $1 AND m.agent_id = $2 AND ${notPast('m', '$5')}
  UNION ALL
  SELECT '' AS scope, p.expires_at, p.acts FROM agent_permissions p
  WHERE p.project_id = $1 AND p.agent_id = $2 AND p.resource_type = $3 AND p.level = $4 AND p.revoked_at IS NULL
    AND ${notPast('p', '$5')}
  LIMIT 2000`);
/** The memberships of an agent (with a scope), and what was given to it for one kind of resource (with acts), in force. */
export const standingInForce = (
  project: string,
  asked: { readonly agent: string; readonly resourceType: string; readonly level: string },
  now: number,
) =>
  many<{ scope: string; expires_at: number | null; acts: string }>(selectInForce, [
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
