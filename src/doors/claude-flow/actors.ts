import type { z } from 'zod';
import * as fleet from '../../domains/fleet/operations.ts';
import type { Principal, Right } from '../../kernel/access/model.ts';
import { scopes } from '../../kernel/access/model.ts';
import { agentById, groupById, membershipsAt } from '../../kernel/access/statements.ts';
import type { CallOptions } from '../../kernel/call.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Operation } from '../../kernel/operation.ts';
import type { Rookery } from '../../rookery.ts';
import { translated } from './errors.ts';

/** Whom an object of this door speaks for where a call does not say. */
export interface Place {
  readonly agentId: string;
  readonly swarmId: string;
  /** `default` where the seed knows no project. */
  readonly projectId?: string | undefined;
}

/** The same with nothing left out. */
interface Where extends Place {
  readonly projectId: string;
}

/** Who a call is made as. Team, swarm and project select among what the agent belongs to. */
export interface Acting {
  readonly agentId?: string | undefined;
  readonly projectId?: string | undefined;
}

/** What the door itself acts as, where it administers. */
const doorName = 'claude-flow';

const agentRights: ReadonlySet<Right> = new Set<Right>(['read', 'write']);
const administratorRights: ReadonlySet<Right> = new Set<Right>(['read', 'write', 'admin']);

/** The ids that hold their role in every swarm, as the seeds expect. */
export const boundIds = ['system', 'product-owner'] as const;

/**
 * The agents that calls are made as. The seeds name one with each call and register none: an agent comes into being when
 * it is first named, in the place of the object that was called.
 */
export class Actors {
  readonly #rookery: Rookery;
  readonly #place: Where;
  readonly #known = new Set<string>();

  constructor(rookery: Rookery, { agentId, swarmId, projectId = 'default' }: Place) {
    this.#rookery = rookery;
    this.#place = { agentId, swarmId, projectId };
  }

  get place(): Where {
    return this.#place;
  }

  /** Makes the swarm where it is missing, with the agents whose ids stand for their role. */
  async settle(): Promise<void> {
    const { swarmId, projectId } = this.#place;
    const { engine } = this.#rookery.store;
    if (await engine.read(() => groupById(projectId, 'swarms', swarmId))) return;
    await this.administer(fleet.createSwarm, { id: swarmId });
    for (const id of boundIds) await this.#bind(id);
  }

  async #bind(id: string): Promise<void> {
    const { engine } = this.#rookery.store;
    if (await engine.read(() => agentById(this.#place.projectId, id))) return;
    await this.administer(fleet.register, { id, type: id, swarm: this.#place.swarmId, system: true });
  }

  /** Runs an operation as an agent, in the seeds' words where it is refused. */
  async invoke<Op extends Operation>(
    operation: Op,
    acting: Acting,
    input: unknown,
    options?: CallOptions,
  ): Promise<z.output<Op['output']>> {
    return await translated(async () => {
      const principal = await this.principal(acting);
      return (await this.#rookery.store.invoke(operation, principal, input, options)).output as never;
    });
  }

  /** Runs an operation with the rights of an administrator, by the object's own agent: who holds the file may. */
  async administer<Op extends Operation>(
    operation: Op,
    input: unknown,
    by: string = this.#place.agentId,
  ): Promise<z.output<Op['output']>> {
    const { projectId: project } = this.#place;
    const principal = { project, agent: by, rights: administratorRights, via: doorName };
    return await translated(
      async () => (await this.#rookery.store.invoke(operation, principal, input)).output as never,
    );
  }

  /**
   * The agent of a call, made in the object's own project when it is new. Another project must have it already:
   * naming one makes nobody a member.
   */
  async principal({ agentId = this.#place.agentId, projectId }: Acting = {}): Promise<Principal> {
    const { projectId: own, swarmId } = this.#place;
    const project = projectId ?? own;
    const principal = { project, agent: agentId, rights: agentRights };
    const name = `${project}\n${agentId}`;
    if (this.#known.has(name)) return principal;
    const { engine } = this.#rookery.store;
    if (!(await engine.read(() => agentById(project, agentId)))) {
      if (project !== own)
        throw new RookeryError('FORBIDDEN', `agent ${agentId} is not a member of project ${project}`);
      await this.#rookery.store.invoke(fleet.heartbeat, { ...principal, swarm: swarmId }, {});
    }
    this.#known.add(name);
    return principal;
  }

  /** Whether an agent belongs to a team or swarm, asked afresh each time. */
  async belongs({ agentId, projectId }: Acting, kind: 'team' | 'swarm', id: string): Promise<boolean> {
    const { agentId: ownAgent, projectId: ownProject } = this.#place;
    const { store } = this.#rookery;
    const project = projectId ?? ownProject;
    const found = await store.engine.read(() =>
      membershipsAt(project, agentId ?? ownAgent, store.now(project)),
    );
    return found.some(({ scope }) => scope === scopes[kind](id));
  }
}
