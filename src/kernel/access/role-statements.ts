import { change, many, one, statement } from '../work.ts';
import type { HeldRole, RoleName } from './model.ts';
import { notPast } from './statements.ts';

export interface RoleRow {
  id: string;
  agent_id: string;
  role: string;
  swarm_id: string;
  granted_by: string;
  reason: string;
  granted_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  revoked_by: string | null;
  /** The ledger entry of its last change. */
  seq: number;
}

export function heldRole(row: RoleRow): HeldRole {
  return { role: row.role as RoleName, swarm: row.swarm_id, expiresAt: row.expires_at };
}

const columns =
  'r.id, r.agent_id, r.role, r.swarm_id, r.granted_by, r.reason, r.granted_at, r.expires_at, r.revoked_at, r.revoked_by, r.seq';

/** Neither revoked nor past its time. */
const inForce = (now: string): string => `r.revoked_at IS NULL AND ${notPast('r', now)}`;

const selectInForce = statement(`
  SELECT ${columns} FROM roles r
  WHERE r.project_id = $1 AND r.agent_id = $2 AND ${inForce('$3')} ORDER BY r.id LIMIT 1000`);
/** The roles of an agent that count now, whether or not the agent is active. */
export const rolesInForce = (project: string, agent: string, now: number) =>
  many<RoleRow>(selectInForce, [project, agent, now]);

const selectRole = statement(`
  SELECT ${columns} FROM roles r
  WHERE r.project_id = $1 AND r.agent_id = $2 AND r.role = $3 AND r.swarm_id = $4 AND ${inForce('$5')}
  ORDER BY r.id DESC LIMIT 1`);
/** One role of an agent, in force. */
export const roleOf = (project: string, agent: string, role: RoleName, swarm: string, now: number) =>
  one<RoleRow>(selectRole, [project, agent, role, swarm, now]);

const insertRole = statement(`
  INSERT INTO roles (project_id, id, agent_id, role, swarm_id, granted_by, reason, granted_at, expires_at, seq)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`);
export const addRole = (project: string, row: RoleRow) =>
  change(insertRole, [
    project,
    row.id,
    row.agent_id,
    row.role,
    row.swarm_id,
    row.granted_by,
    row.reason,
    row.granted_at,
    row.expires_at,
    row.seq,
  ]);

const updateRevoked = statement(`
  UPDATE roles SET revoked_at = $3, revoked_by = $4, seq = $5
  WHERE project_id = $1 AND id = $2 AND revoked_at IS NULL`);
export const revokeRole = (project: string, row: RoleRow) =>
  change(updateRevoked, [project, row.id, row.revoked_at, row.revoked_by, row.seq]);

// What an agent may know of: its own roles, those it gave, those of its swarms; all for an administrator.
const selectRoles = statement(`
  SELECT ${columns} FROM roles r
  WHERE r.project_id = $1 AND r.id > $2 AND ($3 = '' OR r.agent_id = $3) AND ($4 = '' OR r.swarm_id = $4)
    AND ($5 = 1 OR (${inForce('$6')}))
    AND ($7 = 1 OR r.agent_id = $8 OR r.granted_by = $8 OR EXISTS (SELECT 1 FROM memberships m
      WHERE m.project_id = r.project_id AND m.agent_id = $8 AND m.scope = 'swarm:' || r.swarm_id
        AND ${notPast('m', '$6')}))
  ORDER BY r.id LIMIT $9`);
export interface RoleFilter {
  readonly agent: string;
  readonly swarm: string;
  /** Also those that have ended. */
  readonly ended: boolean;
  readonly reader: { readonly agent: string; readonly administrator: boolean; readonly now: number };
}
export const rolesAfter = (project: string, after: string, filter: RoleFilter, limit: number) =>
  many<RoleRow>(selectRoles, [
    project,
    after,
    filter.agent,
    filter.swarm,
    filter.ended ? 1 : 0,
    filter.reader.now,
    filter.reader.administrator ? 1 : 0,
    filter.reader.agent,
    limit,
  ]);

const selectAll = statement(`
  SELECT ${columns} FROM roles r WHERE r.project_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3`);
/** Every role there ever was: for verification. */
export const allRoles = (project: string, after: string, limit: number) =>
  many<RoleRow>(selectAll, [project, after, limit]);
