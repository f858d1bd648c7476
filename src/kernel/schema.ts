import { z } from 'zod';
import { levels } from './access/model.ts';
import { limits } from './limits.ts';

/** Field types that several domains share. Messages say what would be accepted. */

const printable = /^[^\u0000-\u001f\u007f-\u009f]*$/;
/** A URL loses these two on its way, so nothing that bears such a name could be reached over HTTP. */
const dots = /^\.{1,2}$/;

/** Limits count bytes: an index row of Postgres holds 2704 of them, and the keys of some tables have four names. */
function text(bytes: number) {
  return z
    .string('text')
    .min(1, 'must not be empty')
    .max(bytes, `at most ${bytes} bytes`)
    .regex(printable, 'no control characters')
    .refine((value) => !dots.test(value), 'not "." or ".."')
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
    .refine(
      (value) => value.length * 3 <= bytes || Buffer.byteLength(value) <= bytes,
      `at most ${bytes} bytes`,
    );
}

/** Ids of agents, teams, swarms and projects. `/`, `*` and `:` have meanings of their own in channels and scopes. */
export const id = text(limits.idLength).regex(/^[^/*:\n]+$/, 'no "/", "*" or ":"');

/** An agent id as clients of other systems send it; in routes and audiences of our own, `id` is asked for. */
export const agentId = text(limits.idLength);

/** Keys, namespaces, streams and groups: any text that can be shown. */
export const name = text(limits.nameLength);

export const level = z.enum(levels, `one of ${levels.join(', ')}`);

export const millisecondsUpTo = (most: number) =>
  z.int('a whole number of milliseconds').min(0, 'at least 0').max(most, `at most ${most} ms`);

export const waitMs = millisecondsUpTo(limits.waitMsMax)
  .default(0)
  .describe('How long to wait, in milliseconds');

export const limit = z
  .int('a whole number')
  .min(1, 'at least 1')
  .max(limits.pageSize, `at most ${limits.pageSize}`)
  .default(100)
  .describe('Most rows to answer');

/** For what may last until it is taken back. */
export const ttl = z
  .int('a whole number of seconds')
  .min(1, 'at least 1 second')
  .max(limits.ttlSecondsMax, `at most ${limits.ttlSecondsMax} seconds`)
  .optional()
  .describe('Seconds until it ends; until it is revoked without it');

export const expiresAt = z
  .int('a time in milliseconds')
  .optional()
  .describe('When it ends, in place of "ttl"');

const dayMs = 86_400_000;

/** How long what is forgotten must be over. */
export const olderThanMs = (days: number) =>
  z
    .int('a whole number of milliseconds')
    .min(0, 'at least 0')
    .default(days * dayMs)
    .describe(`How long they must be over; ${days} days when left out`);

/** What one call of pruning did: a page. */
export const pruned = z.object({ pruned: z.int(), more: z.boolean() });

/** Where a page ended; empty for the beginning. */
export const cursor = z
  .string('text')
  .max(4096, 'at most 4096 characters')
  .regex(printable, 'a cursor as it was answered')
  .default('')
  .describe('Page to start after');

/** The same where a page ends at a number. */
export const numericCursor = cursor.refine((text) => /^\d{0,15}$/.test(text), 'a cursor as it was answered');

/** JSON as given; checked and bounded where it is encoded. Required: `undefined` is not JSON. */
export const json = z.unknown().refine((value) => value !== undefined, 'required: any JSON value');

/** Any text that reads as a time; kept as given. It never decides about order or expiry of what is written now. */
export const timeText = z
  .string('text')
  .max(64, 'at most 64 characters')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'a time as ISO 8601 text');

export const metadata = z.record(z.string(), z.unknown(), 'a JSON object').default({});
