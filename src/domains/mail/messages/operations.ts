import { z } from 'zod';
import type { ReadContext, WriteContext } from '../../../kernel/context.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import * as messages from './messages.ts';
import * as model from './model.ts';
import { messagesAfter, type PlacedMessage, pendingBy } from './statements.ts';

export const send = mutation({
  name: 'messages.send',
  summary: 'Put a message into a mailbox, for its readers to read and acknowledge',
  input: z.strictObject({
    mailbox: model.mailboxId,
    content: schema.json.describe('Any JSON value'),
    type: schema.name.default('message').describe('What kind of message it is'),
    thread: schema.name.optional().describe('What it belongs to'),
    priority: model.priority.default('normal'),
    causationId: schema.name.optional().describe('The event or request that caused it'),
    correlationId: schema.name.optional().describe('A mission, for example'),
    metadata: schema.metadata,
  }),
  output: model.message,
  access: 'write',
  route: 'POST /api/v1/messages',
  positional: ['mailbox', 'content'],
  run: messages.send,
});

export const get = query({
  name: 'messages.get',
  summary: 'Read one message; it stays as it is',
  input: z.strictObject({ id: model.messageId }),
  output: model.message.nullable(),
  access: 'read',
  route: 'GET /api/v1/messages/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const row = yield* messages.readable(context, id);
    return row ? yield* messages.shown(context, row) : null;
  },
});

export const list = query({
  name: 'messages.list',
  summary: 'List messages that can be read, in the order in which they were sent',
  input: z.strictObject({
    mailbox: schema.name.optional(),
    thread: schema.name.optional(),
    sender: schema.agentId.optional(),
    correlationId: schema.name.optional(),
    status: model.status.optional(),
    limit: schema.limit,
    cursor: schema.numericCursor,
  }),
  output: z.object({ messages: z.array(model.message), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/messages',
  positional: ['mailbox'],
  *run(context, { mailbox, thread, sender, correlationId, status, limit, cursor }) {
    yield* context.identity();
    const filter = {
      mailbox_id: mailbox,
      thread_id: thread,
      sender_id: sender,
      correlation_id: correlationId,
      status,
    };
    const rows = yield* messagesAfter(context, filter, Number(cursor), limit + 1);
    const page = rows.slice(0, limit);
    const found = [];
    for (const row of page) found.push(yield* messages.shown(context, row));
    return { messages: found, nextCursor: rows.length > limit ? String(page.at(-1)!.made) : null };
  },
});

/** An operation that takes a message one step on. */
function stepping(verb: 'markRead' | 'acknowledge' | 'requeue', to: model.Status, summary: string) {
  const path = { markRead: 'read', acknowledge: 'acknowledge', requeue: 'requeue' }[verb];
  return mutation({
    name: `messages.${verb}`,
    summary,
    input: z.strictObject({ id: model.messageId }),
    output: model.message.nullable(),
    access: 'write',
    route: `POST /api/v1/messages/{id}/${path}`,
    positional: ['id'],
    *run(context, { id }) {
      const row = yield* messages.readable(context, id);
      return row ? yield* messages.shown(context, yield* messages.step(context, row, to)) : null;
    },
  });
}

export const markRead = stepping('markRead', 'read', 'Say that a message was read');
export const acknowledge = stepping('acknowledge', 'acked', 'Say that a message was dealt with');
export const requeue = stepping(
  'requeue',
  'pending',
  'Queue a message again that was read and not acknowledged',
);

/** Messages that nobody read yet, in mailboxes open to the project: to or from these, or belonging to these. */
export function* pendingMessages(
  context: ReadContext,
  wanted: {
    readonly mailboxes: readonly string[];
    readonly senders: readonly string[];
    readonly correlations: readonly string[];
  },
  limit: number,
): Work<PendingMessage[]> {
  const found = new Map<string, PlacedMessage>();
  const look = function* (column: Parameters<typeof pendingBy>[1], values: readonly string[]): Work<void> {
    for (const value of values)
      for (const row of yield* pendingBy(context.project, column, value, limit)) found.set(row.id, row);
  };
  yield* look('mailbox_id', wanted.mailboxes);
  yield* look('sender_id', wanted.senders);
  yield* look('correlation_id', wanted.correlations);
  const rows = [...found.values()].sort((a, b) => a.made - b.made).slice(0, limit);
  return rows.map((row) => {
    const { subject } = JSON.parse(row.metadata) as { subject?: unknown };
    return {
      id: row.id,
      from: row.sender_id,
      to: row.mailbox_id,
      subject: typeof subject === 'string' ? subject : row.message_type,
      sentAt: row.sent_at,
    };
  });
}

/** A message that waits to be read, without what it says. */
export interface PendingMessage {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** From its metadata, else its type. */
  readonly subject: string;
  readonly sentAt: string;
}

/** The state of a message that the caller may read. */
export function* statusOf(context: ReadContext, id: string): Work<model.Status | undefined> {
  return (yield* messages.readable(context, id))?.status;
}

/** Queues a message again, in the caller's transaction. */
export function* requeueMessage(context: WriteContext, id: string): Work<void> {
  const row = yield* messages.readable(context, id);
  if (row) yield* messages.step(context, row, 'pending');
}
