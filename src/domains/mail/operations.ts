import { z } from 'zod';
import { isoTime } from '../../kernel/clock.ts';
import { Denial } from '../../kernel/context.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import * as appending from './appending.ts';
import * as cursors from './cursors.ts';
import * as events from './events.ts';
import * as model from './model.ts';
import {
  changeStream,
  cursorsAfter,
  dropStream,
  streamById,
  streamCount,
  streamsAfter,
} from './statements.ts';
import * as streams from './streams.ts';

export { type Unread, unreadOf } from './agents.ts';
export * from './chronicle/operations.ts';
export * from './groups/operations.ts';

export const create = mutation({
  name: 'mail.create',
  summary: 'Create a stream for an audience',
  description:
    'Appending creates a stream too, for the project. One that exists with the same audiences is answered as it is.',
  input: z.strictObject({ stream: model.stream, ...model.audiences, ...model.times }),
  output: model.streamState.extend({ created: z.boolean() }),
  access: 'write',
  route: 'PUT /api/v1/mail/{stream}',
  positional: ['stream'],
  *run(context, { stream, createdAt, updatedAt, ...wanted }) {
    const identity = yield* context.identity();
    const existing = yield* streamById(context.project, stream);
    if (existing) {
      if (!(yield* streams.mayRead(context, identity, existing)))
        throw new Denial(
          'FORBIDDEN',
          'this stream name is taken',
          streams.subjectOf(stream, existing.scope),
          { stream },
        );
      yield* streams.assertShape(context, identity, existing, wanted);
      return { ...streams.stateOf(existing), created: false };
    }
    const shape = yield* streams.shapeFor(context, identity, stream, wanted);
    if (model.inboxOwner(stream) === undefined) {
      for (const scope of new Set([shape.scope, shape.postScope]))
        yield* streams.assertMayChange(context, identity, 'write', { id: stream, scope, owner: '' });
    }
    const seq = yield* context.record(streams.subjectOf(stream, shape.scope), {
      revision: [0, 0],
      facts: { created: 1, count: 0 },
    });
    const row = yield* streams.insert(context, stream, shape, { seq, head: 0, createdAt, updatedAt });
    return { ...streams.stateOf(row), created: true };
  },
});

export const update = mutation({
  name: 'mail.update',
  summary: 'Change who may append to a stream, or the times it shows',
  input: z.strictObject({
    stream: model.stream,
    postLevel: model.audiences.postLevel,
    postAudience: model.audiences.postAudience,
    ...model.times,
  }),
  output: model.streamState.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/mail/{stream}',
  positional: ['stream'],
  *run(context, { stream, createdAt, updatedAt, ...wanted }) {
    const identity = yield* context.identity();
    const row = yield* streams.readable(context, stream);
    if (!row) return null;
    yield* streams.assertMayChange(context, identity, 'write', row);
    const postScope = streams.postScopeFor(identity, wanted) ?? row.post_scope;
    if (postScope !== row.post_scope)
      yield* streams.assertMayChange(context, identity, 'write', { id: stream, scope: postScope, owner: '' });
    const changed = {
      ...row,
      post_scope: postScope,
      created_at: createdAt ?? row.created_at,
      updated_at: updatedAt ?? isoTime(context.now),
    };
    yield* context.record(streams.subjectOf(stream, row.scope), { facts: { changed: 1 } });
    yield* changeStream(context.project, changed);
    return streams.stateOf(changed);
  },
});

export const remove = mutation({
  name: 'mail.delete',
  summary: 'Delete a stream with its events, groups and cursors',
  description: 'The name may come back; positions and cursors of the old stream are refused there.',
  input: z.strictObject({ stream: model.stream }),
  output: z.object({ deleted: z.boolean(), events: z.int() }),
  access: 'write',
  risk: 'high',
  route: 'DELETE /api/v1/mail/{stream}',
  positional: ['stream'],
  *run(context, { stream }) {
    const identity = yield* context.identity();
    const row = yield* streams.readable(context, stream);
    if (!row) return { deleted: false, events: 0 };
    yield* streams.assertMayChange(context, identity, 'delete', row);
    yield* context.record(streams.subjectOf(stream, row.scope), {
      revision: [row.head, row.head],
      facts: { deleted: 1, count: row.head },
    });
    yield* dropStream(context.project, stream);
    context.tx.touch(streams.topicOf(stream));
    return { deleted: true, events: row.head };
  },
});

const expectedHead = model.position
  .optional()
  .describe('Only if this is the position of the last event; 0 for "must be empty or absent"');

export const append = mutation({
  name: 'mail.append',
  summary: 'Append events to a stream, all or none',
  input: z.strictObject({
    stream: model.stream,
    events: z.array(model.newEvent).max(limits.batchItems, `at most ${limits.batchItems} events`),
    expectedHead,
  }),
  output: model.appended,
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/events',
  positional: ['stream', 'events'],
  run: (context, input) => appending.append(context, input),
});

export const send = mutation({
  name: 'mail.send',
  summary: 'Send a message to the inbox of an agent',
  description:
    'The inbox is the stream inbox/<agent>: read by that agent alone, open to everybody of the project.',
  input: z.strictObject({ to: schema.agentId.describe('The agent'), ...model.message }),
  output: model.appended,
  access: 'write',
  route: 'POST /api/v1/mail-send/{to}',
  positional: ['to', 'data'],
  run: (context, { to, ...message }) =>
    appending.append(context, { stream: model.inboxOf(to), events: [message] }),
});

