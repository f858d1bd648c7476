import { setTimeout } from 'node:timers/promises';
import type { z } from 'zod';
import type { Principal } from '../../../kernel/access/model.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { DualWrite } from '../../../kernel/live/dual-write.ts';
import type { RedisParameter, RedisSource } from '../../../kernel/live/redis.ts';
import type { Mutation } from '../../../kernel/operation.ts';
import { Actors } from '../actors.ts';
import { translated } from '../errors.ts';
import type { KeyMaterial } from '../key-material.ts';
import type { CFNLoopMemoryManager } from '../loop/manager.ts';
import { defaultPath } from '../loop/options.ts';
import { SharedStore } from '../store.ts';

/** Where the objects of blocking coordination keep their state. */
export interface CoordinationConfig {
  /** A client of `ioredis` or node-redis, connected, connecting or unreachable; it stays the program's. */
  readonly redisClient?: RedisSource | undefined;
  /** Its database and key are used; the options below then count for nothing. */
  readonly cfnMemoryManager?: CFNLoopMemoryManager | undefined;
  /** Default: the environment's `SQLITE_DB_PATH`, else `./cfn-loop-memory.db`, as the loop's memory has it. */
  readonly dbPath?: string | undefined;
  readonly encryptionKey?: KeyMaterial | undefined;
  readonly swarmId?: string | undefined;
  readonly projectId?: string | undefined;
  readonly clock?: Clock | undefined;
}

const dualWriteTimeoutMs = 5000;
const ownAgent = 'blocking-coordination';

/** An open store, the agents that calls are made as, and Redis beside it where it can be reached. */
export class CoordinationSession {
  readonly actors: Actors;
  readonly #store: SharedStore;
  readonly #dual: DualWrite;

  static async open(config: CoordinationConfig): Promise<CoordinationSession> {
    const store = await openStore(config);
    try {
      const session = new CoordinationSession(store, config);
      await session.actors.settle();
      return session;
    } catch (error) {
      await store.release();
      throw error;
    }
  }

  private constructor(store: SharedStore, config: CoordinationConfig) {
    const loop = config.cfnMemoryManager?.config;
    const swarmId = config.swarmId ?? loop?.swarmId ?? 'default';
    const projectId = config.projectId ?? loop?.projectId;
    this.#store = store;
    this.actors = new Actors(store.rookery, { agentId: ownAgent, swarmId, projectId });
    const { live, clock } = store.rookery.store;
    this.#dual = new DualWrite(live, clock, dualWriteTimeoutMs);
  }

  get now(): number {
    return this.#store.rookery.store.now(this.actors.place.projectId);
  }

  /** As an agent: durable first, and then in Redis where that can be reached. */
  async write<Op extends Mutation>(
    operation: Op,
    agentId: string,
    input: unknown,
    idempotencyKey?: string,
  ): Promise<{ readonly output: z.output<Op['output']>; readonly replayed: boolean }> {
    return await translated(async () =>
      this.#both(operation, await this.actors.principal({ agentId }), input, idempotencyKey),
    );
  }

  /** The same with the rights of an administrator. */
  async administer<Op extends Mutation>(operation: Op, input: unknown): Promise<z.output<Op['output']>> {
    return await translated(
      async () => (await this.#both(operation, this.actors.administrator(), input)).output,
    );
  }

  async #both<Op extends Mutation>(
    operation: Op,
    principal: Principal,
    input: unknown,
    idempotencyKey?: string,
  ): Promise<{ readonly output: z.output<Op['output']>; readonly replayed: boolean }> {
    const { store } = this.#store.rookery;
    const commit = () => store.invoke(operation, principal, input, { idempotencyKey });
    const { output, replayed } = await this.#dual.both(principal.project, commit);
    return { output: output as never, replayed };
  }

  /** The key that the store vouches with for what one agent says; made with the project's first entry. */
  async agentKey(agentId: string): Promise<import('node:crypto').KeyObject | undefined> {
    const { engine, keyring } = this.#store.rookery.store;
    return await engine.read(() => keyring.agentKeyIfAny(this.actors.place.projectId, agentId));
  }

  /** A note in Redis that the store could do without: it is left out, and answers undefined, while Redis is away. */
  async note(command: string, ...parameters: RedisParameter[]): Promise<unknown> {
    return await this.#store.rookery.store.live?.command(command, ...parameters).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#store.release();
  }
}

/** A session that opens when it is first needed, once however many need it. What is shut down stays so. */
export class SessionOnDemand {
  readonly #config: CoordinationConfig;
  readonly #closing = new AbortController();
  #opening: Promise<CoordinationSession> | undefined;

  constructor(config: CoordinationConfig) {
    this.#config = config;
  }

  async get(): Promise<CoordinationSession> {
    this.#assertOpen();
    this.#opening ??= CoordinationSession.open(this.#config).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return await this.#opening;
  }

  /** Lets time pass, in milliseconds. Throws CLOSED where it is shut down meanwhile. */
  async pause(durationMs: number): Promise<void> {
    await setTimeout(durationMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new RookeryError('CLOSED', 'it is shut down');
  }

  /** Gives the database back. Safe to repeat. */
  async close(): Promise<void> {
    this.#closing.abort();
    const session = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await session?.close();
  }
}

async function openStore({ cfnMemoryManager, ...config }: CoordinationConfig): Promise<SharedStore> {
  if (cfnMemoryManager) return await cfnMemoryManager.share();
  const { redisClient: redis, encryptionKey, clock } = config;
  const dbPath = config.dbPath ?? (process.env['SQLITE_DB_PATH'] || defaultPath);
  const rookery = { ...(redis && { redis }), ...(clock && { clock }) };
  return await SharedStore.open({ dbPath, encryptionKey, rookery });
}
