import { change, many, one, statement } from '../work.ts';
import type { Act, Grant, Guarded } from './model.ts';
import { grantInForce } from './statements.ts';

export interface GrantRow {
  id: string;
  agent_id: string;
  action: string;
  resource: string;
  scope: string;
  prefix: string;
  granted_by: string;
  reason: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

/** A row as the policy sees it. */
export function grantOf(row: GrantRow): Grant {
  return {
    agent: row.agent_id,
    act: row.action as Act,
    resource: row.resource,
    scope: row.scope,
    prefix: row.prefix,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

const columns =
  'id, agent_id, action, resource, scope, prefix, granted_by, reason, created_at, expires_at, revoked_at';

const insertGrant = statement(`
  INSERT INTO grants (project_id, ${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL)`);
export const addGrant = (project: string, grant: Omit<GrantRow, 'revoked_at'>) =>
  change(insertGrant, [
    project,
    grant.id,
    grant.agent_id,
    grant.action,
    grant.resource,
    grant.scope,
    grant.prefix,
    grant.granted_by,
    grant.reason,
    grant.created_at,
    grant.expires_at,
  ]);

const selectGrant = statement(`SELECT ${columns} FROM grants WHERE project_id = $1 AND id = $2`);
export const grantById = (project: string, id: string) => one<GrantRow>(selectGrant, [project, id]);

const selectCovering = statement(`
  SELECT ${columns} FROM grants g
  WHERE g.project_id = $1 AND g.agent_id = $2 AND g.resource = $3 AND g.action = $4 AND g.scope = $5
    AND ${grantInForce('g', '$6', '$7')}
  LIMIT 1`);
/** A grant that opens exactly this record to the agent; one is enough. */
export const grantsCovering = (
  project: string,
  asked: Pick<Guarded, 'scope' | 'path'> & { agent: string; act: Act; resource: string },
  now: number,
) =>
  many<GrantRow>(selectCovering, [
    project,
    asked.agent,
    asked.resource,
    asked.act,
    asked.scope,
    asked.path,
    now,
  ]);

const selectGrants = statement(`
  SELECT ${columns} FROM grants
  WHERE project_id = $1 AND id > $2 AND ($3 = '' OR agent_id = $3 OR granted_by = $3) ORDER BY id LIMIT $4`);
/** Grants given and received by an agent, or all of them when the agent is empty. */
export const grantsAfter = (project: string, after: string, agent: string, limit: number) =>
  many<GrantRow>(selectGrants, [project, after, agent, limit]);

const selectLiveBy = statement(`
  SELECT ${columns} FROM grants
  WHERE project_id = $1 AND granted_by = $2 AND revoked_at IS NULL AND expires_at > $3 AND id > $4
  ORDER BY id LIMIT $5`);
export const liveGrantsBy = (project: string, grantor: string, now: number, after: string, limit: number) =>
  many<GrantRow>(selectLiveBy, [project, grantor, now, after, limit]);

const updateRevoked = statement(`
  UPDATE grants SET revoked_at = $3 WHERE project_id = $1 AND id = $2 AND revoked_at IS NULL`);
export const revokeGrant = (project: string, id: string, now: number) =>
  change(updateRevoked, [project, id, now]);
