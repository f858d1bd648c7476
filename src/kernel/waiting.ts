import type { z } from 'zod';
import type { Answer, Answering, Call } from './call.ts';
import type { Clock } from './clock.ts';
import type { RookeryError } from './errors.ts';
import type { Execution } from './execution.ts';
import type { Hints } from './live/hints.ts';
import type { Work } from './work.ts';

/** A waiter looks by itself this often, in case every hint is lost. */
const tickMs = 1000;

/**
 * Runs a call that may wait: register for hints, look, sleep until hint, due time or tick, look again. A hint only
 * wakes; what counts is what the store answers.
 */
export class Waiting {
  readonly #execution: Execution;
  readonly #hints: Hints;
  readonly #clock: Clock;

  constructor(execution: Execution, hints: Hints, clock: Clock) {
    this.#execution = execution;
    this.#hints = hints;
    this.#clock = clock;
  }

  async run<O extends z.ZodType>(call: Call<Answering<O>>, input: unknown): Promise<Answer<z.output<O>>> {
    const { operation, principal, options } = call;
    const timeoutMs = operation.wait?.timeoutMs(input) ?? 0;
    const { wait } = operation;
    if (!wait) return await this.#execution.run(call, input);
    if (timeoutMs <= 0) return settled(wait, input, await this.#execution.run(call, input));
    const deadline = this.#clock.monotonic() + timeoutMs;
    const armed = this.#hints.arm(principal.project, wait.topics(input, principal.agent));
    try {
      let answer = await this.#execution.run(call, input);
      for (;;) {
        const pending = wait.pending(input, answer.output);
        if (!pending) return settled(wait, input, answer);
        const leftMs = deadline - this.#clock.monotonic();
        if (leftMs <= 0 || options.signal?.aborted) return await this.#giveUp(call, input, answer);
        const dueInMs = pending.dueInMs ?? answer.dueInMs ?? tickMs;
        await armed.next(Math.max(1, Math.min(leftMs, tickMs, dueInMs)), options.signal);
        // Nobody waits any more: what looking again would hand out would be lost on the way.
        if (options.signal?.aborted) continue;
        answer = await this.#again(call, input, answer, wait.poll ?? operation.run);
      }
    } finally {
      armed.disarm();
    }
  }

  async #giveUp<O extends z.ZodType>(
    call: Call<Answering<O>>,
    input: unknown,
    answer: Answer<z.output<O>>,
  ): Promise<Answer<z.output<O>>> {
    const wait = call.operation.wait!;
    if (!wait.giveUp) return settled(wait, input, answer);
    const reason = call.options.signal?.aborted ? 'cancelled' : 'timeout';
    const last = (context: never, asked: unknown, output: z.output<O>) =>
      wait.giveUp!(context, asked, output, reason);
    return settled(wait, input, await this.#again(call, input, answer, last));
  }

  /**
   * Another look, in place of the operation's own run. An idempotency key that stands for what the first one has begun
   * is done with; else it stands for the final answer, which this may be.
   */
  async #again<O extends z.ZodType>(
    call: Call<Answering<O>>,
    input: unknown,
    answer: Answer<z.output<O>>,
    look: (context: never, input: unknown, output: z.output<O>) => Work<z.output<O>>,
  ): Promise<Answer<z.output<O>>> {
    const run = (context: never) => look(context, input, answer.output);
    const operation = { ...call.operation, run } as typeof call.operation;
    const begins = call.operation.wait?.begins;
    const options = begins ? { ...call.options, idempotencyKey: undefined } : call.options;
    const again = await this.#execution.run({ ...call, operation, options }, input);
    const { seq = answer.seq, live = answer.live } = again;
    return {
      ...again,
      replayed: answer.replayed || again.replayed,
      seq,
      ...(live !== undefined && { live }),
    };
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
