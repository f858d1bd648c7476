import { z } from 'zod';
import { limits } from '../../../kernel/limits.ts';
import * as schema from '../../../kernel/schema.ts';

/**
 * Words. The *chronicle* is all events of a project in the order in which they were recorded. An event belongs to a
 * stream: to a mailbox (stream type `squawk`, written by `mail.append`), or to the stream of another thing (an agent, a
 * mission, a locked path), written by whatever operation changes that thing, in the same transaction. Its *sequence*
 * counts 1, 2, 3 … in its stream without a hole; its *position* orders it among all events of the project.
 *
 * A mailbox decides who reads its events. Any other event has an audience of its own, so a reader may see holes.
 */
export const mailboxType = 'squawk';

export const streamType = schema.name.describe('Kind of stream; "squawk" for mailboxes');
export const streamId = z
  .string('text')
  .min(1, 'must not be empty')
  .max(limits.pathBytes, `at most ${limits.pathBytes} characters`)
  .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
  .describe('The stream: a mailbox, an agent, a mission, a path …');

export const chronicled = z.object({
  id: z.string(),
  type: z.string(),
  streamType: z.string(),
  streamId: z.string(),
  sequence: z.int(),
  position: z.int(),
  level: schema.level,
  data: z.unknown(),
  causationId: z.string().nullable(),
  correlationId: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  author: z.string(),
  seq: z.int(),
  occurredAt: z.string(),
  recordedAt: z.string(),
});
export type Chronicled = z.output<typeof chronicled>;

/** Positions leave room for the events of one append, which share a ledger entry. */
const perEntry = 1024;
if (limits.batchItems >= perEntry)
  throw new TypeError('an append holds more events than positions have room for');

/** Where an event stands: the number of its ledger entry, and its place among the events of that entry. */
export interface Place {
  readonly seq: number;
  readonly rank: number;
}

export function positionOf({ seq, rank }: Place): number {
  return seq * perEntry + Math.min(rank, perEntry - 1);
}

export function placeOf(position: number): Place {
  return { seq: Math.floor(position / perEntry), rank: position % perEntry };
}

/** Just behind every event of an entry. */
export function behind(seq: number): number {
  return positionOf({ seq, rank: perEntry - 1 });
}
