import { isRookeryError } from '../../../kernel/errors.ts';
import type { Invoke } from '../invoke.ts';

/** Operations as one specialist; as the module itself where a call names nobody. */
export type As = (specialist?: string) => Invoke;

/** Fields of a record from outside, as the seed's callers hand them in. */
export type Fields = Readonly<Record<string, unknown>>;

/** What the seed's tables hold as JSON text may be handed in as that text or as the value. */
export function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** The seed leaves out what it does not know as `null`, operations as `undefined`. */
export function known<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

/** A position that is no position of the stream is a `RangeError` to the callers of this module. */
export function outOfRange(error: unknown): never {
  const bad = isRookeryError(error, 'INVALID_INPUT') && error.details['field'] === 'position';
  if (bad) throw new RangeError('position must be a non-negative integer', { cause: error });
  if (isRookeryError(error, 'CURSOR_AHEAD')) throw new RangeError(error.message, { cause: error });
  throw error;
}
