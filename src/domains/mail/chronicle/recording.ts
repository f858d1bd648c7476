import { type Level, levelOf, scopeFor, scopes, sealedByDefault } from '../../../kernel/access/model.ts';
import { isoTime } from '../../../kernel/clock.ts';
import type { ReadContext, Subject, WriteContext } from '../../../kernel/context.ts';
import { encodeValue } from '../../../kernel/json.ts';
import type { Work } from '../../../kernel/work.ts';
import { type Content, contentText, placeholder } from '../events.ts';
import type { EventRow } from '../statements.ts';
import { mailboxType } from './model.ts';
import { addEvent, type ChronicleRow, dropEvents, lastOf } from './statements.ts';

export interface NewRecord {
  /** Any but `squawk`: mailboxes are written by `mail.append`. */
  readonly streamType: string;
  readonly streamId: string;
  readonly type: string;
  readonly data: unknown;
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Who may read it, as the caller's audience of that level; the project when left out. */
  readonly level?: Level | undefined;
}

export interface Recorded {
  readonly id: string;
  readonly sequence: number;
}

/**
 * Appends an event to the stream of a thing that is no mailbox, in the transaction that changes the thing: the next
 * number of the stream, sealed when its level asks for it, with a ledger entry of its own.
 */
export function* recordEvent(context: WriteContext, event: NewRecord): Work<Recorded> {
  const { streamType, streamId, type } = event;
  if (streamType === mailboxType) throw new TypeError('events of mailboxes are appended by mail.append');
  const scope = yield* audienceOf(context, event.level);
  const content: Content = {
    id: context.newId('evt'),
    type,
    data: encodeValue('data', event.data),
    causationId: event.causationId ?? null,
    correlationId: event.correlationId ?? null,
    metadata: encodeValue('metadata', event.metadata ?? {}),
    occurredAt: isoTime(context.now),
  };
  const sequence = (yield* lastOf(context.project, streamType, streamId)) + 1;
  const place = { stream_type: streamType, stream_id: streamId, scope };
  const seq = yield* context.record(subjectOf(place), {
    operation: 'mail.record',
    revision: [sequence - 1, sequence],
    content: contentText([content]),
  });
  yield* store(context, place, sequence, seq, content);
  context.tx.touch(topicOf(streamType, streamId));
  return { id: content.id, sequence };
}

/**
 * Erases the whole history of a thing that is erased itself, in one entry; a thing of that name would begin anew. Answers
 * how many events that were.
 */
export function* eraseEvents(context: WriteContext, streamType: string, streamId: string): Work<number> {
  const last = yield* lastOf(context.project, streamType, streamId);
  if (last === 0) return 0;
  const subject = subjectOf({ stream_type: streamType, stream_id: streamId, scope: scopes.project });
  yield* context.record(subject, { revision: [last, last], facts: { deleted: 1, erased: 1 } });
  context.tx.touch(topicOf(streamType, streamId));
  return yield* dropEvents(context.project, streamType, streamId);
}

function* audienceOf(context: WriteContext, level: Level | undefined): Work<string> {
  if (level === undefined || level === 'project') return scopes.project;
  return scopeFor(yield* context.identity(), level);
}

function* store(
  context: WriteContext,
  place: Located,
  sequence: number,
  seq: number,
  content: Content,
): Work<void> {
  const { data, metadata } = content;
  const encrypt = sealedByDefault(levelOf(place.scope));
  // JSON text has no line break of its own, so the two come apart again exactly as they were.
  const sealed = encrypt
    ? (yield* context.seal(`${data}\n${metadata}`, true, bindingOf(place, sequence))).sealed
    : null;
  yield* addEvent(context.project, {
    id: content.id,
    type: content.type,
    ...place,
    sequence_number: sequence,
    data: encrypt ? placeholder : data,
    sealed,
    causation_id: content.causationId,
    correlation_id: content.correlationId,
    metadata: encrypt ? '{}' : metadata,
    author: context.agent,
    seq,
    occurred_at: content.occurredAt,
    recorded_at: content.occurredAt,
  });
}

/** Where an event lies, in the columns of its row. */
type Located = Pick<ChronicleRow, 'stream_type' | 'stream_id' | 'scope'>;

export function subjectOf({ stream_type, stream_id, scope }: Located): Subject {
  return { kind: 'event', name: `${stream_type}\n${stream_id}`, scope };
}

export function topicOf(streamType: string, streamId: string): string {
  return `events/${streamType}/${streamId}`;
}

/** The line break at the front keeps these records apart from those of mailboxes. */
export function bindingOf({ stream_type, stream_id, scope }: Located, sequence: number) {
  return { table: 'events', record: `\n${stream_type}\n${stream_id}`, scope, revision: sequence };
}

/** What a stored event of a stream that is no mailbox says, opened where it is sealed. */
export function* recordedContent(context: ReadContext, row: Located & EventRow): Work<Content> {
  let { data, metadata } = row;
  if (row.sealed) {
    const stored = { value: null, sealed: row.sealed };
    const text = yield* context.open(stored, bindingOf(row, row.sequence_number));
    const end = text.indexOf('\n');
    [data, metadata] = [text.slice(0, end), text.slice(end + 1)];
  }
  return {
    id: row.id,
    type: row.type,
    data,
    causationId: row.causation_id,
    correlationId: row.correlation_id,
    metadata,
    occurredAt: row.occurred_at,
  };
}
