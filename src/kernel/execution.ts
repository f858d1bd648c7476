import type { z } from 'zod';
import { type Answer, type Answering, type Call, originOf } from './call.ts';
import type { GroupCommit } from './commit.ts';
import { ReadContext, type Services } from './context.ts';
import { Denial, type Subject } from './denial.ts';
import type { Engine } from './engine.ts';
import { once } from './idempotency.ts';
import type { DualWrite } from './live/dual-write.ts';
import { jobOf, type Notices } from './notices.ts';
import { inManySnapshots, type Mutation, type Query } from './operation.ts';
import type { Work } from './work.ts';

export interface ExecutionParts {
  readonly engine: Engine;
  readonly commits: GroupCommit;
  readonly services: Services;
  readonly notices: Notices;
  /** The store clock of a project. */
  readonly now: (project: string) => number;
  readonly dualWrite?: DualWrite | undefined;
}

/** After so many queries the event loop gets a turn. */
const queriesPerTurn = 64;

/** Runs a call once: a query on a snapshot, a mutation in the group commit. */
export class Execution {
  readonly #parts: ExecutionParts;
  #queries = 0;

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
  }

  run<O extends z.ZodType>(call: Call<Answering<O>>, input: unknown): Promise<Answer<z.output<O>>> {
    const { operation, principal, options } = call;
    if (operation.kind === 'query') return this.#query({ operation, principal, options }, input);
    return this.#mutate({ operation, principal, options }, input);
  }

  runSync<O extends z.ZodType>(call: Call<Answering<O>>, input: unknown): z.output<O> {
    const { engine, commits, services } = this.#parts;
    const { operation } = call;
    if (operation.kind === 'mutation') {
      return commits.submitSync(jobOf(call, services, (context) => operation.run(context, input)));
    }
    const context = this.#contextOf(call);
    return engine.readSync!(() => operation.run(context, input));
  }

  async #query<O extends z.ZodType>(
    call: Call<Query<z.ZodType, O>>,
    input: unknown,
  ): Promise<Answer<z.output<O>>> {
    const { notices } = this.#parts;
    // An embedded engine answers before anybody else gets a turn: who reads in a loop until something has changed would
    // keep the group commit, timers and sockets waiting for ever.
    if (++this.#queries % queriesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let introduced = false; ; introduced = true) {
      const context = this.#contextOf(call);
      try {
        const answered = this.#snapshot(call, context, input);
        const output = answered instanceof Promise ? await answered : answered;
        if (!context.callerUnknown || introduced) {
          for (const subject of context.denials) await notices.denied(call, subject);
          if (context.reads.length > 0) await notices.read(call, context.reads);
          if (context.witnessed.length > 0) await notices.witnessed(call, context.witnessed);
          return { output, replayed: false };
        }
      } catch (error) {
        if (!context.callerUnknown || introduced) {
          if (error instanceof Denial) await notices.denied(call, error.subject);
          throw error;
        }
      }
      await this.#introduce(call);
    }
  }

  #snapshot<O extends z.ZodType>(
    { operation }: Call<Query<z.ZodType, O>>,
    context: ReadContext,
    input: unknown,
  ): z.output<O> | Promise<z.output<O>> {
    const { engine } = this.#parts;
    if (operation.steps) return inManySnapshots(engine, operation.steps(context, input));
    const run = () => operation.run(context, input);
    // Without a promise where the engine can: each one more costs a tenth of a small read.
    return engine.readSync ? engine.readSync(run, operation.snapshot) : engine.read(run);
  }

  #mutate<O extends z.ZodType>(
    call: Call<Mutation<z.ZodType, O>>,
    input: unknown,
  ): Promise<Answer<z.output<O>>> {
    const { operation } = call;
    const { idempotencyKey: key, fence } = call.options;
    const { assertFence } = this.#parts.services;
    const { commits, services, notices, dualWrite } = this.#parts;
    let reads: readonly Subject[] = [];
    const job = jobOf(call, services, function* (context): Work<Answer<z.output<O>>> {
      reads = context.reads;
      const before = context.tx.lastSeq;
      if (fence) yield* assertFence(context, fence);
      const { value, replayed } =
        key === undefined
          ? { value: yield* operation.run(context, input), replayed: false }
          : yield* once(context, key, input, {
              run: () => operation.run(context, input),
              isFinal: (output) => isFinal(operation, input, output),
            });
      const { lastSeq } = context.tx;
      const seq = lastSeq > before ? lastSeq : undefined;
      return { output: value, replayed, dueInMs: context.dueInMs, seq };
    });
    const answered = dualWrite
      ? dualWrite.both(call.principal.project, () => commits.submit(job))
      : commits.submit(job);
    // What somebody waits for and may only read is read, although waiting may change something on the way.
    if (operation.access !== 'read') return answered;
    return answered.then(async (answer) => {
      if (reads.length > 0) await notices.read(call, reads);
      return answer;
    });
  }

  /** Makes an agent that is named for the first time, so that a read sees the world as the agent would. */
  async #introduce(call: Call): Promise<void> {
    await this.#parts.commits.submit(
      jobOf({ ...call, options: {} }, this.#parts.services, function* (context) {
        yield* context.identity();
      }),
    );
  }

  #contextOf(call: Call): ReadContext {
    return new ReadContext(originOf(call), this.#parts.now(call.principal.project), this.#parts.services);
  }
}

/** Whether an answer is what its call was for, and not a wait that goes on. */
function isFinal({ wait }: Mutation, input: unknown, output: unknown): boolean {
  if (!wait || wait.begins || wait.timeoutMs(input) <= 0) return true;
  return wait.pending(input, output) === undefined;
}
