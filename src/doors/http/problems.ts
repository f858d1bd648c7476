import { asRookeryError, type ErrorCode, RookeryError } from '../../kernel/errors.ts';
import { snakeCase } from '../naming.ts';

/** How each error looks over HTTP. A new code does not compile until it has its line here. */
export const statusOf: Record<ErrorCode, number> = {
  INVALID_INPUT: 400,
  TOO_LARGE: 413,
  PATTERN_TOO_COMPLEX: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  FOREIGN_HOST: 421,
  FOREIGN_ORIGIN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  UNSUPPORTED_MEDIA_TYPE: 415,
  REVISION_CONFLICT: 409,
  WRONG_STATE: 409,
  IDEMPOTENCY_CONFLICT: 409,
  NOT_A_NUMBER: 409,
  LOCK_HELD: 409,
  LEASE_LOST: 409,
  FENCED: 409,
  DEADLOCK: 409,
  VOTE_CLOSED: 409,
  EQUIVOCATION: 409,
  CURSOR_AHEAD: 400,
  CURSOR_EXPIRED: 410,
  KEY_IN_USE: 409,
  LIMIT_REACHED: 429,
  TIMEOUT: 408,
  BUSY: 503,
  STORAGE_FULL: 507,
  STORAGE_FAILED: 500,
  OUTCOME_UNKNOWN: 500,
  STORAGE_MISCONFIGURED: 500,
  STORE_INCOMPATIBLE: 500,
  WRONG_KEY: 500,
  TAMPERED: 500,
  UNAVAILABLE: 503,
  MISSING_PACKAGE: 501,
  CLOSED: 503,
  INTERNAL: 500,
};

/** RFC 9457 problem details, with our stable code. `error` repeats the sentence for clients that look for that. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly error: string;
  readonly retryable: boolean;
  readonly [fact: string]: unknown;
}

export function problemOf(thrown: unknown): Problem {
  const error = atTheDoor(asRookeryError(thrown));
  return {
    type: `urn:rookery:error:${error.code}`,
    title: error.code,
    status: statusOf[error.code],
    code: error.code,
    detail: error.message,
    error: error.message,
    retryable: error.retryable,
    ...(Object.keys(error.details).length > 0 && { details: error.details }),
  };
}

/** The error in the spelling of the doors; what is no business of the caller stays in the log. */
function atTheDoor(error: RookeryError): RookeryError {
  if (error.code === 'INTERNAL')
    return new RookeryError('INTERNAL', 'Unexpected failure; the log has the details');
  const details = Object.fromEntries(
    Object.entries(error.details).map(([key, value]) => [snakeCase(key), value]),
  );
  if (typeof details['field'] !== 'string') return new RookeryError(error.code, error.message, details);
  const field = snakeCase(details['field']);
  const message = error.message.startsWith(`${details['field']}:`)
    ? `${field}${error.message.slice(details['field'].length)}`
    : error.message;
  return new RookeryError(error.code, message, { ...details, field });
}

export function problemResponse(thrown: unknown, headers: Record<string, string> = {}): Response {
  const problem = problemOf(thrown);
  const extra: Record<string, string> =
    problem.status === 401 ? { 'WWW-Authenticate': 'Bearer realm="rookery"' } : {};
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'Content-Type': 'application/problem+json', ...extra, ...headers },
  });
}
