import { isRookeryError } from '../../kernel/errors.ts';
import { Refused } from './answers.ts';
import type { Exchange } from './exchange.ts';

/** Reading requests the way the seed's clients write them: what is unknown is passed over, null means left out. */

type Body = Readonly<Record<string, unknown>>;

/** The fields of a body that an operation takes, under its names for them. */
export function pick(body: Body, names: Readonly<Record<string, string>>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [theirs, ours] of Object.entries(names)) {
    const value = body[theirs];
    if (value !== undefined && value !== null) found[ours] = value;
  }
  return found;
}

/** A whole number of the query, or what stands for it; refused with 400. */
export function numberIn(exchange: Exchange, name: string, otherwise: number, most: number): number {
  const text = exchange.query.get(name);
  if (text === null || text === '') return otherwise;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= most)) throw new Refused(400, `${name} must be a number from 0 to ${most}`);
  return value;
}

/** A text of the query; nothing where it is absent or empty. */
export function textIn(exchange: Exchange, name: string): string | undefined {
  return exchange.query.get(name) || undefined;
}

/** Runs a call on a thing by its id: what cannot be an id is a thing that there is not. */
export async function orMissing<T>(call: Promise<T | null>, missing: () => Refused): Promise<T> {
  const found = await call.catch((error: unknown) => {
    if (isRookeryError(error, 'INVALID_INPUT') && error.details['field'] === 'id') throw missing();
    throw error;
  });
  if (found === null) throw missing();
  return found;
}
