import type { z } from 'zod';
import { stateChecks } from './checks.ts';
import { noteCollision } from './domains/conflicts/operations.ts';
import { assertFleetFence } from './domains/fleet/fences.ts';
import { PermissionAnswers } from './domains/fleet/rights/permission-answers.ts';
import { assertFence as assertLease } from './domains/locks/operations.ts';
import { writeAccesses } from './domains/memory/operations.ts';
import { dataFolderOf, givenSecrets, memoryPath, openFolder, type Secrets } from './folder.ts';
import { type Principal, type Right, rights } from './kernel/access/model.ts';
import type { CallOptions } from './kernel/call.ts';
import { type Clock, PooledRandom, type Random, systemClock } from './kernel/clock.ts';
import type { Services } from './kernel/context.ts';
import type { Engine } from './kernel/engine.ts';
import { invalid } from './kernel/errors.ts';
import type { DualWriteMetrics } from './kernel/live/dual-write.ts';
import { type RedisSource, redisPortOf } from './kernel/live/redis.ts';
import type { Operation } from './kernel/operation.ts';
import { type Observation, Store } from './kernel/store.ts';
import type { Compression } from './kernel/vault/codecs.ts';
import { type Operations, operations } from './operations.ts';
import { projections } from './projections.ts';
import { erasures, sealedTables } from './sealed.ts';

export interface RookeryOptions {
  /** A database file, or a folder that holds one; `:memory:` for a store that ends with the process. */
  readonly path?: string;
  /**
   * A Postgres URL, in place of a path: `postgres://user@host:5432/database?schema=rookery`. Needs the package `pg` and a
   * root key (`masterKey` or `ROOKERY_MASTER_KEY`). The tables lie in a schema of their own, `rookery` unless named.
   */
  readonly url?: string;
  /** 32 bytes, or their base64. Without it, the folder's own `root.key`, made at first use. */
  readonly masterKey?: Uint8Array | string;
  /** `full`: acknowledged means on disk. `relaxed`: a power cut may lose the last moments, a crash of the process not. */
  readonly durability?: 'full' | 'relaxed';
  /** The agent that the object itself acts as; `as()` gives views for others. Default `local`. */
  readonly agent?: string;
  readonly project?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /**
   * How new content is compressed: `zstd`, or `lz4` where the optional package `lz4-napi` is installed, above a length in
   * bytes. Default zstd above 1024. What was written with either stays readable.
   */
  readonly compression?: Partial<Compression>;
  /**
   * A Redis server to keep a live copy in: see `RedisSource`. A connection of our own needs the package `ioredis`. That
   * it is away never fails a write; `live.status()` tells.
   */
  readonly redis?: RedisSource;
  /**
   * Mutations resolve after the durable commit and, while Redis can be reached, after Redis has them too: for
   * `timeoutMs` at most, 5000 unless given.
   */
  readonly dualWrite?: boolean | { readonly timeoutMs?: number };
  /** Hears of every operation that ended. */
  readonly observe?: (observation: Observation) => void;
}

/** The live copy, beside the operations on it. */
export interface LiveCopy {
  /**
   * Whether Redis has come to an entry of a project's ledger within the time; false at once while it is away, and always
   * where the store was opened without `redis`.
   */
  passed(project: string, seq: number, timeoutMs: number): Promise<boolean>;
  /** Counts and latencies of dual writes; undefined unless writes are dual. */
  metrics(): DualWriteMetrics | undefined;
}

type Method<T> = T extends { input: infer I extends z.ZodType; output: infer O extends z.ZodType }
  ? Record<never, never> extends z.input<I>
    ? (input?: z.input<I>, options?: CallOptions) => Promise<z.output<O>>
    : (input: z.input<I>, options?: CallOptions) => Promise<z.output<O>>
  : never;

/** The operations as methods: `view.memory.set({…})`. */
export type Domains = {
  readonly [N in keyof Operations]: { readonly [V in keyof Operations[N]]: Method<Operations[N][V]> };
};

/** What an agent sees of the store: every domain, with the agent's identity and nobody else's. */
export type View = Domains & { readonly principal: Principal };

export interface ViewOptions {
  readonly project?: string;
  readonly swarm?: string;
  /** Narrower rights than everything: what a token would carry. */
  readonly rights?: readonly Right[];
}

