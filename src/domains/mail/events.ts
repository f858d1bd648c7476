import type { ReadContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import type { Event } from './model.ts';
import { type EventRow, eventsBetween, type StreamRow } from './statements.ts';

/** What events say, and reading them. */

/** What an event says, as JSON texts: what is stored, and what the ledger commits to. */
export interface Content {
  readonly id: string;
  readonly type: string;
  readonly data: string;
  readonly causationId: string | null;
  readonly correlationId: string | null;
  readonly metadata: string;
  readonly occurredAt: string;
}

/**
 * The text that the ledger entry of an append commits to: one JSON array over the events, in order. Verification makes
 * the same text from the stored rows.
 */
export function contentText(events: readonly Content[]): string {
  const texts = events.map((event) => {
    const ids = JSON.stringify([event.id, event.type, event.causationId, event.correlationId]);
    return `${ids.slice(0, -1)},${event.data},${event.metadata},${JSON.stringify(event.occurredAt)}]`;
  });
  return `[${texts.join(',')}]`;
}

/** Stands in the column `data` of an event whose content is sealed. */
export const placeholder = '{"sealed":true}';

export function bindingOf(stream: Pick<StreamRow, 'id' | 'scope' | 'incarnation'>, position: number) {
  return {
    table: 'events',
    record: `${stream.incarnation}\n${stream.id}`,
    scope: stream.scope,
    revision: position,
  };
}

/** Rows fetched at once: with contents of a megabyte each, what a page may hold in memory before it is cut. */
const fetched = 64;

/**
 * Events after a position, in order: at most `limit`, and fewer when their contents are large. A position that is
 * missing below the head is not passed over: somebody removed it from the file.
 */
export function* page(context: ReadContext, stream: StreamRow, after: number, limit: number): Work<Event[]> {
  const events: Event[] = [];
  let bytes = 0;
  let last = after;
  while (events.length < limit && last < stream.head) {
    const wanted = Math.min(limit - events.length, fetched);
    const rows = yield* eventsBetween(context.project, stream.id, last, stream.head, wanted);
    for (const row of rows) {
      const content = yield* contentOf(context, stream, row);
      bytes += content.data.length + content.metadata.length;
      if (events.length > 0 && bytes > limits.pageBytes) return events;
      if (row.sequence_number !== ++last) throw missing(stream, last);
      events.push(eventOf(stream.id, row, content));
    }
    if (rows.length < wanted && last < stream.head) throw missing(stream, last + 1);
  }
  return events;
}

function missing(stream: StreamRow, position: number): RookeryError {
  return new RookeryError('TAMPERED', `position ${position} of the stream is missing`, {
    stream: stream.id,
    position,
  });
}

/** What a stored event says, opened where it is sealed. */
export function* contentOf(
  context: ReadContext,
  stream: Pick<StreamRow, 'id' | 'scope' | 'incarnation'>,
  row: EventRow,
): Work<Content> {
  let { data, metadata } = row;
  if (row.sealed) {
    const text = yield* context.open(
      { value: null, sealed: row.sealed },
      bindingOf(stream, row.sequence_number),
    );
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

function eventOf(stream: string, row: EventRow, content: Content): Event {
  return {
    id: row.id,
    stream,
    position: row.sequence_number,
    type: row.type,
    data: JSON.parse(content.data),
    causationId: row.causation_id,
    correlationId: row.correlation_id,
    metadata: JSON.parse(content.metadata) as Record<string, unknown>,
    author: row.author,
    seq: row.seq,
    occurredAt: row.occurred_at,
    recordedAt: row.recorded_at,
  };
}
