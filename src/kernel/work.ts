import { invalid } from './errors.ts';

/**
 * A domain function is a generator over statements, written once. The SQLite engine drives it synchronously, so nothing
 * can interleave inside a transaction; the Postgres engine drives the same code asynchronously.
 */
export type Work<T> = Generator<Request, T, unknown>;

/** What a statement may be given. JSON travels as text, times as integer milliseconds, flags as 0 and 1. */
export type Parameter = string | number | null | Uint8Array;

/**
 * One portable SQL text with `$1` placeholders. Where an engine truly needs other SQL, a variant stands beside it with
 * the reason, chosen by a capability and never by an engine's name.
 */
export interface Statement {
  readonly sql: string;
  /** Whether it may change anything: all that is not a plain SELECT. */
  readonly writes: boolean;
  readonly variant?: { readonly when: Dialect; readonly sql: string; readonly because: string };
}

/** The SQL dialects there are; an engine declares its own as a capability. */
export type Dialect = 'sqlite' | 'postgres';

/** What a work asks of the engine that drives it. `rows` says which answer is expected. */
export interface Request {
  readonly statement: Statement;
  readonly parameters: readonly Parameter[];
  readonly rows: 'one' | 'many' | 'count' | 'script';
}

export function statement(sql: string, variant?: Statement['variant']): Statement {
  const writes = !/^\s*SELECT\b/i.test(sql);
  return variant ? { sql, writes, variant } : { sql, writes };
}

/** The first row, or undefined. */
export function* one<Row>(stmt: Statement, parameters: readonly Parameter[] = []): Work<Row | undefined> {
  return (yield { statement: stmt, parameters, rows: 'one' }) as Row | undefined;
}

/** All rows; the statement bounds their number itself. */
export function* many<Row>(stmt: Statement, parameters: readonly Parameter[] = []): Work<Row[]> {
  return (yield { statement: stmt, parameters, rows: 'many' }) as Row[];
}

/**
 * How many rows were changed. A guarded transition checks it. Throws INVALID_INPUT for a whole number that could be
 * stored and not be read back (one such row would make every list that it stands in unreadable), and for text with a NUL
 * character, which one engine keeps and the other refuses.
 */
export function* change(stmt: Statement, parameters: readonly Parameter[] = []): Work<number> {
  for (const parameter of parameters) assertStorable(parameter);
  return (yield { statement: stmt, parameters, rows: 'count' }) as number;
}

function assertStorable(parameter: Parameter): void {
  if (typeof parameter === 'string' && parameter.includes('\0')) throw invalid('text', 'no NUL characters');
  if (typeof parameter === 'number' && Number.isInteger(parameter) && !Number.isSafeInteger(parameter))
    throw invalid('number', 'a result of at most 2^53 - 1 either side of zero');
}

/** Several statements in one text, without parameters: schema steps only. */
export function* script(sql: string): Work<void> {
  yield { statement: { sql, writes: true }, parameters: [], rows: 'script' };
}

/** Runs a work as long as it only reads; undefined, and nothing changed, where it would have written. */
export function* unlessItWrites<T>(work: Work<T>): Work<{ readonly value: T } | undefined> {
  let step = work.next();
  while (!step.done) {
    if (step.value.statement.writes) return undefined;
    let answer: unknown;
    try {
      answer = yield step.value;
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return { value: step.value };
}

/** Drives a work to its end with a synchronous executor. An error of a statement is thrown inside the work. */
export function driveSync<T>(work: Work<T>, execute: (request: Request) => unknown): T {
  let step = work.next();
  while (!step.done) {
    let answer: unknown;
    try {
      answer = execute(step.value);
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return step.value;
}

/** The same with an asynchronous executor, one statement after the other. */
export async function driveAsync<T>(
  work: Work<T>,
  execute: (request: Request) => Promise<unknown>,
): Promise<T> {
  let step = work.next();
  while (!step.done) {
    let answer: unknown;
    try {
      answer = await execute(step.value);
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return step.value;
}
