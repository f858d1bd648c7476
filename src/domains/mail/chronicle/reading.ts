import { levelOf } from '../../../kernel/access/model.ts';
import type { ReadContext, Subject } from '../../../kernel/context.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import { type Content, contentOf } from '../events.ts';
import { subjectOf as mailSubject } from '../streams.ts';
import { behind, type Chronicled, placeOf, positionOf } from './model.ts';
import { recordedContent, subjectOf } from './recording.ts';
import {
  type ChronicleRow,
  correlatedAfter,
  entryFurtherOn,
  eventById,
  eventsAfter,
  eventsOfStream,
} from './statements.ts';

/** Reading the chronicle: what the caller may see of it, with its contents. */

/** How many events one page looks through: a filter may pass over all of them. */
const windowEvents = 20_000;
/** Rows fetched at once: with contents of a megabyte each, what a page may hold in memory before it is cut. */
const fetched = 64;

export interface Wanted {
  readonly type?: string | undefined;
  readonly streamType?: string | undefined;
  readonly streamId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly after: number;
  readonly limit: number;
}

export interface Page {
  readonly events: Chronicled[];
  /** Where to go on. */
  readonly next: number;
  /** Whether there may be more now. A page that found little in a long stretch is short and says so. */
  readonly more: boolean;
}

export function* chroniclePage(context: ReadContext, wanted: Wanted): Work<Page> {
  const { type = '', streamType = '', streamId = '', correlationId, after, limit } = wanted;
  const filter = { type, streamType, streamId };
  const start = placeOf(after);
  const end =
    correlationId === undefined ? yield* entryFurtherOn(context.project, start.seq, windowEvents) : undefined;
  const upTo = end ?? Number.MAX_SAFE_INTEGER;
  const rowsAfter = (position: number, count: number) =>
    correlationId === undefined
      ? eventsAfter(context, { ...placeOf(position), upTo }, filter, count)
      : correlatedAfter(context, placeOf(position), { ...filter, correlationId }, count);
  const events = yield* gather(context, limit, (last, count) =>
    rowsAfter(last ? positionIn(last) : after, count),
  );
  const last = events.rows.at(-1);
  if (!events.ended) return { events: events.shown, next: positionIn(last!), more: true };
  if (end !== undefined) return { events: events.shown, next: behind(end), more: true };
  return { events: events.shown, next: last ? positionIn(last) : after, more: false };
}

export interface StreamRange {
  readonly streamType: string;
  readonly streamId: string;
  /** Sequence numbers between which events lie; they themselves do not count. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly first?: 'oldest' | 'newest' | undefined;
  readonly limit: number;
}

/** Events of a stream that is no mailbox, the oldest first unless asked otherwise. */
export function* streamPage(
  context: ReadContext,
  range: StreamRange,
): Work<{ events: Chronicled[]; more: boolean }> {
  const { after = 0, before = Number.MAX_SAFE_INTEGER, first = 'oldest', limit } = range;
  const { shown, ended } = yield* gather(context, limit, (last, count) => {
    const between =
      last &&
      {
        oldest: { after: last.sequence_number, before },
        newest: { after, before: last.sequence_number },
      }[first];
    return eventsOfStream(context, range, { ...(between ?? { after, before }), first }, count);
  });
  return { events: shown, more: !ended };
}

interface Gathered {
  readonly shown: Chronicled[];
  readonly rows: ChronicleRow[];
  /** Nothing follows. */
  readonly ended: boolean;
}

/** At most `limit` events, and fewer when their contents are large; what is closed to others is noted as read. */
function* gather(
  context: ReadContext,
  limit: number,
  fetch: (last: ChronicleRow | undefined, count: number) => Work<ChronicleRow[]>,
): Work<Gathered> {
  const gathered = { shown: [] as Chronicled[], rows: [] as ChronicleRow[] };
  let bytes = 0;
  for (;;) {
    const count = Math.min(limit + 1 - gathered.rows.length, fetched);
    const rows = yield* fetch(gathered.rows.at(-1), count);
    for (const row of rows) {
      if (gathered.rows.length === limit) return { ...gathered, ended: false };
      const content = yield* contentIn(context, row);
      bytes += content.data.length + content.metadata.length;
      if (gathered.rows.length > 0 && bytes > limits.pageBytes) return { ...gathered, ended: false };
      noteRead(context, row);
      gathered.rows.push(row);
      gathered.shown.push(eventOf(row, content));
    }
    if (rows.length < count) return { ...gathered, ended: true };
  }
}

/** One event, when the caller may read it. Absent and forbidden are one answer; the ledger hears of the latter. */
export function* findEvent(context: ReadContext, id: string): Work<Chronicled | undefined> {
  const identity = yield* context.identity();
  const row = yield* eventById(context.project, id);
  if (!row) return undefined;
  const { scope, owner } = row;
  const [resource, path] =
    row.mailbox_id === null ? ['events', `${row.stream_type}/${row.stream_id}`] : ['mail', row.mailbox_id];
  if (!(yield* context.may(identity, 'read', resource, { scope, owner, path }))) {
    context.noteDenial(subjectIn(row));
    return undefined;
  }
  noteRead(context, row);
  return eventOf(row, yield* contentIn(context, row));
}

function subjectIn(row: ChronicleRow): Subject {
  return row.mailbox_id === null ? subjectOf(row) : mailSubject(row.mailbox_id, row.scope);
}

function noteRead(context: ReadContext, row: ChronicleRow): void {
  const subject = subjectIn(row);
  const last = context.reads.at(-1);
  if (last?.name !== subject.name || last.scope !== subject.scope) context.noteRead(subject);
}

function contentIn(context: ReadContext, row: ChronicleRow): Work<Content> {
  if (row.mailbox_id === null) return recordedContent(context, row);
  const stream = { id: row.mailbox_id, scope: row.scope, incarnation: row.incarnation! };
  return contentOf(context, stream, row);
}

function positionIn(row: ChronicleRow): number {
  return positionOf({ seq: row.seq, rank: row.sequence_number - row.first });
}

function eventOf(row: ChronicleRow, content: Content): Chronicled {
  return {
    id: row.id,
    type: row.type,
    streamType: row.stream_type,
    streamId: row.stream_id,
    sequence: row.sequence_number,
    position: positionIn(row),
    level: levelOf(row.scope),
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