export interface Rookery extends View, AsyncDisposable {
  readonly live: Domains['live'] & LiveCopy;
  /** The view of one agent, which comes into being when it first does something. */
  as(agent: string, options?: ViewOptions): View;
  /** Permission questions, answered from memory where nothing has changed, and without a promise where that can be. */
  readonly permissions: PermissionAnswers;
  /** The open store beneath, for doors and tools. */
  readonly store: Store;
  /** Finishes what is queued and closes. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Opens a store, making it where there is none.
 *
 * @example
 * await using rookery = await openRookery({ path: './fleet' });
 * const coder = rookery.as('coder-1');
 * await coder.memory.set({ key: 'plan', value: { step: 1 }, level: 'team' });
 */
export async function openRookery(options: RookeryOptions = {}): Promise<Rookery> {
  return await openOver(await openEngine(options), options);
}

/** The same over an engine that is already open, and is closed with the store. */
export async function openOver(
  { engine, ...secrets }: { readonly engine: Engine } & Secrets,
  options: Omit<RookeryOptions, 'path' | 'url' | 'masterKey' | 'durability'> = {},
): Promise<Rookery> {
  const store = await openStore(engine, secrets, options).catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });
  return rookeryOver(store, options);
}

async function openStore(
  engine: Engine,
  secrets: Secrets,
  options: Omit<RookeryOptions, 'path' | 'url' | 'masterKey' | 'durability'>,
): Promise<Store> {
  const { redis, dualWrite } = options;
  const port = redis === undefined ? undefined : await redisPortOf(redis);
  return await Store.open({
    engine,
    ...secrets,
    checks: stateChecks,
    sealedTables,
    erasures,
    assertFence,
    noteCollision,
    writeAccesses,
    projections,
    redis: port,
    dualWrite: dualWrite === true ? {} : dualWrite || undefined,
    clock: options.clock ?? systemClock,
    random: options.random ?? new PooledRandom(),
    compression: options.compression,
    observe: options.observe,
  }).catch(async (error: unknown) => {
    await port?.close();
    throw error;
  });
}

/** What protects a change: a lease, the post of a coordinator or the life of an agent. */
const assertFence: Services['assertFence'] = function* (context, fence) {
  if (!(yield* assertFleetFence(context, fence))) yield* assertLease(context, fence);
};

/** The object users hold, over a store that is already open. */
export function rookeryOver(store: Store, options: Pick<RookeryOptions, 'agent' | 'project'> = {}): Rookery {
  const { agent = 'local', project = 'default' } = options;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= store.close();
    return closing;
  };
  const own = viewOf(store, { project, agent, rights: new Set(rights) });
  return {
    ...own,
    live: {
      ...own.live,
      passed: async (of, seq, timeoutMs) => (await store.live?.passed(of, seq, timeoutMs)) ?? false,
      metrics: () => store.dualWrite?.metrics(),
    },
    permissions: new PermissionAnswers(store, project),
    store,
    as: (
      other,
      {
        project: otherProject = project,
        swarm,
        rights: narrower = rights.filter((right) => right !== 'admin'),
      } = {},
    ) => viewOf(store, { project: otherProject, agent: other, swarm, rights: new Set(narrower) }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Binds the table of operations to one identity. */
export function viewOf(store: Store, principal: Principal): View {
  const bind = (operation: Operation) => async (input: unknown, options?: CallOptions) =>
    (await store.invoke(operation, principal, input, options)).output;
  const domains = Object.entries(operations).map(([noun, verbs]) => [
    noun,
    Object.fromEntries(
      Object.entries(verbs as Record<string, Operation>).map(([verb, operation]) => [verb, bind(operation)]),
    ),
  ]);
  return { ...(Object.fromEntries(domains) as Domains), principal };
}

async function openEngine(options: RookeryOptions): Promise<{ engine: Engine } & Secrets> {
  const durability = options.durability ?? 'full';
  if (options.url !== undefined) {
    if (options.path !== undefined) throw invalid('path', 'leave it out where there is a url');
    const secrets = givenSecrets(options);
    const { openPostgres } = await import('./kernel/engines/postgres/engine.ts');
    return { engine: await openPostgres(options.url, durability), ...secrets };
  }
  const { SqliteEngine } = await import('./kernel/engines/sqlite/engine.ts');
  const place = options.path === undefined ? dataFolderOf(process.env) : options.path;
  const { file, ...secrets } =
    place === memoryPath ? openFolder(memoryPath, options) : openFolder(place, options);
  return { engine: new SqliteEngine(file, durability), ...secrets };
}
