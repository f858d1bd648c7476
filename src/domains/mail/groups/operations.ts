import { z } from 'zod';
import { limits } from '../../../kernel/limits.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import { page } from '../events.ts';
import { position } from '../model.ts';
import { readable, topicOf as streamTopicOf, subjectOf } from '../streams.ts';
import * as groups from './groups.ts';
import * as model from './model.ts';
import * as receiving from './receive.ts';
import * as settling from './settle.ts';
import { deadAfter, groupsAfter } from './statements.ts';

const settlingInput = { ...model.address, deliveries: model.deliveryIds };
const delayMs = schema.millisecondsUpTo(limits.leaseMsMax).optional();

export const join = mutation({
  name: 'mail.join',
  summary: 'Create a consumer group of a stream, or change its settings',
  description: 'The first "receive" creates a group too, with the usual settings, from the beginning.',
  input: z.strictObject({
    ...model.address,
    ...model.settings,
    after: position.optional().describe('Hand out what comes after this position; 0 when left out'),
    order: z
      .enum(['none', 'correlation'], 'one of none, correlation')
      .optional()
      .describe('correlation: events of one correlation id one after the other'),
  }),
  output: model.groupState.nullable(),
  access: 'write',
  route: 'PUT /api/v1/mail/{stream}/groups/{group}',
  positional: ['stream', 'group'],
  *run(context, { stream: name, group, ...settings }) {
    const stream = yield* readable(context, name);
    if (!stream) return null;
    const opened = yield* groups.openOrCreate(context, stream, group, settings);
    if (opened.changed) yield* groups.close(context, opened, { changed: 1 }, true);
    return yield* groups.stateOf(context, opened);
  },
});

export const receive = mutation({
  name: 'mail.receive',
  summary: 'Take the next events of a stream for a consumer group, waiting for them if asked',
  description:
    'Each event is handed to one consumer at a time, again after its deadline, until it is acknowledged or dead.',
  input: z.strictObject({
    ...model.address,
    max: z
      .int('a whole number')
      .min(1, 'at least 1')
      .max(limits.batchItems, `at most ${limits.batchItems}`)
      .default(1)
      .describe('Most events to take'),
    ackWaitMs: model.settings.ackWaitMs,
    maxDeliveries: model.settings.maxDeliveries,
    waitMs: schema.waitMs,
  }),
  output: model.received.nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/receive',
  positional: ['stream', 'group'],
  run: (context, { waitMs: _, ...wanted }) => receiving.receive(context, wanted),
  wait: {
    timeoutMs: (input) => input.waitMs,
    topics: ({ stream, group }) => [streamTopicOf(stream), groups.topicOf(stream, group)],
    pending: (_, output) =>
      output && output.deliveries.length > 0 ? undefined : { dueInMs: output?.retryInMs ?? undefined },
    poll: (context, { waitMs: _, ...wanted }) => receiving.receive(context, wanted, true),
  },
});

export const ack = mutation({
  name: 'mail.ack',
  summary: 'Acknowledge deliveries: their events are done',
  description:
    'Answers per delivery: acked, fenced (no longer the current delivery), or unknown. One does not spoil the others.',
  input: z.strictObject(settlingInput),
  output: model.settled.nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/ack',
  positional: ['stream', 'group', 'deliveries'],
  run: (context, input) => settling.acknowledge(context, input),
});

export const nak = mutation({
  name: 'mail.nak',
  summary: 'Give deliveries back, to be handed out again after a rest',
  description: 'The rest grows with each attempt. Without an attempt left, the event becomes a dead letter.',
  input: z.strictObject({
    ...settlingInput,
    delayMs: delayMs.describe('How long the events rest; 1 s, doubled at each attempt, when left out'),
    reason: model.reason,
  }),
  output: model.settled.nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/nak',
  positional: ['stream', 'group', 'deliveries'],
  run: (context, input) => settling.refuse(context, input, input),
});

export const extend = mutation({
  name: 'mail.extend',
  summary: 'Keep deliveries alive that are still being worked on',
  input: z.strictObject({
    ...settlingInput,
    byMs: delayMs.describe("How far from now the new deadline is; the group's wait when left out"),
  }),
  output: model.settled.nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/extend',
  positional: ['stream', 'group', 'deliveries'],
  run: (context, input) => settling.extend(context, input, input.byMs),
});

