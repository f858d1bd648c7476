import { visible } from '../../../kernel/access/statements.ts';
import { change, many, one, statement, type Work } from '../../../kernel/work.ts';
import type { EventRow } from '../statements.ts';

/** An event with its stream and audience; `first` is the lowest sequence number of its ledger entry. */
export interface ChronicleRow extends EventRow {
  mailbox_id: string | null;
  stream_type: string;
  stream_id: string;
  scope: string;
  owner: string;
  incarnation: number | null;
  first: number;
}

const own = `id, mailbox_id, type, stream_type, stream_id, sequence_number, data, sealed, causation_id, correlation_id,
  metadata, author, seq, occurred_at, recorded_at`;

const events = `(
  SELECT x.project_id, ${own.replaceAll(/\b([a-z_]+)\b/g, 'x.$1')},
    COALESCE(m.scope, x.scope, 'project') AS scope, COALESCE(m.owner, x.author) AS owner, m.incarnation,
    (SELECT min(f.sequence_number) FROM events f WHERE f.project_id = x.project_id AND f.seq = x.seq) AS first
  FROM events x LEFT JOIN mailboxes m ON m.project_id = x.project_id AND m.id = x.mailbox_id) e`;

const at = { agent: 2, act: 3, now: 4 };
const readable = `(
  (e.mailbox_id IS NOT NULL AND ${visible('e', 'mail', 'e.mailbox_id', at)})
  OR (e.mailbox_id IS NULL AND ${visible('e', 'events', "e.stream_type || '/' || e.stream_id", at)}))`;

export interface Reader {
  readonly project: string;
  readonly agent: string;
  readonly now: number;
}

const readerOf = ({ project, agent, now }: Reader) => [project, agent, 'read', now];

const selectById = statement(`SELECT e.* FROM ${events} WHERE e.project_id = $1 AND e.id = $2`);
/** One event, whoever asks. */
export const eventById = (project: string, id: string) => one<ChronicleRow>(selectById, [project, id]);

const inOrder = `
  SELECT e.* FROM ${events}
  WHERE e.project_id = $1 AND e.seq >= $5 AND (e.seq > $5 OR e.sequence_number - e.first > $6) AND ${readable}`;

const selectAfter = statement(`${inOrder}
    AND e.seq <= $7 AND ($8 = '' OR e.type = $8) AND ($9 = '' OR e.stream_type = $9)
    AND ($10 = '' OR e.stream_id = $10)
  ORDER BY e.seq, e.sequence_number LIMIT $11`);
/** Events that the agent may read, after a place and up to an entry, in the order of the ledger. */
export const eventsAfter = (
  reader: Reader,
  place: { seq: number; rank: number; upTo: number },
  filter: { type: string; streamType: string; streamId: string },
  limit: number,
) =>
  many<ChronicleRow>(selectAfter, [
    ...readerOf(reader),
    place.seq,
    place.rank,
    place.upTo,
    filter.type,
    filter.streamType,
    filter.streamId,
    limit,
  ]);

const selectCorrelated = statement(`${inOrder}
    AND e.correlation_id = $7 AND ($8 = '' OR e.type = $8) AND ($9 = '' OR e.stream_type = $9)
    AND ($10 = '' OR e.stream_id = $10)
  ORDER BY e.seq, e.sequence_number LIMIT $11`);
/** The same among the events of one correlation, however far apart they are. */
export const correlatedAfter = (
  reader: Reader,
  place: { seq: number; rank: number },
  filter: { type: string; streamType: string; streamId: string; correlationId: string },
  limit: number,
) =>
  many<ChronicleRow>(selectCorrelated, [
    ...readerOf(reader),
    place.seq,
    place.rank,
    filter.correlationId,
    filter.type,
    filter.streamType,
    filter.streamId,
    limit,
  ]);

const selectEnd = statement(`
  SELECT seq FROM events WHERE project_id = $1 AND seq >= $2 ORDER BY seq, sequence_number LIMIT 1 OFFSET $3`);
/** The entry that lies so many events further on; undefined where fewer follow. */
export function* entryFurtherOn(project: string, seq: number, events: number): Work<number | undefined> {
  return (yield* one<{ seq: number }>(selectEnd, [project, seq, events]))?.seq;
}

const ofStream = (order: 'ASC' | 'DESC') =>
  statement(`
    SELECT e.* FROM ${events}
    WHERE e.project_id = $1 AND e.mailbox_id IS NULL AND e.stream_type = $5 AND e.stream_id = $6
      AND e.sequence_number > $7 AND e.sequence_number < $8 AND ${readable}
    ORDER BY e.sequence_number ${order} LIMIT $9`);
