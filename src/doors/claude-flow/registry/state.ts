import type { z } from 'zod';
import * as fleet from '../../../domains/fleet/operations.ts';
import { limits } from '../../../kernel/limits.ts';
import type { MemorySession } from '../memory/session.ts';
import { timeOf } from '../roles.ts';
import type { RegisteredAgents } from './agents.ts';
import { type Permission, permissionOf, type RegisteredAgent, type Team } from './shapes.ts';
import type { RegisteredTeams } from './teams.ts';

/** A registry as data: JSON without secrets. */
export interface RegistryState {
  readonly swarmId: string;
  readonly exportedAt: string;
  readonly agents: readonly RegisteredAgent[];
  /** Those that agents of the swarm are in. */
  readonly teams: readonly Team[];
  /** Those in force. */
  readonly permissions: readonly Permission[];
}

export async function exportState(
  session: MemorySession,
  agents: RegisteredAgents,
  teams: RegisteredTeams,
): Promise<RegistryState> {
  const { swarmId } = session.actors.place;
  const all = await agents.list({});
  const permissions = await Promise.all(all.map(({ id }) => permissionsOf(session, id)));
  const ids = new Set(all.map(({ id }) => id));
  return {
    swarmId,
    exportedAt: new Date().toISOString(),
    agents: all,
    teams: (await teams.list()).filter(({ members }) => members.some((id) => ids.has(id))),
    permissions: permissions.flat(),
  };
}

async function permissionsOf({ actors }: MemorySession, agent: string): Promise<Permission[]> {
  const found: Permission[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const asked: object = { agent, limit: limits.pageSize, cursor };
    const page: z.output<typeof fleet.permissions.output> = await actors.administer(fleet.permissions, asked);
    found.push(...page.permissions.map(permissionOf));
    cursor = page.nextCursor;
  }
  return found.filter(({ isActive }) => isActive);
}

/** Agents first, then teams with their members, then permissions that are not there yet. */
export async function importState(
  session: MemorySession,
  agents: RegisteredAgents,
  teams: RegisteredTeams,
  state: RegistryState,
): Promise<void> {
  if (state.swarmId !== session.actors.place.swarmId) throw new Error('State swarm ID mismatch');
  for (const { id, teamId: _, ...agent } of state.agents) await agents.register(id, agent);
  for (const { leaderId, ...team } of state.teams)
    await teams.create({ ...team, leaderId: leaderId ?? undefined });
  for (const permission of state.permissions) await restore(session, permission);
}

async function restore(session: MemorySession, permission: Permission): Promise<void> {
  const { entityId: agent, resourceType, permissionLevel, actions, expiresAt } = permission;
  const until = timeOf(expiresAt);
  if (until !== undefined && until <= Date.now()) return;
  const same = (await permissionsOf(session, agent)).some(
    (known) =>
      known.resourceType === resourceType &&
      known.permissionLevel === permissionLevel &&
      known.expiresAt === expiresAt &&
      actions.every((action) => known.actions.includes(action)),
  );
  if (same) return;
  await session.actors.administer(fleet.grantPermission, {
    ...{ agent, resourceType, level: session.level(permissionLevel), acts: actions },
    expiresAt: until,
  });
}
