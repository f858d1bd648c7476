import { isRookeryError } from '../../kernel/errors.ts';

/**
 * A refusal in the words of the seeds: what an agent has no right to is `Error('Access denied')`, whatever the reason.
 * Everything else keeps Rookery's own message, which names the field or the fact.
 */
export function inSeedWords(error: unknown): unknown {
  if (isRookeryError(error, 'FORBIDDEN')) return new Error('Access denied', { cause: error });
  return error;
}

/** Runs something and translates what it refuses. */
export async function translated<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw inSeedWords(error);
  }
}

/** Whether a refusal is one for lack of a right. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && isRookeryError(error.cause, 'FORBIDDEN');
}