export const read = query({
  name: 'mail.read',
  summary: 'Read the events of a stream after a position, waiting for new ones if asked',
  description:
    'Pass "next" as "after" to go on. Answers null for what is absent or forbidden; with a wait, once the time is over.',
  input: z.strictObject({
    stream: model.stream,
    after: model.position.default(0).describe('The last position already read; 0 for the beginning'),
    limit: schema.limit,
    waitMs: schema.waitMs,
    incarnation: z.int().optional().describe('Refuse if the stream was deleted and created anew since'),
  }),
  output: z
    .object({
      events: z.array(model.event),
      next: z.int(),
      head: z.int(),
      hasMore: z.boolean(),
      incarnation: z.int(),
    })
    .nullable(),
  access: 'read',
  route: 'GET /api/v1/mail/{stream}/events',
  positional: ['stream'],
  *run(context, { stream, after, limit, incarnation }) {
    const row = yield* streams.readable(context, stream);
    if (!row) return null;
    model.assertIncarnation(incarnation, row.incarnation);
    model.assertWithin(after, row.head);
    const found = yield* events.page(context, row, after, limit);
    if (found.length > 0) context.noteRead(streams.subjectOf(stream, row.scope));
    const next = found.at(-1)?.position ?? after;
    return { events: found, next, head: row.head, hasMore: next < row.head, incarnation: row.incarnation };
  },
  wait: {
    timeoutMs: (input) => input.waitMs,
    topics: ({ stream }) => [streams.topicOf(stream)],
    pending: (_, output) => (output && output.events.length > 0 ? undefined : {}),
  },
});

export const stream = query({
  name: 'mail.stream',
  summary: 'Show a stream: its head, its audiences and its owner',
  input: z.strictObject({ stream: model.stream }),
  output: model.streamState.nullable(),
  access: 'read',
  route: 'GET /api/v1/mail/{stream}',
  positional: ['stream'],
  *run(context, input) {
    const row = yield* streams.readable(context, input.stream);
    return row ? streams.stateOf(row) : null;
  },
});

const listing = { limit: schema.limit, cursor: schema.cursor };

const streamList = query({
  name: 'mail.streams',
  summary: 'List the streams that can be read, by name',
  input: z.strictObject({
    prefix: z.string().max(limits.nameLength).default('').describe('Only names that start with this'),
    ...listing,
  }),
  output: z.object({ streams: z.array(model.streamState), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/mail',
  positional: ['prefix'],
  *run(context, { prefix, limit, cursor }) {
    yield* context.identity();
    const { project, agent, now } = context;
    const rows = yield* streamsAfter(project, agent, { after: cursor, prefix, now, limit: limit + 1 });
    const shown = rows.slice(0, limit).map(streams.stateOf);
    return { streams: shown, nextCursor: rows.length > limit ? shown.at(-1)!.stream : null };
  },
});

export { streamList as streams };

export const count = query({
  name: 'mail.count',
  summary: 'Count the streams that can be read',
  input: z.strictObject({}),
  output: z.object({ streams: z.int() }),
  access: 'read',
  route: 'GET /api/v1/mail-count',
  *run(context) {
    yield* context.identity();
    return { streams: yield* streamCount(context.project, context.agent, context.now) };
  },
});

export const advance = mutation({
  name: 'mail.advance',
  summary: "Move a consumer's cursor forward",
  description:
    'A position below the stored one leaves the cursor where it is, unless it is reset on purpose. Never beyond the head.',
  input: z.strictObject({
    stream: model.stream,
    position: model.position.describe('The last position that was processed'),
    consumer: model.consumer,
    expected: model.position.optional().describe('Only if the cursor is here'),
    reset: z.boolean().default(false).describe('Allow the cursor to go back'),
    orphan: z.boolean().default(false).describe('Keep a position also for a stream that does not exist'),
    id: schema.name.optional().describe('For imports: the id of a cursor that is new'),
    ...model.times,
  }),
  output: z.object({ cursor: model.cursor, head: z.int(), moved: z.boolean() }).nullable(),
  access: 'write',
  route: 'POST /api/v1/mail/{stream}/advance',
  positional: ['stream', 'position'],
  *run(context, input) {
    return (yield* cursors.advance(context, input)) ?? null;
  },
});

export const cursor = query({
  name: 'mail.cursor',
  summary: 'Show a cursor, by its id or by stream and consumer',
  input: z.strictObject({
    id: z.string().max(4096).optional().describe('Id of the cursor'),
    stream: model.stream.optional(),
    consumer: model.consumer,
  }),
  output: model.cursor.nullable(),
  access: 'read',
  route: 'GET /api/v1/mail-cursor',
  positional: ['stream', 'consumer'],
  *run(context, input) {
    const row = yield* cursors.find(context, input);
    return row ? cursors.stateOf(row) : null;
  },
});

const cursorList = query({
  name: 'mail.cursors',
  summary: 'List the cursors of the streams that can be read',
  input: z.strictObject({ stream: model.stream.optional(), ...listing }),
  output: z.object({ cursors: z.array(model.cursor), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/mail-cursors',
  positional: ['stream'],
  *run(context, { stream: only = '', limit, cursor: after }) {
    yield* context.identity();
    const { project, agent, now } = context;
    const rows = yield* cursorsAfter(project, agent, { after, stream: only, now, limit: limit + 1 });
    const shown = rows.slice(0, limit).map(cursors.stateOf);
    return { cursors: shown, nextCursor: rows.length > limit ? shown.at(-1)!.id : null };
  },
});

export { cursorList as cursors };
