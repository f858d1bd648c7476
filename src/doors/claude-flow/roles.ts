import type { z } from 'zod';
import * as roles from '../../domains/fleet/rights/roles.ts';
import { isoTime } from '../../kernel/clock.ts';
import type { Actors } from './actors.ts';

export type RoleName = 'system' | 'product-owner' | 'coordinator' | 'validator' | 'member';

export interface RoleOptions {
  /** The object's own swarm when left out. */
  readonly swarmId?: string | undefined;
  /** Who appoints: an agent that may. Who holds the file, when left out. */
  readonly grantedBy?: string | undefined;
  readonly expiresAt?: Date | string | number | undefined;
  readonly reason?: string | undefined;
}

/** What an agent was appointed to. */
export interface Role {
  readonly id: string;
  readonly agentId: string;
  readonly role: RoleName;
  readonly swarmId: string;
  readonly grantedBy: string;
  readonly reason: string;
  readonly grantedAt: string;
  readonly expiresAt: string | null;
}

/** Roles in a swarm, as the objects of this door give and take them. */
export class Roles {
  readonly #actors: Actors;

  constructor(actors: Actors) {
    this.#actors = actors;
  }

  async grant(agent: string, role: RoleName, options: RoleOptions = {}): Promise<Role> {
    const { swarmId: swarm = this.#actors.place.swarmId, grantedBy, reason } = options;
    const appointment = { agent, role, swarm, reason, expiresAt: timeOf(options.expiresAt) };
    const granted =
      grantedBy === undefined
        ? await this.#actors.administer(roles.grant, appointment)
        : await this.#actors.invoke(roles.grant, { agentId: grantedBy }, appointment);
    return roleOf(granted);
  }

  /** Whether it was in force. */
  async revoke(agent: string, role: RoleName, { swarmId, grantedBy }: RoleOptions = {}): Promise<boolean> {
    const appointment = { agent, role, swarm: swarmId ?? this.#actors.place.swarmId };
    const revoked =
      grantedBy === undefined
        ? await this.#actors.administer(roles.revoke, appointment)
        : await this.#actors.invoke(roles.revoke, { agentId: grantedBy }, appointment);
    return revoked !== null;
  }

  /** Those in force, in any swarm. */
  async list(agent: string): Promise<Role[]> {
    const { roles: held } = await this.#actors.administer(roles.list, { agent, limit: 1000 });
    return held.map(roleOf);
  }
}

type FleetRole = z.output<typeof roles.grant.output>;

function roleOf({ agent, swarm, grantedAt, expiresAt, ...role }: FleetRole): Role {
  const { id, grantedBy, reason, role: name } = role;
  const until = expiresAt === null ? null : isoTime(expiresAt);
  return {
    ...{ id, agentId: agent, role: name, swarmId: swarm },
    ...{ grantedBy, reason, grantedAt: isoTime(grantedAt), expiresAt: until },
  };
}

/** A time in milliseconds from however a caller gives it. */
export function timeOf(given: Date | string | number | null | undefined): number | undefined {
  if (given === undefined || given === null) return undefined;
  return typeof given === 'number' ? given : new Date(given).getTime();
}
