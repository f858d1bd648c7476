import { z } from 'zod';
import { invalid } from '../../kernel/errors.ts';
import * as schema from '../../kernel/schema.ts';

/** Fields that every list of this domain takes. */
export const listing = {
  limit: schema.limit,
  cursor: schema.cursor,
  offset: z
    .int('a whole number')
    .min(0, 'at least 0')
    .max(1_000_000, 'at most 1000000')
    .default(0)
    .describe('Rows to pass over; a cursor is cheaper'),
};

/** The entry that a page starts after. */
export function afterCursor(cursor: string): number {
  if (!/^\d{0,15}$/.test(cursor)) throw invalid('cursor', 'a cursor as it was answered');
  return Number(cursor);
}

/** From rows of which one more was read than is shown. */
export function nextCursorOf(rows: readonly { readonly made: number }[], limit: number): string | null {
  return rows.length > limit ? String(rows[limit - 1]!.made) : null;
}
