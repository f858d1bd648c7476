import { levelOf, sealedByDefault } from '../../../kernel/access/model.ts';
import { isoTime } from '../../../kernel/clock.ts';
import type { ReadContext, Subject, WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { encodeValue } from '../../../kernel/json.ts';
import type { Work } from '../../../kernel/work.ts';
import { append } from '../appending.ts';
import { streamById } from '../statements.ts';
import { subjectOf as streamSubject } from '../streams.ts';
import { type Message, type Priority, type Status, steps, takes } from './model.ts';
import {
  addMessage,
  changeMessage,
  type MessageRow,
  messageById,
  type PlacedMessage,
  threadKnown,
} from './statements.ts';

/** Messages coming into being and being read: row, entry and the mailbox's event together. */

/** Stands in the column `content` of a message whose content is sealed. */
export const placeholder = '{"sealed":true}';

export function subjectOf({ id, scope }: Pick<PlacedMessage, 'id' | 'scope'>): Subject {
  return { kind: 'message', name: id, scope };
}

export function bindingOf({ id, scope }: Pick<PlacedMessage, 'id' | 'scope'>) {
  return { table: 'messages', record: id, scope, revision: 1 };
}

export interface NewMessage {
  readonly mailbox: string;
  readonly content: unknown;
  readonly type: string;
  readonly thread?: string | undefined;
  readonly priority: Priority;
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export function* send(context: WriteContext, message: NewMessage): Work<Message> {
  const { mailbox, thread } = message;
  const id = context.newId('msg').replace('_', '-');
  const content = encodeValue('content', message.content);
  const metadata = encodeValue('metadata', message.metadata);
  const events = [eventOf('squawk_sent', id, message)];
  if (thread !== undefined) {
    const begun = yield* threadKnown(context.project, thread, mailbox);
    events.push(eventOf(begun ? 'squawk_thread_activity' : 'squawk_thread_created', id, message));
  }
  yield* append(context, { stream: mailbox, events });
  const { scope, owner } = (yield* streamById(context.project, mailbox))!;
  const encrypt = sealedByDefault(levelOf(scope));
  const sealed = encrypt
    ? (yield* context.seal(`${content}\n${metadata}`, true, bindingOf({ id, scope }))).sealed
    : null;
  const row: PlacedMessage = {
    id,
    mailbox_id: mailbox,
    sender_id: context.agent,
    thread_id: thread ?? null,
    message_type: message.type,
    content: encrypt ? placeholder : content,
    sealed,
    status: 'pending',
    priority: message.priority,
    sent_at: isoTime(context.now),
    read_at: null,
    acked_at: null,
    causation_id: message.causationId ?? null,
    correlation_id: message.correlationId ?? null,
    metadata: encrypt ? '{}' : metadata,
    author: context.agent,
    revision: 1,
    seq: 0,
    made: 0,
    scope,
    owner,
  };
  row.seq = row.made = yield* recordLife(context, row, { content, metadata });
  yield* addMessage(context.project, row);
  return messageOf(row, { content, metadata });
}

function eventOf(
  type: string,
  id: string,
  message: Pick<NewMessage, 'type' | 'thread' | 'priority' | 'correlationId' | 'causationId'>,
) {
  const { type: message_type, thread, priority, correlationId, causationId } = message;
  const data = { message_id: id, message_type, priority, thread_id: thread ?? null };
  return { type, data, correlationId, causationId, metadata: {} };
}

/** A message, when the caller may read its mailbox. Absent and forbidden are one answer. */
export function* readable(context: ReadContext, id: string): Work<PlacedMessage | undefined> {
  const identity = yield* context.identity();
  const row = yield* messageById(context.project, id);
  if (!row) return undefined;
  const guarded = { scope: row.scope, owner: row.owner, path: row.mailbox_id };
  if (yield* context.may(identity, 'read', 'mail', guarded)) return row;
  context.noteDenial(streamSubject(row.mailbox_id, row.scope));
  return undefined;
}

/** Takes a message a step on, where it takes it; answers it as it is then. */
export function* step(context: WriteContext, row: PlacedMessage, to: Status): Work<PlacedMessage> {
  if (!takes(row.status, to)) return row;
  const now = isoTime(context.now);
  const next: PlacedMessage = {
    ...row,
    status: to,
    read_at: to === 'pending' ? null : (row.read_at ?? now),
    acked_at: to === 'acked' ? now : null,
    revision: row.revision + 1,
  };
  next.seq = yield* recordLife(context, next, yield* openedText(context, row));
  if ((yield* changeMessage(context.project, next)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the message changed meanwhile', { message: row.id });
  const said = { type: row.message_type, thread: row.thread_id ?? undefined, priority: row.priority };
  const correlationId = row.correlation_id ?? undefined;
  // Who reads a mailbox may not be allowed to post there; that it read is no post of its own.
  yield* append(context, {
    stream: row.mailbox_id,
    events: [eventOf(steps[to].event, row.id, { ...said, correlationId })],
    onBehalf: true,
  });
  return next;
}

interface Texts {
  readonly content: string;
  readonly metadata: string;
}

export function* openedText(context: ReadContext, row: PlacedMessage): Work<Texts> {
  if (!row.sealed) return { content: row.content, metadata: row.metadata };
  const text = yield* context.open({ value: null, sealed: row.sealed }, bindingOf(row));
  const end = text.indexOf('\n');
  return { content: text.slice(0, end), metadata: text.slice(end + 1) };
}

/** The text that every entry of a message commits to. */
export function lifeText(row: MessageRow, { content, metadata }: Texts): string {
  const ids = [row.mailbox_id, row.sender_id, row.thread_id, row.message_type, row.priority, row.sent_at];
  const state = [row.status, row.read_at, row.acked_at, row.causation_id, row.correlation_id];
  return `${JSON.stringify([...ids, ...state])}\n${content}\n${metadata}`;
}

function recordLife(context: WriteContext, row: PlacedMessage, texts: Texts): Work<number> {
  return context.record(subjectOf(row), {
    revision: [row.revision - 1, row.revision],
    content: lifeText(row, texts),
  });
}

/** The message with its content; reads of closed mailboxes are noted. */
export function* shown(context: ReadContext, row: PlacedMessage): Work<Message> {
  const texts = yield* openedText(context, row);
  context.noteRead(streamSubject(row.mailbox_id, row.scope));
  return messageOf(row, texts);
}

function messageOf(row: MessageRow, { content, metadata }: Texts): Message {
  return {
    id: row.id,
    mailboxId: row.mailbox_id,
    senderId: row.sender_id,
    threadId: row.thread_id,
    messageType: row.message_type,
    content: JSON.parse(content),
    status: row.status,
    priority: row.priority,
    sentAt: row.sent_at,
    readAt: row.read_at,
    ackedAt: row.acked_at,
    causationId: row.causation_id,
    correlationId: row.correlation_id,
    metadata: JSON.parse(metadata) as Record<string, unknown>,
  };
}
