import * as fleet from '../../../domains/fleet/operations.ts';
import * as roles from '../../../domains/fleet/rights/roles.ts';
import { invalid } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import type { MemorySession } from '../memory/session.ts';
import {
  type AgentFilter,
  type AgentInfo,
  agentOf,
  type FleetAgent,
  type RegisteredAgent,
} from './shapes.ts';

const statuses = fleet.list.input.shape.status.unwrap().options;

/** The agents of one swarm, administered by who holds the file. */
export class RegisteredAgents {
  readonly #session: MemorySession;

  constructor(session: MemorySession) {
    this.#session = session;
  }

  /** A new agent, or one that exists with what is said of it now. One of another swarm joins this one beside its own. */
  async register(id: string, info: AgentInfo): Promise<RegisteredAgent> {
    if (info.status !== undefined && !statuses.includes(info.status))
      throw invalid('status', `one of ${statuses.join(', ')}`);
    const { actors } = this.#session;
    const { swarmId: swarm } = actors.place;
    const known = await this.find(id);
    if (known && known.swarm !== swarm)
      await actors.administer(roles.grant, { agent: id, role: 'member', swarm, reason: 'registered there' });
    const agent = await actors.administer(fleet.register, {
      ...this.#profile(info),
      id,
      name: info.name ?? (known ? undefined : `Agent-${id.slice(0, 8)}`),
      swarm: known ? undefined : swarm,
      team: info.teamId ?? undefined,
    });
    const differs = info.status !== undefined && info.status !== agent.status;
    return differs ? (await this.update(id, { status: info.status }))! : await this.#shown(agent);
  }

  async update(id: string, info: AgentInfo): Promise<RegisteredAgent | undefined> {
    const { name, status, teamId: team } = info;
    const agent = await this.#session.actors.administer(fleet.update, {
      ...this.#profile(info),
      ...{ id, name, status, team },
    });
    return agent ? await this.#shown(agent) : undefined;
  }

  #profile({ type, capabilities, metadata, aclLevel }: AgentInfo) {
    const level = aclLevel === undefined ? undefined : this.#session.level(aclLevel);
    return { type, capabilities, metadata, level };
  }

  async find(id: string): Promise<FleetAgent | null> {
    return await this.#session.actors.administer(fleet.get, { id });
  }

  async get(id: string): Promise<RegisteredAgent | undefined> {
    const agent = await this.find(id);
    return agent ? await this.#shown(agent) : undefined;
  }

  /** All that match, by id. */
  async list({ type, status, teamId: team, capability }: AgentFilter): Promise<RegisteredAgent[]> {
    const { actors } = this.#session;
    const filter = { type, status, team, capability, swarm: actors.place.swarmId, limit: limits.pageSize };
    const found: RegisteredAgent[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const asked: object = { ...filter, cursor };
      const page: { agents: FleetAgent[]; nextCursor: string | null } = await actors.administer(
        fleet.list,
        asked,
      );
      for (const agent of page.agents) found.push(await this.#shown(agent));
      cursor = page.nextCursor;
    }
    return found;
  }

  async #shown(agent: FleetAgent): Promise<RegisteredAgent> {
    const { actors } = this.#session;
    const performance = await actors.administer(fleet.performance, { agent: agent.id });
    return agentOf(agent, agent.swarm, performance);
  }
}
