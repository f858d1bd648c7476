import { asRookeryError, type ErrorCode } from '../../kernel/errors.ts';

/** What each exit status means, printed by `rookery --help`. */
export const exitStatuses = {
  0: 'done',
  1: 'failure, or a check that found something',
  2: 'wrong usage',
  3: 'not found',
  4: 'conflict: lock held, stale revision, fenced',
  5: 'denied',
  69: 'backend or server unavailable',
  75: 'timeout or busy: try again',
  78: 'bad configuration, or a missing optional package',
  130: 'interrupted',
} as const;
export type ExitStatus = keyof typeof exitStatuses;

/** How each error ends a command. A new code does not compile until it has its line here. */
export const exitOf: Record<ErrorCode, ExitStatus> = {
  INVALID_INPUT: 2,
  TOO_LARGE: 2,
  PATTERN_TOO_COMPLEX: 2,
  UNAUTHENTICATED: 5,
  FORBIDDEN: 5,
  FOREIGN_HOST: 5,
  FOREIGN_ORIGIN: 5,
  NOT_FOUND: 3,
  METHOD_NOT_ALLOWED: 2,
  UNSUPPORTED_MEDIA_TYPE: 2,
  REVISION_CONFLICT: 4,
  WRONG_STATE: 4,
  IDEMPOTENCY_CONFLICT: 4,
  NOT_A_NUMBER: 4,
  LOCK_HELD: 4,
  LEASE_LOST: 4,
  FENCED: 4,
  DEADLOCK: 4,
  VOTE_CLOSED: 4,
  EQUIVOCATION: 4,
  CURSOR_AHEAD: 2,
  CURSOR_EXPIRED: 4,
  KEY_IN_USE: 4,
  LIMIT_REACHED: 75,
  TIMEOUT: 75,
  BUSY: 75,
  STORAGE_FULL: 1,
  STORAGE_FAILED: 1,
  OUTCOME_UNKNOWN: 1,
  STORAGE_MISCONFIGURED: 78,
  STORE_INCOMPATIBLE: 78,
  WRONG_KEY: 78,
  TAMPERED: 1,
  UNAVAILABLE: 69,
  MISSING_PACKAGE: 78,
  CLOSED: 1,
  INTERNAL: 1,
};

export function exitStatusOf(error: unknown): ExitStatus {
  return exitOf[asRookeryError(error).code];
}
