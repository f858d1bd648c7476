import type { z } from 'zod';
import type { Right } from './access/model.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Engine } from './engine.ts';
import type { RookeryError } from './errors.ts';
import type { Risk } from './ledger/entry.ts';
import type { Work } from './work.ts';

/**
 * An operation is the only way to read or change state from outside: HTTP route, OpenAPI entry, client method, CLI
 * command and ledger entry follow from it. Field names are camelCase here and snake_case at the doors.
 */
interface Described<Input extends z.ZodType, Output extends z.ZodType> {
  /** `noun.verb`: the place in the table, the method of a view and the CLI command. */
  readonly name: `${string}.${string}`;
  /** One sentence for help texts and the API description. */
  readonly summary: string;
  readonly description?: string;
  readonly input: Input;
  readonly output: Output;
  /** What a token must allow, before any record is looked at. */
  readonly access: Right;
  readonly risk?: Risk;
  /** HTTP method and path; path parameters are input fields. Null: reached through other doors only. */
  readonly route: string | null;
  /** Input fields the CLI takes by position, in this order. */
  readonly positional?: readonly string[];
}

export interface Query<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType>
  extends Described<Input, Output> {
  readonly kind: 'query';
  run(context: ReadContext, input: z.output<Input>): Work<z.output<Output>>;
  readonly wait?: Wait<ReadContext, z.output<Input>, z.output<Output>>;
  /**
   * False where the usual answer is one statement, and what further ones add may come from a later state: spares the
   * transaction around it (measured: 7 % of a small read).
   */
  readonly snapshot?: false;
  /** Asked in place of `run`, where there is time for many snapshots. */
  steps?(context: ReadContext, input: z.output<Input>): Steps<z.output<Output>>;
}

/**
 * Many short reads in a row, for what would hold one snapshot too long. The executor runs them one by one and lets
 * others have their turn in between, so each sees a later state of the store.
 */
export type Steps<T> = Generator<() => Work<void>, T, void>;

/** Each step in a snapshot of its own, with a turn of the event loop between them. */
export async function inManySnapshots<T>(engine: Engine, steps: Steps<T>): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    await engine.read(step.value);
    await new Promise((resolve) => setImmediate(resolve));
    step = steps.next();
  }
  return step.value;
}

/** All steps in the one snapshot of a query. */
export function* inOneSnapshot<T>(steps: Steps<T>): Work<T> {
  let step = steps.next();
  while (!step.done) {
    yield* step.value();
    step = steps.next();
  }
  return step.value;
}

export interface Mutation<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType>
  extends Described<Input, Output> {
  readonly kind: 'mutation';
  run(context: WriteContext, input: z.output<Input>): Work<z.output<Output>>;
  readonly wait?: Wait<WriteContext, z.output<Input>, z.output<Output>>;
}

/** How an operation waits for something to happen, when its caller gave it time. */
export interface Wait<Context, Input, Output> {
  timeoutMs(input: Input): number;
  /** What to be woken by. Known from the input alone, because waiters register before they look. */
  topics(input: Input, agent: string): string[];
  /** Undefined when the answer is final; else how long until it could change by the passing of time alone. */
  pending(input: Input, output: Output): { readonly dueInMs?: number | undefined } | undefined;
  /**
   * True where a pending answer has begun something that a repeated call must find again, such as a place in a queue: an
   * idempotency key stands for that. Elsewhere it stands for the final answer.
   */
  readonly begins?: true;
  /** Asked at each wake-up, in place of `run`. */
  poll?(context: Context, input: Input, output: Output): Work<Output>;
  /** Asked once when the time is over or the caller went away. */
  giveUp?(context: Context, input: Input, output: Output, reason: GiveUpReason): Work<Output>;
  /** The error that a final answer stands for: thrown once what led to it is committed. */
  failure?(input: Input, output: Output): RookeryError | undefined;
}

/** The time is over, or the caller went away. */
export type GiveUpReason = 'timeout' | 'cancelled';

export type Operation = Query | Mutation;

/** An operation that only reads. */
export function query<I extends z.ZodType, O extends z.ZodType>(
  spec: Omit<Query<I, O>, 'kind'>,
): Query<I, O> {
  return { ...spec, kind: 'query' };
}

/** An operation that changes state, in one transaction with its ledger entries. */
export function mutation<I extends z.ZodType, O extends z.ZodType>(
  spec: Omit<Mutation<I, O>, 'kind'>,
): Mutation<I, O> {
  return { ...spec, kind: 'mutation' };
}
