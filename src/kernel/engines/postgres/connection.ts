import type { Parameter, Request, Statement } from '../../work.ts';

/** What the engine needs of a driver. Two exist: over `pg`, and in the tests over an embedded Postgres. */
export interface Clients {
  /** Lends a session to one caller at a time. One that was lost in use is not lent again. */
  lend<T>(purpose: 'read' | 'write', use: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Listens on a channel with a session of its own. `onLost` is called at most once, when that session ended by itself.
   * Answers how to stop.
   */
  listen(
    channel: string,
    onMessage: (payload: string) => void,
    onLost: () => void,
  ): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Applied to every session before it is lent for the first time. */
export type Configure = (session: Session) => Promise<void>;

/**
 * One session on the server. Values come as the parsers of `values.ts` make them. A statement may be sent before the one
 * before it was answered: they run in order, and each fails by itself.
 */
export interface Session {
  /** True once nothing more can be asked of it; what it had not committed is rolled back. */
  readonly lost: boolean;
  /** Runs one statement. With a name, the server keeps its plan. Throws `ConnectionLost` or an error with an SQLSTATE. */
  query(sql: string, parameters?: readonly Parameter[], name?: string): Promise<Reply>;
  /** Runs several statements in one text. */
  script(sql: string): Promise<void>;
}

export interface Reply {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly count: number;
}

/** Runs one request of a work. */
export async function execute(session: Session, request: Request): Promise<unknown> {
  if (request.rows === 'script') return await session.script(request.statement.sql);
  const { sql, name } = planned(request.statement);
  const { rows, count } = await session.query(sql, request.parameters, name);
  switch (request.rows) {
    case 'one':
      return rows[0];
    case 'many':
      return rows;
    case 'count':
      return count;
  }
}

const plans = new WeakMap<Statement, { readonly sql: string; readonly name: string }>();
let named = 0;

/** Each statement has one name in this process, so that every session parses it once. */
function planned(statement: Statement): { readonly sql: string; readonly name: string } {
  let plan = plans.get(statement);
  if (!plan) {
    const { sql, variant } = statement;
    plan = { sql: variant?.when === 'postgres' ? variant.sql : sql, name: `rookery_${++named}` };
    plans.set(statement, plan);
  }
  return plan;
}