export const term = mutation({
  name: 'mail.term',
  summary: 'Declare deliveries dead at once, whatever attempts are left',
  input: z.strictObject({ ...settlingInput, reason: model.reason }),
  output: model.settled.nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/term',
  positional: ['stream', 'group', 'deliveries'],
  run: (context, input) => settling.terminate(context, input, input.reason),
});

export const leave = mutation({
  name: 'mail.leave',
  summary: 'Give back everything the caller has in hand of a group',
  input: z.strictObject(model.address),
  output: z.object({ returned: z.int(), dead: z.int() }).nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/leave',
  positional: ['stream', 'group'],
  run: (context, { stream, group }) => settling.leave(context, stream, group),
});

export const deadLetters = query({
  name: 'mail.deadLetters',
  summary: 'List the events of a group that could not be processed, with the reasons',
  input: z.strictObject({ ...model.address, after: position.default(0), limit: schema.limit }),
  output: z
    .object({ deadLetters: z.array(model.deadLetter), next: z.int(), hasMore: z.boolean() })
    .nullable(),
  access: 'read',
  route: 'GET /api/v1/mail/{stream}/groups/{group}/dead-letters',
  positional: ['stream', 'group'],
  *run(context, { stream, group, after, limit }) {
    const opened = yield* groups.open(context, stream, group);
    if (!opened) return null;
    const max = opened.group.max_deliveries;
    const rows = yield* deadAfter(opened.place, context.now, max, after, limit + 1);
    const dead: model.DeadLetter[] = [];
    let bytes = 0;
    for (const row of rows.slice(0, limit)) {
      const [event] = yield* page(context, opened.stream, row.position - 1, 1);
      bytes += JSON.stringify(event!.data).length;
      if (dead.length > 0 && bytes > limits.pageBytes) break;
      dead.push({
        position: row.position,
        attempts: row.attempt,
        redrives: row.redrives,
        consumer: row.consumer,
        reason: (yield* groups.reasonOf(context, opened, row)) ?? model.exhaustedReason(row.attempt),
        deliveredAt: row.delivered_at,
        diedAt: row.died_at ?? row.due_at,
        event: event!,
      });
    }
    if (dead.length > 0) context.noteRead(subjectOf(stream, opened.stream.scope));
    return { deadLetters: dead, next: dead.at(-1)?.position ?? after, hasMore: dead.length < rows.length };
  },
});

export const redrive = mutation({
  name: 'mail.redrive',
  summary: 'Make dead letters ready again, with all their attempts',
  input: z.strictObject({
    ...model.address,
    positions: z
      .array(position)
      .min(1, 'at least one position')
      .max(limits.batchItems, `at most ${limits.batchItems} positions`)
      .optional()
      .describe('Which; the oldest when left out'),
    limit: schema.limit,
  }),
  output: z.object({ redriven: z.int() }).nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/groups/{group}/redrive',
  positional: ['stream', 'group'],
  run: (context, { stream, group, ...which }) => settling.redrive(context, stream, group, which),
});

export const group = query({
  name: 'mail.group',
  summary: 'Show a consumer group: its settings and how its events stand',
  description: 'At every moment head - start = acked + dead + ready + inflight.',
  input: z.strictObject(model.address),
  output: model.groupState.nullable(),
  access: 'read',
  route: 'GET /api/v1/mail/{stream}/groups/{group}',
  positional: ['stream', 'group'],
  *run(context, { stream, group }) {
    const opened = yield* groups.open(context, stream, group);
    return opened ? yield* groups.stateOf(context, opened) : null;
  },
});

const groupList = query({
  name: 'mail.groups',
  summary: 'List the consumer groups of a stream',
  input: z.strictObject({ stream: model.address.stream, limit: schema.limit, cursor: schema.cursor }),
  output: z.object({ groups: z.array(model.groupState), nextCursor: z.string().nullable() }).nullable(),
  access: 'read',
  route: 'GET /api/v1/mail/{stream}/groups',
  positional: ['stream'],
  *run(context, { stream: name, limit, cursor }) {
    const stream = yield* readable(context, name);
    if (!stream) return null;
    const rows = yield* groupsAfter(context.project, name, cursor, limit + 1);
    const shown: model.GroupState[] = [];
    for (const row of rows.slice(0, limit))
      shown.push(
        yield* groups.stateOf(context, { stream, group: row, place: [context.project, name, row.group_id] }),
      );
    return { groups: shown, nextCursor: rows.length > limit ? shown.at(-1)!.group : null };
  },
});

export { groupList as groups };
