import * as memory from '../../../domains/memory/operations.ts';
import type { Level } from '../../../kernel/access/model.ts';
import { type Acting, Actors } from '../actors.ts';
import { type ACLScheme, levelFrom } from '../levels.ts';
import type { SharedStore } from '../store.ts';
import { defaults, type MemoryCallOptions, type SwarmMemoryOptions } from './options.ts';

/** Which key, and which audience where one is named, as operations take it. */
export interface Address {
  readonly namespace: string;
  readonly key: string;
  readonly level?: Level;
  readonly audience?: string;
}

/** An open store with the agents that calls are made as: what a manager works with from `initialize` on. */
export class MemorySession {
  readonly store: SharedStore;
  readonly actors: Actors;
  readonly #scheme: ACLScheme;
  /** The swarm of swarm-level entries, where the program named one; else each agent's own. */
  readonly #swarm: string | undefined;

  constructor(store: SharedStore, options: SwarmMemoryOptions) {
    const { agentId = defaults.agentId, swarmId = defaults.swarmId, projectId = 'default' } = options;
    const place = { agentId, swarmId, projectId };
    this.store = store;
    this.actors = new Actors(store.rookery, place, options.aclCacheTimeout ?? defaults.aclCacheTimeout);
    this.#scheme = options.aclScheme ?? 'five';
    this.#swarm = options.swarmId;
  }

  level(given: unknown): Level {
    return levelFrom(given, this.#scheme);
  }

  /** Where a write goes. */
  target(key: string, level: Level, options: MemoryCallOptions): Address & { level: Level } {
    const { namespace = 'default' } = options;
    const audience =
      level === 'team' ? options.teamId : level === 'swarm' ? (options.swarmId ?? this.#swarm) : undefined;
    return { namespace, key, level, ...(audience !== undefined && { audience }) };
  }

  /**
   * Where a read looks: the named audience, or from the nearest outward. A team or swarm that the agent is not in leaves
   * what it wrote there itself, and nothing else.
   */
  async address(key: string, options: MemoryCallOptions): Promise<Address> {
    const { namespace = 'default', aclLevel, teamId, swarmId } = options;
    if (aclLevel !== undefined && aclLevel !== null) return this.#pinned(key, this.level(aclLevel), options);
    for (const [kind, id] of [['team', teamId] as const, ['swarm', swarmId] as const]) {
      if (id === undefined || (await this.#belongs(options, kind, id))) continue;
      return { namespace, key, level: kind, audience: id };
    }
    return { namespace, key };
  }

  /** A swarm that nobody named for the call is looked into only where the agent belongs to it. */
  async #pinned(key: string, level: Level, options: MemoryCallOptions): Promise<Address> {
    const named = this.target(key, level, options);
    const own = level === 'swarm' && options.swarmId === undefined && named.audience !== undefined;
    if (!own || (await this.#belongs(options, 'swarm', named.audience!))) return named;
    const { audience: _, ...address } = named;
    return address;
  }

  async #belongs(acting: Acting, kind: 'team' | 'swarm', id: string): Promise<boolean> {
    const { agentId = this.actors.place.agentId, projectId = this.actors.place.projectId } = acting;
    const question = JSON.stringify(['belongs', projectId, agentId, kind, id]);
    return await this.actors.access.decide(question, async () => ({
      decision: await this.actors.belongs(acting, kind, id),
    }));
  }

  /** Deletes in steps until nothing is left. */
  async purge(acting: Acting, namespace: string | undefined): Promise<number> {
    let deleted = 0;
    for (;;) {
      const step = await this.actors.invoke(memory.purge, acting, { namespace });
      deleted += step.deleted;
      if (!step.more) return deleted;
    }
  }
}
