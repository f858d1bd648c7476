import { type SpanStatusCode, trace } from '@opentelemetry/api';
import type { z } from 'zod';
import { Identities } from './access/identity.ts';
import { type Principal, scopes } from './access/model.ts';
import { noteOpening } from './access/presence.ts';
import type { Clock, Random } from './clock.ts';
import { GroupCommit, type Transaction } from './commit.ts';
import { Denial, ReadContext, type Services, type Subject, WriteContext } from './context.ts';
import type { Engine } from './engine.ts';
import { asRookeryError, type ErrorCode, type RookeryError } from './errors.ts';
import { once } from './idempotency.ts';
import { establishLog } from './ledger/log.ts';
import { ReadWindows, readWindowMs } from './ledger/reads.ts';
import type { Signer } from './ledger/signer.ts';
import type { StateCheck } from './ledger/state.ts';
import { Hints } from './live/hints.ts';
import { migrate } from './migrations/index.ts';
import { inManySnapshots, type Mutation, type Operation, type Query } from './operation.ts';
import { parse } from './parse.ts';
import { Keyring } from './vault/keyring.ts';
import type { Work } from './work.ts';

export interface StoreOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly rootKey: Uint8Array;
  /** Signs the checkpoints of the ledger. */
  readonly signer: Signer;
  /** What `audit verify` compares with the ledger. */
  readonly checks: readonly StateCheck[];
  /** Hears of every operation that ended: for metrics. */
  readonly observe?: ((observation: Observation) => void) | undefined;
}

export interface Observation {
  readonly operation: string;
  readonly outcome: 'ok' | ErrorCode;
  readonly durationMs: number;
}

/** What may accompany a call beside its input. */
export interface CallOptions {
  /** The same key and input answer once: see `idempotency.ts`. */
  readonly idempotencyKey?: string | undefined;
  /** Names the request in the ledger and in logs. */
  readonly requestId?: string | undefined;
  /** Ends a wait early. */
  readonly signal?: AbortSignal | undefined;
}

export interface Answer<T> {
  readonly output: T;
  /** The answer was recorded earlier, under the same idempotency key. */
  readonly replayed: boolean;
}

