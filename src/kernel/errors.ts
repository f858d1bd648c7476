/**
 * The closed catalogue of everything that can go wrong. Engines translate into it, doors translate out of it, each in
 * one table typed by `ErrorCode`, so a new code does not compile until every door answers it.
 */
export const errorCatalogue = {
  INVALID_INPUT: {
    retryable: false,
    meaning: 'A field is missing, malformed or over its limit; the message names it.',
  },
  TOO_LARGE: { retryable: false, meaning: 'A value or request is over its size limit.' },
  PATTERN_TOO_COMPLEX: {
    retryable: false,
    meaning: 'A glob pattern is over the limits of the overlap search.',
  },
  UNAUTHENTICATED: { retryable: false, meaning: 'No token, or one that is unknown, expired or revoked.' },
  FORBIDDEN: {
    retryable: false,
    meaning: 'The identity is known and lacks the right; the denial is in the ledger.',
  },
  FOREIGN_HOST: { retryable: false, meaning: 'The Host header names a server this is not (DNS rebinding).' },
  FOREIGN_ORIGIN: {
    retryable: false,
    meaning: 'The request comes from a web page that is not allowed to call.',
  },
  NOT_FOUND: { retryable: false, meaning: 'It does not exist, or the caller may not know that it does.' },
  METHOD_NOT_ALLOWED: { retryable: false, meaning: 'The path exists, the HTTP method does not.' },
  UNSUPPORTED_MEDIA_TYPE: { retryable: false, meaning: 'The request body is not application/json.' },
  REVISION_CONFLICT: {
    retryable: false,
    meaning: 'The expected revision or position is not the current one.',
  },
  WRONG_STATE: {
    retryable: false,
    meaning: 'It is in a state that does not allow this; the details say in which.',
  },
  IDEMPOTENCY_CONFLICT: { retryable: false, meaning: 'The idempotency key was used for another request.' },
  NOT_A_NUMBER: { retryable: false, meaning: 'The stored value is not of the kind the operation needs.' },
  LOCK_HELD: {
    retryable: true,
    meaning: 'Somebody else holds a conflicting lease; the details say who and until when.',
  },
  LEASE_LOST: {
    retryable: false,
    meaning: 'The lease ran out or was taken away; acquire again for a new token.',
  },
  FENCED: { retryable: false, meaning: 'The fencing token or delivery is no longer the current one.' },
  DEADLOCK: { retryable: true, meaning: 'The wait would close a cycle; the details name its members.' },
  VOTE_CLOSED: {
    retryable: false,
    meaning: 'The vote was decided or cancelled, or its deadline has passed; the ballot does not count.',
  },
  EQUIVOCATION: {
    retryable: false,
    meaning: 'Another ballot of this elector counts already, and ballots of this vote are not revisable.',
  },
  CURSOR_AHEAD: { retryable: false, meaning: 'The position lies beyond the head of the stream.' },
  CURSOR_EXPIRED: {
    retryable: false,
    meaning: 'The position belongs to what is no longer there; the details say where to start again.',
  },
  KEY_IN_USE: {
    retryable: true,
    meaning:
      'Records still refer to the key, or it is the one that is written with; the details say how many.',
  },
  LIMIT_REACHED: { retryable: true, meaning: 'A bounded queue or set is full.' },
  TIMEOUT: { retryable: true, meaning: 'The time allowed for waiting is over; nothing was changed.' },
  BUSY: {
    retryable: true,
    meaning: 'The store was locked by another process past the deadline; nothing was written.',
  },
  STORAGE_FULL: { retryable: true, meaning: 'The disk is full; nothing was written.' },
  STORAGE_FAILED: { retryable: false, meaning: 'The store answered with an error; nothing was written.' },
  OUTCOME_UNKNOWN: {
    retryable: false,
    meaning: 'The commit failed on its way to disk: it may or may not reappear.',
  },
  STORAGE_MISCONFIGURED: {
    retryable: false,
    meaning: 'A storage setting that durability depends on does not hold.',
  },
  STORE_INCOMPATIBLE: { retryable: false, meaning: 'The file is not a store this program can work on.' },
  WRONG_KEY: { retryable: false, meaning: 'The root key does not belong to this store.' },
  TAMPERED: { retryable: false, meaning: 'Stored data failed authentication.' },
  UNAVAILABLE: { retryable: true, meaning: 'A backend cannot be reached.' },
  MISSING_PACKAGE: { retryable: false, meaning: 'An optional package is not installed.' },
  CLOSED: { retryable: false, meaning: 'The store is closed.' },
  INTERNAL: { retryable: false, meaning: 'A defect in Rookery; the log has the details.' },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The facts a person needs to act on an error: who holds the lock, until when, which field. Never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Every error Rookery throws on purpose. `code` is stable; `message` is for people; `details` are the facts. */
export class RookeryError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RookeryError';
    this.code = code;
    this.details = details;
  }

  /** Whether the same call may succeed later without a change. */
  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}

/** The error of a bad field: names it and says what would be accepted. */
export function invalid(field: string, accepted: string): RookeryError {
  return new RookeryError('INVALID_INPUT', `${field}: ${accepted}`, { field, accepted });
}

/** One answer for what is absent and for what is forbidden, so that a miss reveals nothing. */
export function notFound(kind: string): RookeryError {
  return new RookeryError('NOT_FOUND', `${kind} not found`, { kind });
}

export function isRookeryError(error: unknown, code?: ErrorCode): error is RookeryError {
  return error instanceof RookeryError && (code === undefined || error.code === code);
}

/** What a caller may be told of an arbitrary throw: our own errors as they are, anything else as INTERNAL. */
export function asRookeryError(error: unknown): RookeryError {
  if (error instanceof RookeryError) return error;
  return new RookeryError('INTERNAL', 'Unexpected failure', {}, { cause: error });
}
