import { type SpanStatusCode, trace } from '@opentelemetry/api';
import type { z } from 'zod';
import { Attention } from './access/attention.ts';
import { PolicyEpochs } from './access/epochs.ts';
import { Identities } from './access/identity.ts';
import { type Principal, scopes } from './access/model.ts';
import { noteOpening } from './access/presence.ts';
import { Accesses, type WriteAccesses } from './accesses.ts';
import { backupStore, type StoreBackupOptions } from './backup.ts';
import type { Answer, Answering, Call, CallOptions } from './call.ts';
import { type Clock, type Random, steady } from './clock.ts';
import { GroupCommit } from './commit.ts';
import type { Services } from './context.ts';
import { Denial } from './denial.ts';
import type { Engine } from './engine.ts';
import { asRookeryError, type ErrorCode } from './errors.ts';
import { Execution } from './execution.ts';
import { randomText } from './ids.ts';
import type { Verified } from './ledger/findings.ts';
import { establishLog, type Log } from './ledger/log.ts';
import { type Signer, signerFromSeed } from './ledger/signer.ts';
import type { StateCheck } from './ledger/state.ts';
import { DualWrite, dualWriteTimeoutMs } from './live/dual-write.ts';
import { Hints } from './live/hints.ts';
import { Live } from './live/live.ts';
import type { Projection } from './live/projection.ts';
import type { RedisPort } from './live/redis.ts';
import { Pointers } from './live/relay/outbox.ts';
import { migrate } from './migrations/index.ts';
import { Notices } from './notices.ts';
import { parse } from './parse.ts';
import { type Compression, compressionFrom } from './vault/codecs.ts';
import { Keyring } from './vault/keyring.ts';
import type { RootKeys } from './vault/root.ts';
import type { Erasure, SealedTable } from './vault/sealed.ts';
import { Upkeep } from './vault/upkeep.ts';
import { Waiting } from './waiting.ts';
import { unlessItWrites, type Work } from './work.ts';

export interface StoreOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly root: RootKeys;
  /** Signs the checkpoints of the ledger. */
  readonly signer: Signer;
  /** What `audit verify` compares with the ledger. */
  readonly checks: readonly StateCheck[];
  /** Every column of envelopes, for key rotation. */
  readonly sealedTables: readonly SealedTable[];
  /** What an erasure removes. */
  readonly erasures: readonly Erasure[];
  /** Checks the lease that a change is made under. */
  readonly assertFence: Services['assertFence'];
  /** Notes the collisions of agents. */
  readonly noteCollision: Services['noteCollision'];
  /** Writes down how often records were read. */
  readonly writeAccesses: WriteAccesses;
  /** How new content is compressed, where that differs from the default. */
  readonly compression?: Partial<Compression> | undefined;
  /** How things are shown in Redis, where a relay follows a project. */
  readonly projections: readonly Projection[];
  /** Where this process relays to; closed with the store. */
  readonly redis?: RedisPort | undefined;
  /** Mutations wait for Redis, for so long at most; not at all unless given. */
  readonly dualWrite?: { readonly timeoutMs?: number | undefined } | undefined;
  /** Hears of every operation that ended: for metrics. */
  readonly observe?: ((observation: Observation) => void) | undefined;
}

export interface Observation {
  readonly operation: string;
  readonly outcome: 'ok' | ErrorCode;
  readonly durationMs: number;
}

const holderLength = 20; // 100 bits
/** Names a copy in Redis: 80 bits. */
const tokenLength = 16;

const tracer = trace.getTracer('rookery');

/**
 * One open store: the engine with everything that is written once above it. `invoke` is the only way in: it validates,
 * authorises, runs, records and measures, so that no door and no domain does that by hand.
 */
export class Store {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyring: Keyring;
  readonly commits: GroupCommit;
  readonly hints: Hints;
  readonly services: Services;
  readonly upkeep: Upkeep;
  /** The policy epoch, for caches of what was derived from memberships, roles and grants. */
  readonly policy: PolicyEpochs;
  /** The copy in Redis, where this process relays. */
  readonly live: Live | undefined;
  readonly dualWrite: DualWrite | undefined;
  readonly attention: Attention;
  readonly #notices: Notices;
  readonly #execution: Execution;
  readonly #waiting: Waiting;
  readonly #clocks = new Map<string, number>();
  readonly #observe: ((observation: Observation) => void) | undefined;

  /** Migrates, unlocks and opens. Throws before anything is written when the root key or the schema does not fit. */
  static async open(options: StoreOptions): Promise<Store> {
    compressionFrom(options.compression);
    const keyring = new Keyring(options.root, options.random);
    const now = options.clock.now();
    const opening = () => open(options, keyring, now);
    // Of many processes that open a store, only those for whom there is something to do take a turn at its write lock.
    const looked = await options.engine.read(() => unlessItWrites(opening()));
    const log = looked ? looked.value : await options.engine.transact(opening);
    const clock = steady(options.clock);
    return new Store({ ...options, clock }, { keyring, log, checks: options.checks });
  }

