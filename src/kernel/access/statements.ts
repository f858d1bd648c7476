import { change, many, one, statement, type Work } from '../work.ts';
import type { Membership } from './model.ts';

/**
 * The policy of `model.ts` as an SQL predicate over a row with `project_id`, `scope`, `owner` and a path expression.
 * Positions of the agent, the act and the time in the caller's parameter list are given, so that the predicate stands
 * inside the query and a LIMIT counts only what may be seen. The long aliases are there so that none hides the
 * caller's: an `m` inside that meant an `m` outside once let a membership count in every project.
 */
export function visible(
  alias: string,
  resource: string,
  path: string,
  position: { agent: number; act: number; now: number },
): string {
  const [agent, act, now] = [`$${position.agent}`, `$${position.act}`, `$${position.now}`];
  return `EXISTS (SELECT 1 FROM memberships policy_any
      WHERE policy_any.project_id = ${alias}.project_id AND policy_any.agent_id = ${agent}
        AND ${notPast('policy_any', now)})
    AND (
      EXISTS (SELECT 1 FROM memberships policy_own
        WHERE policy_own.project_id = ${alias}.project_id AND policy_own.agent_id = ${agent}
          AND policy_own.scope = ${alias}.scope AND ${notPast('policy_own', now)})
      OR (${alias}.owner = ${agent} AND ${act} <> 'append')
      OR EXISTS (SELECT 1 FROM grants policy_grant
        WHERE policy_grant.project_id = ${alias}.project_id AND policy_grant.agent_id = ${agent}
          AND policy_grant.resource = '${resource}' AND policy_grant.action = ${act}
          AND policy_grant.scope = ${alias}.scope AND ${grantInForce('policy_grant', path, now)}))`;
}

/** A membership or role that is not past its time by the caller's clock and by the store's; most have none. */
export const notPast = (alias: string, now: string): string =>
  `(${alias}.expires_at IS NULL OR (${alias}.expires_at > ${now}
    AND ${alias}.expires_at > (SELECT policy_clock.clock_ms FROM ledger_heads policy_clock
      WHERE policy_clock.project_id = ${alias}.project_id)))`;

/**
 * A grant that counts for a path: not revoked, not past its time by the caller's clock and by the store's, on the path
 * itself or on whole segments above it.
 */
export const grantInForce = (alias: string, path: string, now: string): string =>
  `${alias}.revoked_at IS NULL AND ${alias}.expires_at > ${now}
    AND ${alias}.expires_at > (SELECT policy_head.clock_ms FROM ledger_heads policy_head
      WHERE policy_head.project_id = ${alias}.project_id)
    AND (${alias}.prefix = '' OR ${path} = ${alias}.prefix
      OR substr(${path}, 1, length(${alias}.prefix) + 1) = ${alias}.prefix || '/')`;

export interface AgentRow {
  id: string;
  name: string;
  type: string;
  status: string;
  team_id: string | null;
  swarm_id: string;
  capabilities: string;
  metadata: string;
  incarnation: number;
  last_seen: number;
  created_at: number;
  updated_at: number;
  /** 1 when an administrator put it into the system audience, or when it holds an admin token itself. */
  system_member: number;
  /** The audience it writes for unless it says otherwise; null: that of its type. */
  level: string | null;
  /** When its last life ended by death. */
  died_at: number | null;
}

const agentColumns = `id, name, type, status, team_id, swarm_id, capabilities, metadata, incarnation, last_seen,
  created_at, updated_at, system_member, level, died_at`;

const selectAgent = statement(`SELECT ${agentColumns} FROM agents WHERE project_id = $1 AND id = $2`);
export const agentById = (project: string, id: string) => one<AgentRow>(selectAgent, [project, id]);

// A capability is looked for as JSON text: a superset of those that have it, of which the caller keeps the exact ones.
const selectAgents = statement(`
  SELECT ${agentColumns} FROM agents
  WHERE project_id = $1 AND id > $2 AND ($3 = '' OR status = $3) AND ($4 = '' OR type = $4)
    AND ($5 = '' OR team_id = $5) AND ($6 = '' OR swarm_id = $6)
    AND ($7 = '' OR replace(capabilities, $7, '') <> capabilities)
  ORDER BY id LIMIT $8`);
export const agentsAfter = (
  project: string,
  after: string,
  filter: { status: string; type: string; team: string; swarm: string; capability: string },
  limit: number,
) =>
  many<AgentRow>(selectAgents, [
    project,
    after,
    filter.status,
    filter.type,
    filter.team,
    filter.swarm,
    filter.capability === '' ? '' : JSON.stringify(filter.capability),
    limit,
  ]);

const insertAgent = statement(`
  INSERT INTO agents (project_id, id, name, type, status, team_id, swarm_id, capabilities, metadata,
    incarnation, last_seen, created_at, updated_at, system_member, level)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10, $10, $11, $12)`);
