import type { z } from 'zod';
import type { Principal } from '../../../kernel/access/model.ts';
import { asRookeryError } from '../../../kernel/errors.ts';
import { DualWrite, dualWriteTimeoutMs, isStoreFailure } from '../../../kernel/live/dual-write.ts';
import type { Mutation, Query } from '../../../kernel/operation.ts';
import { type Acting, Actors } from '../actors.ts';
import { translated } from '../errors.ts';
import { storeSettings } from '../memory/options.ts';
import { Roles } from '../roles.ts';
import { SharedStore } from '../store.ts';
import { type CFNLoopMemoryConfig, defaultPath, type MemoryOptions } from './options.ts';

/** What the manager's own calls act as. */
const ownAgent = 'cfn-loop-memory';

/** Hears of a write that one of the two places did not take. */
export type OnFailure = (failure: { key: string; error: Error; store: 'sqlite' | 'redis' }) => void;

/** An open store with the agents that calls are made as, and the dual write: what a manager works with once open. */
export class LoopSession {
  readonly store: SharedStore;
  readonly actors: Actors;
  readonly roles: Roles;
  readonly #dual: DualWrite;
  readonly #onFailure: OnFailure;

  static async open(config: CFNLoopMemoryConfig, onFailure: OnFailure): Promise<LoopSession> {
    const { redisClient: redis, sqliteDbPath, encryptionKey, compressionThreshold, clock } = config;
    const dbPath = sqliteDbPath ?? (process.env['SQLITE_DB_PATH'] || defaultPath);
    const rookery = { ...storeSettings({ compressionThreshold, clock }), ...(redis && { redis }) };
    const store = await SharedStore.open({ dbPath, encryptionKey, rookery });
    try {
      const session = new LoopSession(store, config, onFailure);
      await session.actors.settle();
      await session.actors.enrol(ownAgent, 'recovers the loops of the swarm');
      return session;
    } catch (error) {
      await store.release();
      throw error;
    }
  }

  private constructor(store: SharedStore, config: CFNLoopMemoryConfig, onFailure: OnFailure) {
    const { swarmId, projectId, dualWriteTimeout = dualWriteTimeoutMs } = config;
    this.store = store;
    this.actors = new Actors(store.rookery, { agentId: ownAgent, swarmId, projectId });
    this.roles = new Roles(this.actors);
    const { live, clock } = store.rookery.store;
    this.#dual = new DualWrite(live, clock, dualWriteTimeout);
    this.#onFailure = onFailure;
  }

  metrics() {
    return this.#dual.metrics();
  }

  /**
   * Resolves once it is durable and, while Redis can be reached, Redis has it. Rejects where it is not durable; then
   * Redis has nothing of it either.
   */
  async write<Op extends Mutation>(
    operation: Op,
    acting: Acting,
    key: string,
    input: unknown,
  ): Promise<z.output<Op['output']>> {
    return await translated(async () =>
      this.#both(operation, await this.actors.principal(acting), key, input),
    );
  }

  /** The same with the rights of who holds the file, in the swarm of this session. */
  async administer<Op extends Mutation>(
    operation: Op,
    key: string,
    input: unknown,
  ): Promise<z.output<Op['output']>> {
    const principal = { ...this.actors.administrator(), swarm: this.actors.place.swarmId };
    return await translated(() => this.#both(operation, principal, key, input));
  }

  async #both<Op extends Mutation>(
    operation: Op,
    principal: Principal,
    key: string,
    input: unknown,
  ): Promise<z.output<Op['output']>> {
    const { store } = this.store.rookery;
    const commit = () => store.invoke(operation, principal, input);
    try {
      const answer = await this.#dual.both(principal.project, commit);
      if (answer.live === false) this.#tell(key, this.#redisError(principal.project), 'redis');
      return answer.output as never;
    } catch (error) {
      if (isStoreFailure(error)) this.#tell(key, asRookeryError(error), 'sqlite');
      throw error;
    }
  }

  /** A listener that throws is a defect of the program, not a write that failed. */
  #tell(key: string, error: Error, store: 'sqlite' | 'redis'): void {
    queueMicrotask(() => this.#onFailure({ key, error, store }));
  }

  #redisError(project: string): Error {
    const why = this.store.rookery.store.live?.status(project).lastError;
    return new Error(`Redis did not take it in time${why ? `: ${why}` : ''}`);
  }

  /** Whether the caller belongs to the team that it names, if it names one. */
  async admits({ teamId, ...acting }: MemoryOptions): Promise<boolean> {
    return teamId === undefined || (await this.actors.belongs(acting, 'team', teamId));
  }

  /** All pages of a list in this swarm; none for a team that the caller does not belong to. */
  async *pages<Op extends Query>(
    operation: Op,
    options: MemoryOptions,
    input: { readonly phase: string },
  ): AsyncGenerator<z.output<Op['output']>, void> {
    if (!(await this.admits(options))) return;
    const { swarmId: swarm } = this.actors.place;
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: z.output<Op['output']> = await this.actors.invoke(operation, options, {
        ...input,
        swarm,
        cursor,
      });
      yield page;
      cursor = (page as { readonly nextCursor: string | null }).nextCursor;
    }
  }

  async close(): Promise<void> {
    await this.store.release();
  }
}