/** A waiter looks by itself this often, in case every hint is lost. */
const tickMs = 1000;
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
  readonly #reads = new ReadWindows();
  readonly #clocks = new Map<string, number>();
  readonly #observe: ((observation: Observation) => void) | undefined;
  readonly #sweep: NodeJS.Timeout;

  /** Migrates, unlocks and opens. Throws before anything is written when the root key or the schema does not fit. */
  static async open(options: StoreOptions): Promise<Store> {
    const keyring = new Keyring(options.rootKey, options.random);
    const now = options.clock.now();
    const log = await options.engine.transact(function* () {
      yield* migrate(options.engine.capabilities.dialect, now);
      yield* keyring.unlock(now);
      yield* noteOpening(now);
      return yield* establishLog({ ...options, authenticate: keyring.authenticate });
    });
    return new Store(options, { keyring, log, checks: options.checks });
  }

  private constructor(options: StoreOptions, ledger: Services['ledger']) {
    const { keyring } = ledger;
    this.engine = options.engine;
    this.clock = options.clock;
    this.random = options.random;
    this.keyring = keyring;
    this.#observe = options.observe;
    this.hints = new Hints(options.engine);
    this.services = { keyring, identities: new Identities(keyring), random: options.random, ledger };
    this.commits = new GroupCommit({
      engine: options.engine,
      clock: options.clock,
      authenticate: keyring.authenticate,
      onCommitted: (committed) => {
        for (const { project, topics, now } of committed) {
          this.#clocks.set(project, now);
          this.hints.publish(project, topics);
        }
      },
    });
    this.#sweep = setInterval(() => void this.#writeReads(false).catch(() => {}), readWindowMs / 6);
    this.#sweep.unref();
  }

  /** Runs an operation for a principal on input as it came from outside. */
  async invoke<O extends z.ZodType>(
    operation: Query<z.ZodType, O> | Mutation<z.ZodType, O>,
    principal: Principal,
    rawInput: unknown,
    options: CallOptions = {},
  ): Promise<Answer<z.output<O>>> {
    const started = this.clock.monotonic();
    const span = tracer.startSpan(operation.name);
    let outcome: Observation['outcome'] = 'ok';
    try {
      const input = parse(operation.input, rawInput);
      await this.#checkRight(operation, principal, options);
      return await this.#run(operation, principal, input, options);
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
    operation: Query<z.ZodType, O> | Mutation<z.ZodType, O>,
    principal: Principal,
    rawInput: unknown,
  ): z.output<O> {
    const input = parse(operation.input, rawInput);
    if (operation.kind === 'query') {
      const context = this.#readContext(operation, principal, {});
      return this.engine.readSync!(() => operation.run(context, input));
    }
    return this.commits.submitSync(
      this.#job(operation, principal, {}, (context) => operation.run(context, input)),
    );
  }

  /** The store clock as far as this process knows it. */
  now(project: string): number {
    return Math.max(this.clock.now(), this.#clocks.get(project) ?? 0);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#writeReads(true);
    this.hints.close();
    await this.commits.close();
    await this.engine.close();
  }

  async #run<O extends z.ZodType>(
    operation: Query<z.ZodType, O> | Mutation<z.ZodType, O>,
    principal: Principal,
    input: unknown,
    options: CallOptions,
  ): Promise<Answer<z.output<O>>> {
    const timeoutMs = operation.wait?.timeoutMs(input) ?? 0;
    if (timeoutMs <= 0) return await this.#once(operation, principal, input, options);
    const wait = operation.wait!;
    const deadline = this.clock.monotonic() + timeoutMs;
    const armed = this.hints.arm(principal.project, wait.topics(input, principal.agent));
    try {
      let answer = await this.#once(operation, principal, input, options);
      for (;;) {
        const pending = wait.pending(input, answer.output);
        if (!pending) return settled(wait, input, answer);
        const leftMs = deadline - this.clock.monotonic();
        if (leftMs <= 0 || options.signal?.aborted) {
          const reason = options.signal?.aborted ? 'cancelled' : 'timeout';
          const giveUp =
            wait.giveUp &&
            ((context: never, asked: unknown, output: z.output<O>) =>
              wait.giveUp!(context, asked, output, reason));
          const given = await this.#step(operation, principal, input, answer, giveUp, options);
          return settled(wait, input, given ?? answer);
        }
        await armed.next(Math.max(1, Math.min(leftMs, tickMs, pending.dueInMs ?? tickMs)), options.signal);
        // Nobody waits any more: what looking again would hand out would be lost on the way.
        if (options.signal?.aborted) continue;
        answer =
          (await this.#step(operation, principal, input, answer, wait.poll, options)) ??
          (await this.#once(operation, principal, input, { ...options, idempotencyKey: undefined }));
      }
    } finally {
      armed.disarm();
    }
  }

  async #step<O extends z.ZodType>(
    operation: Query<z.ZodType, O> | Mutation<z.ZodType, O>,
    principal: Principal,
    input: unknown,
    answer: Answer<z.output<O>>,
    step: ((context: never, input: unknown, output: z.output<O>) => Work<z.output<O>>) | undefined,
    options: CallOptions,
  ): Promise<Answer<z.output<O>> | undefined> {
    if (!step) return undefined;
    const asked = {
      ...operation,
      run: (context: never) => step(context, input, answer.output),
    } as typeof operation;
    const stepped = await this.#once(asked, principal, input, { ...options, idempotencyKey: undefined });
    return { ...stepped, replayed: answer.replayed };
  }

  #once<O extends z.ZodType>(
    operation: Query<z.ZodType, O> | Mutation<z.ZodType, O>,
    principal: Principal,
    input: unknown,
    options: CallOptions,
  ): Promise<Answer<z.output<O>>> {
    if (operation.kind === 'query') return this.#query(operation, principal, input, options);
    return this.#mutate(operation, principal, input, options);
  }

  async #query<O extends z.ZodType>(
    operation: Query<z.ZodType, O>,
    principal: Principal,
    input: unknown,
    options: CallOptions,
  ): Promise<Answer<z.output<O>>> {
    for (let attempt = 0; ; attempt++) {
      const context = this.#readContext(operation, principal, options);
      try {
        const output = operation.steps
          ? await inManySnapshots(this.engine, operation.steps(context, input))
          : await this.engine.read(() => operation.run(context, input));
        if (context.callerUnknown && attempt === 0) {
          await this.#introduce(operation, principal);
          continue;
        }
        for (const subject of context.denials) await this.#noteDenial(operation, principal, options, subject);
        if (context.reads.length > 0) await this.#noteReads(context, operation, principal, options);
        return { output, replayed: false };
      } catch (error) {
        if (context.callerUnknown && attempt === 0) {
          await this.#introduce(operation, principal);
          continue;
        }
        if (error instanceof Denial) await this.#noteDenial(operation, principal, options, error.subject);
        throw error;
      }
    }
  }

  #mutate<O extends z.ZodType>(
    operation: Mutation<z.ZodType, O>,
    principal: Principal,
    input: unknown,
    options: CallOptions,
  ): Promise<Answer<z.output<O>>> {
    const key = options.idempotencyKey;
    return this.commits.submit(
      this.#job(operation, principal, options, function* (context) {
        if (key === undefined) return { output: yield* operation.run(context, input), replayed: false };
        const { value, replayed } = yield* once(context, key, input, () => operation.run(context, input));
        return { output: value, replayed };
      }),
    );
  }

  #job<T>(
    operation: Operation,
    principal: Principal,
    options: CallOptions,
    run: (context: WriteContext) => Work<T>,
  ) {
    const context = (tx: Transaction) =>
      new WriteContext(callOf(operation, principal, options), tx, this.services);
    return {
      project: principal.project,
      *run(tx: Transaction): Work<T> {
        const write = context(tx);
        const value = yield* run(write);
        for (const subject of write.denials) yield* write.recordDenial(subject);
        return value;
      },
      *refused(tx: Transaction, error: RookeryError): Work<void> {
        if (error instanceof Denial) yield* context(tx).recordDenial(error.subject);
      },
    };
  }

  #readContext(operation: Operation, principal: Principal, options: CallOptions): ReadContext {
    return new ReadContext(callOf(operation, principal, options), this.now(principal.project), this.services);
  }

  async #checkRight(operation: Operation, principal: Principal, options: CallOptions): Promise<void> {
    if (principal.rights.has(operation.access)) return;
    const subject = { kind: 'operation', name: operation.name, scope: scopes.project };
    const denial = new Denial(
      'FORBIDDEN',
      `${operation.name} needs the right "${operation.access}"`,
      subject,
      {
        operation: operation.name,
        needs: operation.access,
      },
    );
    await this.#noteDenial(operation, principal, options, subject);
    throw denial;
  }

  /** Makes an agent that is named for the first time, so that a read sees the world as the agent would. */
  async #introduce(operation: Operation, principal: Principal): Promise<void> {
    await this.commits.submit(
      this.#job(operation, principal, {}, function* (context) {
        yield* context.identity();
      }),
    );
  }

  async #noteDenial(
    operation: Operation,
    principal: Principal,
    options: CallOptions,
    subject: Subject,
  ): Promise<void> {
    if (!this.#reads.opens(principal, `${operation.name}!`, subject, this.clock.monotonic())) return;
    await this.commits.submit(
      this.#job(operation, principal, options, (context) => context.recordDenial(subject)),
    );
  }

  async #noteReads(context: ReadContext, operation: Operation, principal: Principal, options: CallOptions) {
    const now = this.clock.monotonic();
    const opening = context.reads.filter((subject) =>
      this.#reads.opens(principal, operation.name, subject, now),
    );
    if (opening.length === 0) return;
    await this.commits.submit(
      this.#job(operation, principal, options, function* (write): Work<void> {
        for (const subject of opening) yield* write.recordRead(subject, { reads: 1 });
      }),
    );
  }

  /** Writes the counts of read windows that ended. */
  async #writeReads(all: boolean): Promise<void> {
    const ended = this.#reads.take(this.clock.monotonic(), all);
    await Promise.all(
      ended.map((window) => {
        const denied = window.operation.endsWith('!');
        const call = {
          principal: window.principal,
          operation: denied ? window.operation.slice(0, -1) : window.operation,
          risk: 'low' as const,
        };
        const services = this.services;
        return this.commits.submit({
          project: window.principal.project,
          *run(tx): Work<void> {
            const context = new WriteContext(call, tx, services);
            const overMs = Math.round(window.lastMs - window.firstMs);
            if (denied) yield* context.recordDenial(window.subject, { denials: window.more, overMs });
            else yield* context.recordRead(window.subject, { reads: window.more, overMs });
          },
        });
      }),
    );
  }
}

/** An answer that stands for an error is thrown only now, after its commit. */
function settled<T>(
  wait: { failure?(input: unknown, output: T): RookeryError | undefined },
  input: unknown,
  answer: Answer<T>,
): Answer<T> {
  const failure = wait.failure?.(input, answer.output);
  if (failure) throw failure;
  return answer;
}

function callOf(operation: Operation, principal: Principal, options: CallOptions) {
  return { principal, operation: operation.name, risk: operation.risk ?? 'low', request: options.requestId };
}

export type { Subject };