export const addAgent = (
  project: string,
  agent: Omit<AgentRow, 'incarnation' | 'last_seen' | 'updated_at' | 'died_at'>,
) =>
  change(insertAgent, [
    project,
    agent.id,
    agent.name,
    agent.type,
    agent.status,
    agent.team_id,
    agent.swarm_id,
    agent.capabilities,
    agent.metadata,
    agent.created_at,
    agent.system_member,
    agent.level,
  ]);

const updateAgent = statement(`
  UPDATE agents SET name = $3, type = $4, status = $5, team_id = $6, swarm_id = $7, capabilities = $8, metadata = $9,
    incarnation = $10, last_seen = $11, updated_at = $12, system_member = $13,
    level = $14
  WHERE project_id = $1 AND id = $2`);
export const changeAgent = (project: string, agent: AgentRow) =>
  change(updateAgent, [
    project,
    agent.id,
    agent.name,
    agent.type,
    agent.status,
    agent.team_id,
    agent.swarm_id,
    agent.capabilities,
    agent.metadata,
    agent.incarnation,
    agent.last_seen,
    agent.updated_at,
    agent.system_member,
    agent.level,
  ]);

const touchAgent = statement(
  'UPDATE agents SET last_seen = $3 WHERE project_id = $1 AND id = $2 AND last_seen < $3',
);
export const seeAgent = (project: string, id: string, now: number) => change(touchAgent, [project, id, now]);

export interface GroupRow {
  id: string;
  /** Who leads it; swarms have none. */
  leader?: string | null;
  name: string;
  description: string;
  metadata: string;
  created_at: number;
  updated_at: number;
}

const upsertGroup = {
  teams: statement(upsertGroupSql('teams')),
  swarms: statement(upsertGroupSql('swarms')),
};
function upsertGroupSql(table: string): string {
  return `
    INSERT INTO ${table} (project_id, id, name, description, metadata, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (project_id, id) DO UPDATE
      SET name = excluded.name, description = excluded.description, metadata = excluded.metadata,
          updated_at = excluded.updated_at`;
}
export type GroupTable = keyof typeof upsertGroup;
export const putGroup = (project: string, table: GroupTable, group: GroupRow) =>
  change(upsertGroup[table], [
    project,
    group.id,
    group.name,
    group.description,
    group.metadata,
    group.created_at,
    group.updated_at,
  ]);

const selectGroup = {
  teams: statement('SELECT * FROM teams WHERE project_id = $1 AND id = $2'),
  swarms: statement('SELECT * FROM swarms WHERE project_id = $1 AND id = $2'),
};
export const groupById = (project: string, table: GroupTable, id: string) =>
  one<GroupRow>(selectGroup[table], [project, id]);

const updateLeader = statement(
  'UPDATE teams SET leader = $3, updated_at = $4 WHERE project_id = $1 AND id = $2',
);
export const changeLeader = (project: string, team: string, leader: string | null, now: number) =>
  change(updateLeader, [project, team, leader, now]);

const selectGroups = {
  teams: statement('SELECT * FROM teams WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3'),
  swarms: statement('SELECT * FROM swarms WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3'),
};
export const groupsAfter = (project: string, table: GroupTable, after: string, limit: number) =>
  many<GroupRow>(selectGroups[table], [project, after, limit]);

const selectMemberships = statement(`
  SELECT m.scope, m.expires_at FROM memberships m
  WHERE m.project_id = $1 AND m.agent_id = $2 AND ${notPast('m', '$3')}
  ORDER BY m.distance, m.scope LIMIT 1000`);
/** The memberships in force, nearest first, the agent's own swarm before others. */
export function* membershipsAt(project: string, agent: string, now: number): Work<Membership[]> {
  const rows = yield* many<{ scope: string; expires_at: number | null }>(selectMemberships, [
    project,
    agent,
    now,
  ]);
  return rows.map((row) => ({ scope: row.scope, expiresAt: row.expires_at }));
}

const selectMembers = statement(`
  SELECT m.agent_id FROM memberships m
  WHERE m.project_id = $1 AND m.scope = $2 AND m.agent_id > $3 AND ${notPast('m', '$5')}
  ORDER BY m.agent_id LIMIT $4`);
export function* membersOf(
  project: string,
  scope: string,
  { after, limit, now }: { readonly after: string; readonly limit: number; readonly now: number },
): Work<string[]> {
  const rows = yield* many<{ agent_id: string }>(selectMembers, [project, scope, after, limit, now]);
  return rows.map((row) => row.agent_id);
}

const insertMembership = statement(`
  INSERT INTO memberships (project_id, agent_id, distance, scope, expires_at) VALUES ($1, $2, $3, $4, $5)`);
export const join = (project: string, agent: string, distance: number, { scope, expiresAt }: Membership) =>
  change(insertMembership, [project, agent, distance, scope, expiresAt]);

const deleteMemberships = statement('DELETE FROM memberships WHERE project_id = $1 AND agent_id = $2');
export const leaveAll = (project: string, agent: string) => change(deleteMemberships, [project, agent]);
