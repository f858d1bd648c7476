import { z } from 'zod';
import { RookeryError } from '../../kernel/errors.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. A *stream* is an ordered list of *events* under a name; its *head* is the position of the last one, 0 while it
 * is empty. Positions are 1, 2, 3 … without a hole, and a position has one content for ever. A stream has an audience
 * that reads it and one that posts to it; an agent's *inbox* is the stream `inbox/<agent>`, read by that agent alone and
 * open to every post of the project. A *cursor* is how far one consumer has come in one stream.
 *
 * States of a stream: absent → open → absent … A name that comes back after deletion is a new *incarnation*, and a
 * position of the old one is refused there.
 */
export const stream = schema.name.describe('The stream');

export const times = {
  createdAt: schema.timeText.optional().describe('For imports: when it was created elsewhere'),
  updatedAt: schema.timeText.optional().describe('For imports: when it was changed last elsewhere'),
};

/** Who may read and who may post. */
export const audiences = {
  level: schema.level.optional().describe('Who may read; project when left out'),
  audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
  postLevel: schema.level.optional().describe('Who may append; the readers when left out'),
  postAudience: schema.id.optional().describe('Which team, swarm or agent may append'),
};

export const streamState = z.object({
  stream: z.string(),
  level: schema.level,
  scope: z.string(),
  postLevel: schema.level,
  postScope: z.string(),
  owner: z.string(),
  head: z.int(),
  incarnation: z.int(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type StreamState = z.output<typeof streamState>;

const eventFields = {
  type: schema.name.describe('What kind of event it is'),
  data: schema.json.describe('Any JSON value'),
  causationId: schema.name.optional().describe('The event or request that caused it'),
  correlationId: schema.name.optional().describe('What it belongs to'),
  metadata: schema.metadata,
  occurredAt: schema.timeText
    .optional()
    .describe('When it happened; now when left out. Never decides about order'),
};

/** One message, as `mail.send` takes it. */
export const message = { ...eventFields, type: eventFields.type.default('message') };

export const newEvent = z.strictObject({
  id: schema.name.optional().describe('For imports: the id it had elsewhere'),
  ...eventFields,
});
export type NewEvent = z.output<typeof newEvent>;

export const event = z.object({
  id: z.string(),
  stream: z.string(),
  position: z.int(),
  type: z.string(),
  data: z.unknown(),
  causationId: z.string().nullable(),
  correlationId: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  author: z.string(),
  seq: z.int(),
  occurredAt: z.string(),
  recordedAt: z.string(),
});
export type Event = z.output<typeof event>;

export const position = z.int('a whole number').min(0, 'at least 0');

export const appended = z.object({
  stream: z.string(),
  /** Positions of the first and last new event; of an empty append, one past the head and the head. */
  first: z.int(),
  last: z.int(),
  head: z.int(),
  count: z.int(),
  events: z.array(z.object({ id: z.string(), position: z.int() })),
});
export type Appended = z.output<typeof appended>;

export const consumer = schema.name.default('default').describe('Whose cursor');

export const cursor = z.object({
  id: z.string(),
  stream: z.string(),
  consumer: z.string(),
  position: z.int(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type Cursor = z.output<typeof cursor>;

const inboxPrefix = 'inbox/';

export function inboxOf(agent: string): string {
  return inboxPrefix + agent;
}

/** The agent whose inbox a stream is; undefined for any other stream. Every name under `inbox/` is an inbox. */
export function inboxOwner(name: string): string | undefined {
  return name.startsWith(inboxPrefix) ? name.slice(inboxPrefix.length) : undefined;
}

/** Id of a consumer's cursor where seed 002 fixes it. */
export function defaultCursorId(name: string): string {
  return `${name}_cursor`;
}

/** Checks the head an appender expects; 0 stands for empty or absent. */
export function assertHead(expected: number | undefined, actual: number): void {
  if (expected !== undefined && expected !== actual) throw headConflict(expected, actual);
}

export function headConflict(expected: number, actual: number): RookeryError {
  return new RookeryError('REVISION_CONFLICT', `the head is ${actual}, not ${expected}`, {
    field: 'expectedHead',
    expected,
    actual,
  });
}

/** Refuses a position that no reader of this stream can have been given. */
export function assertWithin(position: number, head: number): void {
  if (position <= head) return;
  throw new RookeryError('CURSOR_AHEAD', 'position is beyond the head of the stream', { position, head });
}

/** Refuses a position of a stream that was deleted and has come back under its name. */
export function assertIncarnation(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new RookeryError('CURSOR_EXPIRED', 'the stream was deleted and created anew: start again at 0', {
    oldest: 1,
    incarnation: actual,
  });
}

/** A move as asked for. `head` is undefined for a stream that does not exist. */
export interface Move {
  readonly current: number | undefined;
  readonly head: number | undefined;
  readonly position: number;
  readonly expected?: number | undefined;
  readonly reset: boolean;
}

/**
 * Whether a cursor moves. Forward always, back only by a reset, never beyond the head; with `expected`, only from
 * there. A cursor that does not exist yet stands at 0 and is made by any move that is accepted.
 */
export function decideMove({ current, head, position, expected, reset }: Move): 'move' | 'keep' {
  if (head !== undefined) assertWithin(position, head);
  const from = current ?? 0;
  if (expected !== undefined && expected !== from) {
    throw new RookeryError('REVISION_CONFLICT', `the cursor is at ${from}, not ${expected}`, {
      field: 'expected',
      expected,
      actual: from,
    });
  }
  if (current === undefined || position > from) return 'move';
  return reset && position < from ? 'move' : 'keep';
}
