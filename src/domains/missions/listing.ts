import { z } from 'zod';
import * as schema from '../../kernel/schema.ts';

/** Fields that every list of this domain takes. */
export const listing = {
  limit: schema.limit,
  cursor: schema.numericCursor,
  offset: z
    .int('a whole number')
    .min(0, 'at least 0')
    .max(1_000_000, 'at most 1000000')
    .default(0)
    .describe('Rows to pass over; a cursor is cheaper'),
};

/** From rows of which one more was read than is shown. */
export function nextCursorOf(rows: readonly { readonly made: number }[], limit: number): string | null {
  return rows.length > limit ? String(rows[limit - 1]!.made) : null;
}
