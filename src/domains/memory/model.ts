import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. An *item* is a value under (namespace, key, scope). One key may exist once per audience: what an agent writes
 * as `private` nobody else sees or overwrites. A read without a level looks in the agent's own private scope first,
 * then team, swarm, project and system, and answers the first hit.
 *
 * States of an item: absent → live → (deleted | expired) → live … Its revision grows by one at each change, also
 * across deletion; a deleted item keeps its row for that. An item past its `expiresAt` is read as absent from that
 * millisecond on, whether or not anything has tidied it away.
 */
export const namespace = schema.name.default('default').describe('Namespace of the key');

export const ttl = z
  .int('a whole number of seconds')
  .min(0, 'at least 0 (0 means it never expires)')
  .max(limits.ttlSecondsMax, `at most ${limits.ttlSecondsMax} seconds`)
  .describe('Seconds to live; 0 for ever');

export const revision = z.int('a whole number').min(0, 'at least 0');

/** Which key. Without a level, the nearest one the agent can see. */
export const address = {
  namespace,
  key: schema.name.describe('The key'),
  level: schema.level.optional().describe('Look at this audience only'),
  audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
};

/** What kind of data an item holds, for who reads statistics or the table; it changes nothing about the item. */
export const types = ['data', 'state', 'cache', 'session', 'artifact'] as const;
export const type = z.enum(types, `one of ${types.join(', ')}`);
export type Type = z.output<typeof type>;

/** How to write. */
export const writing = {
  level: schema.level.default('project').describe('Who may read it'),
  audience: address.audience,
  ttl: ttl.optional(),
  encrypt: z.boolean().optional().describe('Encrypt at rest; private, team and system always are'),
  compress: z
    .boolean()
    .optional()
    .describe('Compress whatever its length, or never; above a threshold where nothing is said'),
  type: type.optional().describe('What kind of data it is; "data" where nothing was said'),
};

export const expectedRevision = revision
  .optional()
  .describe('Only if this is the current revision; 0 for "must not exist"');

/** An item without its value. */
export const itemHead = z.object({
  namespace: z.string(),
  key: z.string(),
  level: schema.level,
  scope: z.string(),
  owner: z.string(),
  type,
  revision: z.int(),
  seq: z.int(),
  createdAt: z.int(),
  updatedAt: z.int(),
  expiresAt: z.int().nullable(),
});
export type ItemHead = z.output<typeof itemHead>;

export const item = itemHead.extend({ value: z.unknown() });
export type Item = z.output<typeof item>;

/** When an item written at `now` expires. */
export function expiryOf(ttlSeconds: number | undefined, now: number): number | null {
  return ttlSeconds ? now + ttlSeconds * 1000 : null;
}

/** After every text that a name can be. */
export const lastText = '\u{10ffff}'.repeat(limits.nameLength / 4);

/**
 * A glob over keys (`*` any run, `?` one character), with the range that its literal beginning leaves, so that the
 * store reads no more than that.
 */
export function keyPattern(glob: string): { from: string; to: string; matches: (key: string) => boolean } {
  const special = glob.search(/[*?]/);
  if (special < 0) return { from: glob, to: glob, matches: (key) => key === glob };
  const pattern = [...glob];
  const from = glob.slice(0, special);
  return { from, to: from + lastText, matches: (key) => matchesGlob(pattern, [...key]) };
}

/** It only ever goes back to the last `*`: no pattern takes more steps than its length times that of the text. */
function matchesGlob(pattern: readonly string[], text: readonly string[]): boolean {
  let [at, position] = [0, 0];
  let star: { readonly at: number; readonly position: number } | undefined;
  while (position < text.length) {
    if (pattern[at] === '*') {
      star = { at, position };
      at++;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[position])) {
      at++;
      position++;
    } else if (star) {
      star = { at: star.at, position: star.position + 1 };
      [at, position] = [star.at + 1, star.position];
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
