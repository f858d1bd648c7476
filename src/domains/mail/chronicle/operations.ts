import { z } from 'zod';
import { query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import { position } from '../model.ts';
import * as model from './model.ts';
import { chroniclePage, findEvent, streamPage } from './reading.ts';
import { statisticsAtOnce, statisticsSteps } from './statistics.ts';

export { streamPage } from './reading.ts';
export { eraseEvents, type Recorded, recordEvent } from './recording.ts';
export { lastCorrelated } from './statements.ts';

export const events = query({
  name: 'mail.events',
  summary: 'List events of all streams in the order in which they were recorded',
  description:
    'Of mailboxes and of everything else that has a history, as far as the caller may read them. Pass "next" as "after" to go on while there is more; a page may hold fewer than asked for.',
  input: z.strictObject({
    streamType: model.streamType.optional(),
    streamId: model.streamId.optional(),
    type: schema.name.optional().describe('Only events of this type'),
    correlationId: schema.name.optional().describe('Only what belongs to this'),
    after: position.default(0).describe('Position of the last event already read; 0 for the beginning'),
    limit: schema.limit,
  }),
  output: z.object({ events: z.array(model.chronicled), next: z.int(), more: z.boolean() }),
  access: 'read',
  route: 'GET /api/v1/mail-events',
  positional: ['streamType', 'streamId'],
  *run(context, input) {
    yield* context.identity();
    return yield* chroniclePage(context, input);
  },
});

export const eventsOf = query({
  name: 'mail.eventsOf',
  summary: 'List the events of one stream that is no mailbox, by their sequence numbers',
  input: z.strictObject({
    streamType: model.streamType,
    streamId: model.streamId,
    after: position.default(0).describe('Sequence number of the last event already read'),
    before: position.optional().describe('Only events before this sequence number'),
    first: z.enum(['oldest', 'newest'], 'one of oldest, newest').default('oldest').describe('Where to begin'),
    limit: schema.limit,
  }),
  output: z.object({ events: z.array(model.chronicled), more: z.boolean() }),
  access: 'read',
  route: 'GET /api/v1/mail-events-of/{stream_type}/{stream_id}',
  positional: ['streamType', 'streamId'],
  *run(context, input) {
    yield* context.identity();
    return yield* streamPage(context, input);
  },
});

export const event = query({
  name: 'mail.event',
  summary: 'Read one event by its id',
  input: z.strictObject({ id: schema.name }),
  output: model.chronicled.nullable(),
  access: 'read',
  route: 'GET /api/v1/mail-events/{id}',
  positional: ['id'],
  *run(context, { id }) {
    return (yield* findEvent(context, id)) ?? null;
  },
});

export const statistics = query({
  name: 'mail.statistics',
  summary: 'Count the events that can be read, by type and kind of stream',
  input: z.strictObject({}),
  output: z.object({
    total: z.int(),
    byType: z.record(z.string(), z.int()),
    byStreamType: z.record(z.string(), z.int()),
    firstAt: z.string().nullable(),
    lastAt: z.string().nullable(),
  }),
  access: 'read',
  route: 'GET /api/v1/mail-statistics',
  run: statisticsAtOnce,
  steps: statisticsSteps,
});
