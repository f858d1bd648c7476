import { z } from 'zod';
import { levels } from '../../kernel/access/model.ts';
import { type Entry, risks } from '../../kernel/ledger/entry.ts';
import { findingKinds } from '../../kernel/ledger/findings.ts';
import { limits } from '../../kernel/limits.ts';

/**
 * Words. The *ledger* of a project is its numbered list of entries, one for each change, denial and recorded read. A
 * *checkpoint* is the signed statement of how many entries there are and of the root over them. A *receipt* proves
 * offline that an entry is in the ledger; a *consistency proof*, that a later ledger only added to an earlier one. The
 * *feed* is the ledger read forward from a position, as far as the reader may see it.
 */
export const seq = z.int('a whole number').min(1, 'at least 1').describe('Number of an entry, from 1');

export const position = z
  .int('a whole number')
  .min(0, 'at least 0')
  .default(0)
  .describe('Entries after this number; 0 for the beginning');

export const operationFilter = z
  .string('text')
  .max(limits.idLength)
  .default('')
  .describe('Only this operation (memory.set) or noun (memory)');

export const checkpoint = z.object({
  note: z.string().describe('The signed note, as it is published'),
  origin: z.string(),
  size: z.int(),
  root: z.string().describe('Root over the entries, in base64'),
  createdAt: z.int(),
});

/** An entry as its readers get it: without token, request and commitment. */
export const event = z.object({
  seq: z.int(),
  time: z.int(),
  operation: z.string(),
  actor: z.string(),
  via: z.string().nullable().describe('Whose token it was, when that acted for the actor'),
  resource: z.string().describe('Pseudonym: the same thing has the same one'),
  level: z.enum(levels),
  scope: z.string(),
  decision: z.enum(['allow', 'deny']),
  risk: z.enum(risks),
  revision: z.tuple([z.int(), z.int()]).nullable().describe('Before and after; 0 before what did not exist'),
  facts: z.record(z.string(), z.number()).nullable(),
  unit: z.int().describe('Number of the first entry of the same operation: what shares it happened together'),
});
export type Event = z.output<typeof event>;

export function eventOf(entry: Entry): Event {
  return {
    seq: entry.seq,
    time: entry.time,
    operation: entry.op,
    actor: entry.actor,
    via: entry.via ?? null,
    resource: entry.resource,
    level: entry.level,
    scope: entry.scope,
    decision: entry.decision,
    risk: entry.risk,
    revision: entry.revision ? [entry.revision[0], entry.revision[1]] : null,
    facts: entry.facts ? { ...entry.facts } : null,
    unit: unitOf(entry),
  };
}

export function unitOf(entry: Entry): number {
  return entry.unit ?? entry.seq;
}

export const feed = z.object({
  events: z.array(event),
  next: z.int().describe('Continue from here: everything up to it that may be seen was answered'),
  head: z.int().describe('The last entry there was'),
});
export type Feed = z.output<typeof feed>;

export const verification = z.object({
  ok: z.boolean(),
  entries: z.int().describe('Entries that were verified'),
  records: z.int().describe('Stored records that were compared with their entries'),
  unsealed: z.int().describe('Rows of other programs in the audit table: in no proof, and no failure'),
  findings: z.array(
    z.object({
      kind: z.enum(Object.keys(findingKinds) as [keyof typeof findingKinds]),
      project: z.string(),
      seq: z.int().nullable(),
      subject: z.string(),
      message: z.string(),
    }),
  ),
  more: z.int().describe('Findings that are not listed'),
});