  private constructor(options: StoreOptions, ledger: Services['ledger']) {
    const { keyring } = ledger;
    this.engine = options.engine;
    this.clock = options.clock;
    this.random = options.random;
    this.keyring = keyring;
    this.#observe = options.observe;
    this.hints = new Hints(options.engine);
    this.policy = new PolicyEpochs(options.engine, options.clock);
    this.attention = new Attention(options.clock);
    const { attention } = this;
    this.services = {
      keyring,
      attention,
      identities: new Identities(keyring),
      random: options.random,
      compression: compressionFrom(options.compression),
      stored: { encrypted: 0, compressed: 0 },
      accesses: new Accesses((job) => this.commits.submit(job), options.writeAccesses),
      ledger,
      assertFence: options.assertFence,
      vault: {
        tables: options.sealedTables,
        erasures: options.erasures,
        wake: (project) => this.upkeep.wake(project),
        trouble: (project) => this.upkeep.trouble(project),
        scrubs: options.engine.scrub !== undefined,
      },
      live: (project) => this.live?.status(project),
      noteCollision: options.noteCollision,
    };
    const pointers = new Pointers(options.projections.map(({ kind }) => kind));
    this.commits = new GroupCommit({
      engine: options.engine,
      clock: options.clock,
      attention,
      authenticate: keyring.authenticate,
      outbox: pointers,
      onCommitted: (committed) => {
        this.live?.committed(committed);
        for (const { project, topics, now, policyEpoch } of committed) {
          this.#clocks.set(project, now);
          this.policy.committed(project, policyEpoch);
          this.hints.publish(project, topics);
        }
      },
    });
    const { engine, commits, services, hints, clock } = this;
    const holder = randomText(holderLength, options.random);
    this.upkeep = new Upkeep({ engine, commits, services, tables: options.sealedTables, holder });
    this.#notices = new Notices(commits, services, clock);
    const now = (project: string) => this.now(project);
    const { redis: port, projections, dualWrite: dual } = options;
    const { storeId } = ledger.log;
    const draw = () => randomText(tokenLength, options.random);
    this.live =
      port && new Live({ engine, commits, services, clock, now, pointers, projections, port, storeId, draw });
    this.dualWrite = dual && new DualWrite(this.live, clock, dual.timeoutMs ?? dualWriteTimeoutMs);
    this.#execution = new Execution({
      engine,
      commits,
      services,
      notices: this.#notices,
      now,
      dualWrite: this.dualWrite,
    });
    this.#waiting = new Waiting(this.#execution, hints, clock);
  }

  /** Runs an operation for a principal on input as it came from outside. */
  async invoke<O extends z.ZodType>(
    operation: Answering<O>,
    principal: Principal,
    rawInput: unknown,
    options: CallOptions = {},
  ): Promise<Answer<z.output<O>>> {
    const started = this.clock.monotonic();
    const span = tracer.startSpan(operation.name);
    let outcome: Observation['outcome'] = 'ok';
    try {
      const call = { operation, principal, options };
      const input = parse(operation.input, rawInput);
      await this.#checkRight(call);
      return await this.#waiting.run(call, input);
    } catch (thrown) {
      const error = asRookeryError(thrown);
      outcome = error.code;
      span.setStatus({ code: 2 satisfies SpanStatusCode.ERROR, message: error.code });
      throw error;
    } finally {
      span.end();
      this.#observe?.({ operation: operation.name, outcome, durationMs: this.clock.monotonic() - started });
    }
  }

  /** The synchronous form, for mutations and queries that do not wait, on an engine that can. */
  invokeSync<O extends z.ZodType>(
    operation: Answering<O>,
    principal: Principal,
    rawInput: unknown,
  ): z.output<O> {
    const input = parse(operation.input, rawInput);
    const output = this.#execution.runSync({ operation, principal, options: {} }, input);
    const failure = operation.wait?.failure?.(input, output);
    if (failure) throw failure;
    return output;
  }

  /** The store clock as far as this process knows it. */
  now(project: string): number {
    return Math.max(this.clock.now(), this.#clocks.get(project) ?? 0);
  }

  /** A verified copy of the store in one file. See `backupStore`. */
  async backup(file: string, options?: StoreBackupOptions): Promise<Verified | undefined> {
    return await backupStore(this, file, options);
  }

  async close(): Promise<void> {
    await this.upkeep.close();
    try {
      await this.#notices.close();
      await this.services.accesses.close();
      await this.live?.close();
    } finally {
      this.hints.close();
      this.attention.close();
      await this.commits.close();
      await this.engine.close();
    }
  }

  async #checkRight(call: Call): Promise<void> {
    const { name, access: needs } = call.operation;
    if (call.principal.rights.has(needs)) return;
    const subject = { kind: 'operation', name, scope: scopes.project };
    await this.#notices.denied(call, subject);
    throw new Denial('FORBIDDEN', `${name} needs the right "${needs}"`, subject, { operation: name, needs });
  }
}

/** What opening does in the store itself: all of it in one transaction, and nothing where it is done already. */
function* open(options: StoreOptions, keyring: Keyring, now: number): Work<Log> {
  yield* migrate(options.engine.capabilities.dialect, now);
  yield* keyring.unlock(now);
  yield* noteOpening(now);
  const seed = yield* keyring.hierarchy.signingSeed();
  const signer = seed ? signerFromSeed(seed) : options.signer;
  return yield* establishLog({ ...options, signer, authenticate: keyring.authenticate });
}
