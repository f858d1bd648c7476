import * as fleet from '../../../domains/fleet/operations.ts';
import { limits } from '../../../kernel/limits.ts';
import { type ACLLevelInput, numberOf } from '../levels.ts';
import type { MemorySession } from '../memory/session.ts';
import { type FleetTeam, type Team, teamOf, withExtras } from './shapes.ts';

export interface TeamInfo {
  readonly id?: string | undefined;
  readonly name: string;
  readonly description?: string | undefined;
  readonly leaderId?: string | undefined;
  readonly members?: readonly string[] | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Default 2. */
  readonly aclLevel?: ACLLevelInput | undefined;
}

/** The teams of a project, administered by who holds the file. */
export class RegisteredTeams {
  readonly #session: MemorySession;

  constructor(session: MemorySession) {
    this.#session = session;
  }

  async create(info: TeamInfo): Promise<Team> {
    const { actors } = this.#session;
    const { capabilities = [], metadata = {} } = info;
    const aclLevel = numberOf(this.#session.level(info.aclLevel ?? 2));
    const team = await actors.administer(fleet.createTeam, {
      id: info.id,
      name: info.name,
      description: info.description,
      leader: info.leaderId,
      members: info.members,
      metadata: withExtras(metadata, { capabilities, aclLevel }),
    });
    return await this.#shown(team);
  }

  async get(id: string): Promise<Team | undefined> {
    const team = await this.#session.actors.administer(fleet.team, { id });
    return team ? await this.#shown(team) : undefined;
  }

  /** All teams, by id. */
  async list(): Promise<Team[]> {
    const found: Team[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const asked: object = { limit: limits.pageSize, cursor };
      const page: { teams: FleetTeam[]; nextCursor: string | null } = await this.#session.actors.administer(
        fleet.teams,
        asked,
      );
      for (const team of page.teams) found.push(await this.#shown(team));
      cursor = page.nextCursor;
    }
    return found;
  }

  async add(agent: string, team: string): Promise<void> {
    await this.#session.actors.administer(fleet.addToTeam, { agent, team });
  }

  async remove(agent: string, team: string): Promise<void> {
    await this.#session.actors.administer(fleet.removeFromTeam, { agent, team });
  }

  /** The ids of its members. */
  async members(team: string): Promise<string[]> {
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const asked: object = { team, limit: limits.pageSize, cursor };
      const page: { members: string[]; nextCursor: string | null } = await this.#session.actors.administer(
        fleet.members,
        asked,
      );
      found.push(...page.members);
      cursor = page.nextCursor;
    }
    return found;
  }

  async #shown(team: FleetTeam): Promise<Team> {
    return teamOf(team, this.#session.actors.place.swarmId, await this.members(team.id));
  }
}
