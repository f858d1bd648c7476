import { randomUUID } from 'node:crypto';
import * as fleet from '../../../domains/fleet/operations.ts';
import { decision } from '../../../domains/fleet/rights/permissions.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { Emitter, type Logging } from '../emitter.ts';
import type { ACLLevelInput } from '../levels.ts';
import { SwarmMemoryManager } from '../memory/manager.ts';
import type { SwarmMemoryOptions } from '../memory/options.ts';
import type { MemorySession } from '../memory/session.ts';
import { type Role, type RoleName, type RoleOptions, Roles, timeOf } from '../roles.ts';
import { RegisteredAgents } from './agents.ts';
import {
  type AgentFilter,
  type AgentInfo,
  type PerformanceMetrics,
  type Permission,
  permissionOf,
  type RegisteredAgent,
  type Team,
} from './shapes.ts';
import { exportState, importState, type RegistryState } from './state.ts';
import { RegisteredTeams, type TeamInfo } from './teams.ts';

export interface AgentRegistryOptions extends Logging, Omit<SwarmMemoryOptions, 'store'> {
  /** The memory whose swarm this is, in place of one of its own; it is not closed with the registry. */
  readonly memoryManager?: SwarmMemoryManager | undefined;
}

interface Opened {
  readonly session: MemorySession;
  readonly agents: RegisteredAgents;
  readonly teams: RegisteredTeams;
  readonly roles: Roles;
}

type ResourceType = Parameters<typeof decision>[1]['resourceType'];

export interface AgentRegistryMetrics {
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly cacheHitRate: number;
  readonly cacheSize: number;
}

/** Seed 001's agents, teams and permissions, over the fleet of the store. */
export class AgentRegistry extends Emitter {
  readonly #manager: SwarmMemoryManager;
  readonly #own: boolean;
  #opening: Promise<Opened> | undefined;

  constructor({ memoryManager, ...options }: AgentRegistryOptions = {}) {
    super('AgentRegistry', options);
    this.#own = memoryManager === undefined;
    this.#manager = memoryManager ?? new SwarmMemoryManager(options);
  }

  /** Safe to repeat; any call does it. */
  async initialize(): Promise<this> {
    await this.#opened();
    return this;
  }

