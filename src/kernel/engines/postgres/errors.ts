import { type ErrorCode, RookeryError } from '../../errors.ts';

/** The session ended under a statement. What it had not committed is rolled back, so the work can start over. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super('the connection to the server was lost', { cause });
    this.name = 'ConnectionLost';
  }
}

interface ServerFailure extends Error {
  readonly code: string;
  readonly severity: string;
}

/** An error that the server itself reported, under whichever driver. Node's own codes have no severity. */
export function isServerFailure(error: unknown): error is ServerFailure {
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as Partial<ServerFailure>;
  return typeof code === 'string' && typeof severity === 'string';
}

/** After a FATAL the server has closed the session; so it has when it shuts down or crashes. */
export function endsSession(error: unknown): boolean {
  if (!isServerFailure(error)) return false;
  return error.severity === 'FATAL' || error.severity === 'PANIC' || error.code.startsWith('57P0');
}

/** A table changed its columns under a kept plan. Only a new session forgets the plan. */
export function isStalePlan(error: unknown): boolean {
  return isServerFailure(error) && error.code === '0A000' && error.message.includes('cached plan');
}

const serializationFailure = '40001';
const deadlock = '40P01';

/** Whether the whole transaction must start over, because the server has given up on it as a whole. */
export function startsOver(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  return isServerFailure(error) && (error.code === serializationFailure || error.code === deadlock);
}

/** SQLSTATEs, or their first two characters, in the words of the catalogue. */
const meanings: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  [serializationFailure]: ['BUSY', 'other processes kept changing the same data; nothing was written'],
  [deadlock]: ['BUSY', 'other processes kept locking the same data; nothing was written'],
  '55P03': ['BUSY', 'the project stayed locked by another process; nothing was written'],
  '57014': ['TIMEOUT', 'the server ended a statement that took too long; nothing was changed'],
  '53100': ['STORAGE_FULL', 'the disk of the server is full; nothing was written'],
  '53': ['UNAVAILABLE', 'the server is out of resources; nothing was written'],
  '57': ['UNAVAILABLE', 'the server is not accepting work; nothing was written'],
  '08': ['UNAVAILABLE', 'the connection to the server failed; nothing was written'],
  '25006': ['UNAVAILABLE', 'the server accepts no writes: is it a standby?'],
  '28': ['STORAGE_FAILED', 'the server refuses this login'],
  '3D000': ['STORAGE_FAILED', 'the database does not exist'],
  '42501': ['STORAGE_FAILED', 'the role lacks a right on the server'],
  '42P07': ['STORE_INCOMPATIBLE', 'the schema already holds a table of another program'],
  '22021': ['INVALID_INPUT', 'text that the server cannot hold (a NUL character)'],
  '54': ['TOO_LARGE', 'over a limit of the server'],
  '58': ['STORAGE_FAILED', 'the server cannot use its disk'],
  XX: ['STORAGE_FAILED', 'the server reports damage; keep its data and restore a backup'],
};

/** The server's failures in the words of the catalogue. Anything else passes through. */
export function translate(error: unknown): unknown {
  const cause = { cause: error };
  if (error instanceof ConnectionLost) {
    return new RookeryError('UNAVAILABLE', `${error.message}; nothing was written`, {}, cause);
  }
  if (!isServerFailure(error)) return error;
  const meaning = meanings[error.code] ?? meanings[error.code.slice(0, 2)];
  if (!meaning) return error;
  const [code, message] = meaning;
  return new RookeryError(code, `${message} (${error.message})`, { sqlState: error.code }, cause);
}

/** Why no session could be had. */
export function cannotConnect(error: unknown): unknown {
  if (error instanceof RookeryError) return error;
  if (isServerFailure(error)) return translate(error);
  const reason = error instanceof AggregateError ? error.errors.map(String).join('; ') : String(error);
  return new RookeryError(
    'UNAVAILABLE',
    `no connection to the Postgres server: ${reason}`,
    {},
    { cause: error },
  );
}
