import { z } from 'zod';
import * as fleet from '../../domains/fleet/operations.ts';
import * as roles from '../../domains/fleet/rights/roles.ts';
import type { Principal, Right } from '../../kernel/access/model.ts';
import { scopes } from '../../kernel/access/model.ts';
import { SignsOfLife } from '../../kernel/access/signs-of-life.ts';
import { agentById, membershipsAt } from '../../kernel/access/statements.ts';
import type { CallOptions } from '../../kernel/call.ts';
import { Denial } from '../../kernel/denial.ts';
import { type Operation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import type { Rookery } from '../../rookery.ts';
import { AccessCache } from './access-cache.ts';
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

/** Refuses a project that the agent is not in, so that the ledger of its own one knows of the attempt. */
const foreignProject = query({
  name: 'fleet.foreignProject',
  summary: 'Ask for a project that the agent is not a member of',
  input: z.strictObject({ project: schema.id }),
  output: z.never(),
  access: 'read',
  route: null,
  // biome-ignore lint/correctness/useYield: it refuses
  *run(context, { project }): Work<never> {
    const subject = { kind: 'project', name: project, scope: scopes.project };
    throw new Denial('FORBIDDEN', `agent ${context.agent} is not a member of project ${project}`, subject);
  },
});

const decisionsKeptMs = 300_000;

/** The ids that hold their role in every swarm, as the seeds expect. */
export const boundIds = ['system', 'product-owner'] as const;

/**
 * The agents that calls are made as. The seeds name one with each call and register none: an agent comes into being when
 * it is first named, in the place of the object that was called.
 */
export class Actors {
  readonly #rookery: Rookery;
  readonly #place: Where;
  readonly #signs: SignsOfLife;
  /** What was decided about access, for as long as it holds. */
  readonly access: AccessCache;

  constructor(
    rookery: Rookery,
    { agentId, swarmId, projectId = 'default' }: Place,
    keptMs: number = decisionsKeptMs,
  ) {
    this.#rookery = rookery;
    this.#signs = new SignsOfLife(rookery.store);
    this.access = new AccessCache(rookery.store.policy, projectId, keptMs);
    this.#place = { agentId, swarmId, projectId };
  }

  get place(): Where {
    return this.#place;
  }

  /** Makes the swarm and the object's own agent where they are missing, and binds the ids that stand for a role. */
  async settle(): Promise<void> {
    await this.principal();
    await this.#comeBack();
    for (const id of boundIds) await this.#bind(id);
  }

  /** The object's own agent may have been made inactive while nothing was heard of it: it is there again. */
  async #comeBack(): Promise<void> {
    const { agentId: id, projectId } = this.#place;
    const own = await this.#rookery.store.engine.read(() => agentById(projectId, id));
    if (own?.status === 'inactive') await this.administer(fleet.register, { id });
  }

  /** Once for each swarm: a role that was taken away since is not given back. */
  async #bind(id: (typeof boundIds)[number]): Promise<void> {
    const { swarmId: swarm } = this.#place;
    const given = await this.administer(roles.list, { agent: id, swarm, ended: true, limit: 1 });
    if (given.roles.length > 0) return;
    const reason = `the id ${id} stands for its role`;
    await this.administer(roles.grant, { agent: id, role: id, swarm, reason });
    await this.enrol(id, reason);
  }

  /** Makes an agent that lives in another swarm a member of this one, too. */
  async enrol(agent: string, reason: string): Promise<void> {
    const { swarmId: swarm } = this.#place;
    if (await this.belongs({ agentId: agent }, 'swarm', swarm)) return;
    await this.administer(roles.grant, { agent, role: 'member', swarm, reason });
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

  /** The object's own agent with the rights of an administrator: who holds the file may. */
  administrator(by: string = this.#place.agentId): Principal {
    return { project: this.#place.projectId, agent: by, rights: administratorRights, via: doorName };
  }

  /** Runs an operation with those rights. */
  async administer<Op extends Operation>(
    operation: Op,
    input: unknown,
    by: string = this.#place.agentId,
  ): Promise<z.output<Op['output']>> {
    const principal = this.administrator(by);
    this.#signs.note(principal.project, by);
    return await translated(
      async () => (await this.#rookery.store.invoke(operation, principal, input)).output as never,
    );
  }

  /**
   * The agent of a call, made in the object's own project when it is new. Another project must have it already:
   * naming one makes nobody a member.
   */
  async principal({
    agentId = this.#place.agentId,
    projectId = this.#place.projectId,
  }: Acting = {}): Promise<Principal> {
    const principal = { project: projectId, agent: agentId, rights: agentRights };
    const question = `agent\n${projectId}\n${agentId}`;
    await this.access.decide(question, () => this.#exists(principal));
    this.#signs.note(projectId, agentId);
    return principal;
  }

  async #exists(principal: Principal): Promise<{ decision: true }> {
    const { project, agent } = principal;
    const { engine } = this.#rookery.store;
    if (await engine.read(() => agentById(project, agent))) return { decision: true };
    if (project !== this.#place.projectId) {
      const asked = { ...principal, project: this.#place.projectId };
      await this.#rookery.store.invoke(foreignProject, asked, { project });
    }
    await this.#rookery.store.invoke(fleet.heartbeat, { ...principal, swarm: this.#place.swarmId }, {});
    return { decision: true };
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