const selectOfStream = { oldest: ofStream('ASC'), newest: ofStream('DESC') };
/** Events of a stream that is no mailbox, between two sequence numbers that do not count. */
export const eventsOfStream = (
  reader: Reader,
  stream: { streamType: string; streamId: string },
  between: { after: number; before: number; first: 'oldest' | 'newest' },
  limit: number,
) =>
  many<ChronicleRow>(selectOfStream[between.first], [
    ...readerOf(reader),
    stream.streamType,
    stream.streamId,
    between.after,
    between.before,
    limit,
  ]);

const selectCounts = statement(`
  SELECT e.type, e.stream_type, count(*) AS n, min(e.recorded_at) AS first_at, max(e.recorded_at) AS last_at
  FROM ${events} WHERE e.project_id = $1 AND e.seq > $5 AND e.seq <= $6 AND ${readable}
  GROUP BY e.type, e.stream_type LIMIT 100000`);
/** How many events of which types the agent may read, between two entries. */
export const countsBetween = (reader: Reader, after: number, upTo: number) =>
  many<{ type: string; stream_type: string; n: number; first_at: string; last_at: string }>(selectCounts, [
    ...readerOf(reader),
    after,
    upTo,
  ]);

const selectLast = statement(`
  SELECT sequence_number FROM events
  WHERE project_id = $1 AND mailbox_id IS NULL AND stream_type = $2 AND stream_id = $3
  ORDER BY sequence_number DESC LIMIT 1`);
/** The sequence number of the last event of a stream that is no mailbox; 0 where there is none. */
export function* lastOf(project: string, streamType: string, streamId: string): Work<number> {
  const row = yield* one<{ sequence_number: number }>(selectLast, [project, streamType, streamId]);
  return row?.sequence_number ?? 0;
}

const selectLastCorrelated = statement(`
  SELECT recorded_at FROM events WHERE project_id = $1 AND correlation_id = $2
  ORDER BY seq DESC, sequence_number DESC LIMIT 1`);
/** When the last event of a correlation was recorded, of whatever stream; undefined where there is none. */
export function* lastCorrelated(project: string, correlation: string): Work<string | undefined> {
  return (yield* one<{ recorded_at: string }>(selectLastCorrelated, [project, correlation]))?.recorded_at;
}

const insertEvent = statement(`
  INSERT INTO events (project_id, id, type, stream_type, stream_id, sequence_number, data, sealed, causation_id,
    correlation_id, metadata, author, seq, occurred_at, recorded_at, scope)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`);
export const addEvent = (
  project: string,
  event: EventRow & { stream_type: string; stream_id: string; scope: string },
) =>
  change(insertEvent, [
    project,
    event.id,
    event.type,
    event.stream_type,
    event.stream_id,
    event.sequence_number,
    event.data,
    event.sealed,
    event.causation_id,
    event.correlation_id,
    event.metadata,
    event.author,
    event.seq,
    event.occurred_at,
    event.recorded_at,
    event.scope,
  ]);

const selectPage = statement(`
  SELECT e.* FROM ${events}
  WHERE e.project_id = $1 AND e.mailbox_id IS NULL AND (e.stream_type, e.stream_id, e.sequence_number) > ($2, $3, $4)
  ORDER BY e.stream_type, e.stream_id, e.sequence_number LIMIT $5`);
/** All events of streams that are no mailboxes, stream by stream, for verification. */
export const eventsForChecks = (
  project: string,
  after: { streamType: string; streamId: string; sequence: number },
  limit: number,
) => many<ChronicleRow>(selectPage, [project, after.streamType, after.streamId, after.sequence, limit]);

const updateBlank = statement(`
  UPDATE events SET type = 'erased', data = '{"erased":true}', sealed = NULL, metadata = '{}', causation_id = NULL,
    correlation_id = NULL
  WHERE project_id = $1 AND mailbox_id IS NULL AND scope = $2`);
/** Erases what the events of one audience say, in streams that are no mailboxes; their numbers stay. */
export const blankEvents = (project: string, scope: string) => change(updateBlank, [project, scope]);

const deleteStream = statement(`
  DELETE FROM events WHERE project_id = $1 AND mailbox_id IS NULL AND stream_type = $2 AND stream_id = $3`);
export const dropEvents = (project: string, streamType: string, streamId: string) =>
  change(deleteStream, [project, streamType, streamId]);