  #opened(): Promise<Opened> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<Opened> {
    const session = await this.#manager.session();
    this.emit('initialized', { swarmId: session.actors.place.swarmId });
    return {
      session,
      agents: new RegisteredAgents(session),
      teams: new RegisteredTeams(session),
      roles: new Roles(session.actors),
    };
  }

  async registerAgent(info: AgentInfo & { readonly id?: string | undefined } = {}): Promise<RegisteredAgent> {
    const { id = randomUUID(), ...said } = info;
    const agent = await (await this.#opened()).agents.register(id, said);
    this.emit('agentRegistered', agent);
    return agent;
  }

  /** The agent is inactive from then on, and without access. */
  async unregisterAgent(id: string): Promise<RegisteredAgent> {
    const before = await this.#agent(id);
    if (before.status === 'inactive') return before;
    const agent = await this.#changed(id, { status: 'inactive' });
    this.emit('agentUnregistered', agent);
    return agent;
  }

  async updateAgent(id: string, updates: AgentInfo): Promise<RegisteredAgent> {
    const agent = await this.#changed(id, updates);
    this.emit('agentUpdated', agent);
    return agent;
  }

  async #changed(id: string, updates: AgentInfo): Promise<RegisteredAgent> {
    const agent = await (await this.#opened()).agents.update(id, updates);
    return agent ?? missing('Agent', id);
  }

  /** `undefined` for one that is not registered. */
  async getAgent(id: string): Promise<RegisteredAgent | undefined> {
    return await (await this.#opened()).agents.get(id);
  }

  async #agent(id: string): Promise<RegisteredAgent> {
    return (await this.getAgent(id)) ?? missing('Agent', id);
  }

  async listAgents(filter: AgentFilter = {}): Promise<RegisteredAgent[]> {
    return await (await this.#opened()).agents.list(filter);
  }

  async getAgentsByCapability(capability: string): Promise<RegisteredAgent[]> {
    return await this.listAgents({ capability });
  }

  async getAgentsByType(type: string): Promise<RegisteredAgent[]> {
    return await this.listAgents({ type });
  }

  /** What is left out stays. `responseTime` in milliseconds. */
  async updatePerformanceMetrics(id: string, metrics: Partial<PerformanceMetrics>): Promise<RegisteredAgent> {
    const { session } = await this.#opened();
    const { responseTime: responseTimeMs, tasksCompleted, averageConfidence, errorRate } = metrics;
    const figures = { agent: id, responseTimeMs, tasksCompleted, averageConfidence, errorRate };
    const updated = await session.actors.administer(fleet.updatePerformance, figures);
    if (!updated) missing('Agent', id);
    const agent = await this.#agent(id);
    this.emit('metricsUpdated', { agentId: id, metrics: agent.performanceMetrics });
    return agent;
  }

  /** Makes agents inactive that were silent for so long, in milliseconds. Answers whom. */
  async cleanupInactiveAgents(inactiveMs = 3_600_000): Promise<string[]> {
    const { session } = await this.#opened();
    const { agents: cleanedAgents } = await session.actors.administer(fleet.cleanup, { inactiveMs });
    this.emit('cleanup', { cleanedAgents });
    return cleanedAgents;
  }

  async createTeam(info: TeamInfo): Promise<Team> {
    const { teams } = await this.#opened();
    const team = await this.#found(teams.create(info), [info.leaderId, ...(info.members ?? [])]);
    this.emit('teamCreated', team);
    return team;
  }

  /** What was not found is told in the seed's words. The store does not say which it is: who holds the file may look. */
  async #found<T>(asked: Promise<T>, agents: readonly (string | undefined)[]): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (isRookeryError(error, 'NOT_FOUND') && error.details['kind'] === 'agent')
        for (const id of agents) if (id !== undefined) await this.#agent(id);
      throw error;
    }
  }

  async getTeam(id: string): Promise<Team | undefined> {
    return await (await this.#opened()).teams.get(id);
  }

  /** Safe to repeat. An agent is in one team at most: it leaves the one before. */
  async addAgentToTeam(agentId: string, teamId: string): Promise<{ agent: RegisteredAgent; team: Team }> {
    return await this.#moved('agentAddedToTeam', agentId, teamId, (teams) => teams.add(agentId, teamId));
  }

  async removeAgentFromTeam(
    agentId: string,
    teamId: string,
  ): Promise<{ agent: RegisteredAgent; team: Team }> {
    return await this.#moved('agentRemovedFromTeam', agentId, teamId, (teams) =>
      teams.remove(agentId, teamId),
    );
  }

  async #moved(
    event: string,
    agentId: string,
    teamId: string,
    move: (teams: RegisteredTeams) => Promise<void>,
  ): Promise<{ agent: RegisteredAgent; team: Team }> {
    const { teams } = await this.#opened();
    await this.#agent(agentId);
    if (!(await teams.get(teamId))) missing('Team', teamId);
    await move(teams);
    const moved = { agent: await this.#agent(agentId), team: (await teams.get(teamId))! };
    this.emit(event, { agentId, teamId });
    return moved;
  }

  async getTeamMembers(teamId: string): Promise<RegisteredAgent[]> {
    const { teams } = await this.#opened();
    if (!(await teams.get(teamId))) missing('Team', teamId);
    return await Promise.all((await teams.members(teamId)).map((id) => this.#agent(id)));
  }

  /** Lets `hasPermission` say yes. It opens no data: that is for memberships and roles. */
  async grantPermission(
    agentId: string,
    resourceType: string,
    level: ACLLevelInput,
    actions: readonly string[],
    { expiresAt }: { readonly expiresAt?: RoleOptions['expiresAt'] } = {},
  ): Promise<Permission> {
    const { session } = await this.#opened();
    const granted = session.actors.administer(fleet.grantPermission, {
      agent: agentId,
      resourceType,
      level: session.level(level),
      acts: actions,
      expiresAt: timeOf(expiresAt),
    });
    const permission = permissionOf(await this.#found(granted, [agentId]));
    this.emit('permissionGranted', permission);
    return permission;
  }

  async revokePermission(id: string): Promise<boolean> {
    const { session } = await this.#opened();
    return (await session.actors.administer(fleet.revokePermission, { id })) !== null;
  }

  /**
   * Whether the agent belongs to an audience of that level and has the action there, by default or by a permission. From
   * memory where nothing has changed.
   */
  async hasPermission(
    agentId: string,
    resourceType: string,
    action: string,
    level: ACLLevelInput = 3,
  ): Promise<boolean> {
    const { session } = await this.#opened();
    const asked = { agent: agentId, act: action, level: session.level(level) };
    if (!resourceTypes.has(resourceType)) return false;
    const question = { ...asked, resourceType: resourceType as ResourceType };
    return await session.actors.access.decide(`may\n${Object.values(question).join('\n')}`, () =>
      this.#decide(session, question),
    );
  }

  async #decide(session: MemorySession, question: Parameters<typeof decision>[1]) {
    const { store } = session.store.rookery;
    const { projectId: project } = session.actors.place;
    const now = store.now(project);
    const { allowed, until } = await store.engine.read(() => decision({ project, now }, question));
    return { decision: allowed, lastsMs: until === null ? undefined : until - now };
  }

  /** How questions about access were answered: from memory, or by the store. */
  getMetrics(): AgentRegistryMetrics {
    const access = this.#manager.current?.actors.access;
    return {
      cacheHits: access?.hits ?? 0,
      cacheMisses: access?.misses ?? 0,
      cacheHitRate: access?.hitRate ?? 0,
      cacheSize: access?.size ?? 0,
    };
  }

  /** Appoints an agent in a swarm: for administrators and those who lead it. Nobody appoints itself. */
  async grantRole(agentId: string, role: RoleName, options?: RoleOptions): Promise<Role> {
    return await (await this.#opened()).roles.grant(agentId, role, options);
  }

  async revokeRole(agentId: string, role: RoleName, options?: RoleOptions): Promise<boolean> {
    return await (await this.#opened()).roles.revoke(agentId, role, options);
  }

  async listRoles(agentId: string): Promise<Role[]> {
    return await (await this.#opened()).roles.list(agentId);
  }

  /** Agents, teams and permissions of the swarm, as data. */
  async exportState(): Promise<RegistryState> {
    const { session, agents, teams } = await this.#opened();
    return await exportState(session, agents, teams);
  }

  /** Registers what was exported, over what is there. */
  async importState(state: RegistryState): Promise<void> {
    const { session, agents, teams } = await this.#opened();
    await importState(session, agents, teams, state);
    this.emit('stateImported', { swarmId: state.swarmId, agents: state.agents.length });
  }

  /** Closes a memory of its own. */
  async close(): Promise<void> {
    if (this.#own) await this.#manager.close();
  }
}

const resourceTypes: ReadonlySet<string> = new Set(fleet.hasPermission.input.shape.resourceType.options);

function missing(kind: 'Agent' | 'Team', id: string): never {
  throw new Error(`${kind} not found: ${id}`);
}
