import { visible } from '../../kernel/access/statements.ts';
import { change, many, one, type Parameter, statement, type Work } from '../../kernel/work.ts';

export interface StreamRow {
  id: string;
  created_at: string;
  updated_at: string;
  head: number;
  scope: string;
  post_scope: string;
  owner: string;
  incarnation: number;
}

const streamColumns =
  'm.id, m.created_at, m.updated_at, m.head, m.scope, m.post_scope, m.owner, m.incarnation';

const selectStream = statement(
  `SELECT ${streamColumns} FROM mailboxes m WHERE m.project_id = $1 AND m.id = $2`,
);
export const streamById = (project: string, id: string) => one<StreamRow>(selectStream, [project, id]);

const visibleStream = visible('m', 'mail', 'm.id', { agent: 2, act: 3, now: 4 });
const selectStreams = statement(`
  SELECT ${streamColumns} FROM mailboxes m
  WHERE m.project_id = $1 AND m.id > $5 AND m.id >= $6 AND m.id < $7 AND ${visibleStream} ORDER BY m.id LIMIT $8`);
/** Streams that the agent may read whose name starts with a prefix; filtered before they are counted. */
export const streamsAfter = (
  project: string,
  agent: string,
  { after, prefix, now, limit }: { after: string; prefix: string; now: number; limit: number },
) =>
  many<StreamRow>(selectStreams, [project, agent, 'read', now, after, prefix, `${prefix}\u{10ffff}`, limit]);

const countStreams = statement(`
  SELECT count(*) AS n FROM mailboxes m WHERE m.project_id = $1 AND ${visibleStream}`);
/** How many streams the agent may read. */
export function* streamCount(project: string, agent: string, now: number): Work<number> {
  return (yield* one<{ n: number }>(countStreams, [project, agent, 'read', now]))!.n;
}

const insertStream = statement(`
  INSERT INTO mailboxes (project_id, id, created_at, updated_at, head, level, scope, post_scope, owner, incarnation)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`);
export const addStream = (project: string, stream: StreamRow & { level: string }) =>
  change(insertStream, [
    project,
    stream.id,
    stream.created_at,
    stream.updated_at,
    stream.head,
    stream.level,
    stream.scope,
    stream.post_scope,
    stream.owner,
    stream.incarnation,
  ]);

const updateHead = statement(`
  UPDATE mailboxes SET head = head + $3, updated_at = $4
  WHERE project_id = $1 AND id = $2 AND head = $5 AND incarnation = $6 AND scope = $7 AND post_scope = $8`);
/** Moves the head by `count` if the stream still is as it was seen; 0 rows otherwise. */
export const advanceHead = (project: string, seen: StreamRow, count: number, now: string) =>
  change(updateHead, [
    project,
    seen.id,
    count,
    now,
    seen.head,
    seen.incarnation,
    seen.scope,
    seen.post_scope,
  ]);

const updateStream = statement(`
  UPDATE mailboxes SET created_at = $3, updated_at = $4, post_scope = $5 WHERE project_id = $1 AND id = $2`);
export const changeStream = (
  project: string,
  stream: Pick<StreamRow, 'id' | 'created_at' | 'updated_at' | 'post_scope'>,
) => change(updateStream, [project, stream.id, stream.created_at, stream.updated_at, stream.post_scope]);

const selectStreamsOf = statement(`
  SELECT ${streamColumns} FROM mailboxes m
  WHERE m.project_id = $1 AND ($2 = '' OR m.scope = $2) AND ($3 = '' OR m.owner = $3) ORDER BY m.id LIMIT $4`);
/** Streams of one audience, or of one owner. */
export const streamsOf = (
  project: string,
  { scope, owner }: { readonly scope: string; readonly owner: string },
  limit: number,
) => many<StreamRow>(selectStreamsOf, [project, scope, owner, limit]);

const deleteStream = statement('DELETE FROM mailboxes WHERE project_id = $1 AND id = $2');
const deleteCursors = statement(
  "DELETE FROM cursors WHERE project_id = $1 AND stream_type = 'squawk' AND stream_id = $2",
);
/** Removes the stream with its events, groups and cursors. */
export function* dropStream(project: string, id: string): Work<number> {
  yield* change(deleteCursors, [project, id]);
  return yield* change(deleteStream, [project, id]);
}

export interface EventRow {
  id: string;
  type: string;
  sequence_number: number;
  data: string;
  sealed: Uint8Array | null;
  causation_id: string | null;
  correlation_id: string | null;
  metadata: string;
  author: string;
  seq: number;
  occurred_at: string;
  recorded_at: string;
}

const eventColumns =
  'id, type, sequence_number, data, sealed, causation_id, correlation_id, metadata, author, seq, occurred_at, recorded_at';

const ownColumns = 12;

/** Parameters 1 and 2 are project and stream; a dozen more for each event. */
function insertEvents(rows: number) {
  const tuple = (row: number) => {
    const own = Array.from({ length: ownColumns }, (_, i) => `$${3 + row * ownColumns + i}`);
    return `($1, $2, 'squawk', $2, ${own.join(', ')})`;
  };
  const tuples = Array.from({ length: rows }, (_, row) => tuple(row)).join(', ');
  return statement(
    `INSERT INTO events (project_id, mailbox_id, stream_type, stream_id, ${eventColumns}) VALUES ${tuples}`,
  );
}
const chunk = 16;
const insertEvent = insertEvents(1);
const insertChunk = insertEvents(chunk);

export function* addEvents(project: string, stream: string, events: readonly EventRow[]): Work<void> {
  const own = (event: EventRow): Parameter[] => [
    event.id,
    event.type,
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
  ];
  let done = 0;
  for (; done + chunk <= events.length; done += chunk) {
    yield* change(insertChunk, [project, stream, ...events.slice(done, done + chunk).flatMap(own)]);
  }
  for (; done < events.length; done++) yield* change(insertEvent, [project, stream, ...own(events[done]!)]);
}

const selectEvents = statement(`
  SELECT ${eventColumns} FROM events
  WHERE project_id = $1 AND mailbox_id = $2 AND sequence_number > $3 AND sequence_number <= $4
  ORDER BY sequence_number LIMIT $5`);
/** Events of a stream after a position and up to another, in order. */
export const eventsBetween = (project: string, stream: string, after: number, upTo: number, limit: number) =>
  many<EventRow>(selectEvents, [project, stream, after, upTo, limit]);

const selectEventStream = statement('SELECT mailbox_id FROM events WHERE project_id = $1 AND id = $2');
/** The row that holds an event id, if there is one. */
export const eventHome = (project: string, id: string) =>
  one<{ mailbox_id: string | null }>(selectEventStream, [project, id]);

export interface CursorRow {
  id: string;
  stream_id: string;
  consumer_id: string;
  position: number;
  created_at: string;
  updated_at: string;
}

const cursorColumns = 'c.id, c.stream_id, c.consumer_id, c.position, c.created_at, c.updated_at';

const selectCursor = statement(`
  SELECT ${cursorColumns} FROM cursors c
  WHERE c.project_id = $1 AND c.stream_type = 'squawk' AND c.stream_id = $2 AND c.consumer_id = $3`);
export const cursorOf = (project: string, stream: string, consumer: string) =>
  one<CursorRow>(selectCursor, [project, stream, consumer]);

const selectCursorById = statement(`
  SELECT ${cursorColumns} FROM cursors c WHERE c.project_id = $1 AND c.id = $2 AND c.stream_type = 'squawk'`);
export const cursorById = (project: string, id: string) => one<CursorRow>(selectCursorById, [project, id]);

// A cursor may stand for a stream that does not exist; that one hides nothing.
const selectCursors = statement(`
  SELECT ${cursorColumns} FROM cursors c LEFT JOIN mailboxes m ON m.project_id = c.project_id AND m.id = c.stream_id
  WHERE c.project_id = $1 AND c.stream_type = 'squawk' AND c.id > $5 AND ($6 = '' OR c.stream_id = $6)
    AND (m.id IS NULL OR (${visibleStream})) ORDER BY c.id LIMIT $7`);
export const cursorsAfter = (
  project: string,
  agent: string,
  { after, stream, now, limit }: { after: string; stream: string; now: number; limit: number },
) => many<CursorRow>(selectCursors, [project, agent, 'read', now, after, stream, limit]);

const selectOfConsumer = statement(`
  SELECT ${cursorColumns} FROM cursors c
  WHERE c.project_id = $1 AND c.stream_type = 'squawk' AND c.consumer_id = $2 ORDER BY c.id LIMIT $3`);
/** Cursors under one name, whoever may read their streams. */
export const cursorsOfConsumer = (project: string, consumer: string, limit: number) =>
  many<CursorRow>(selectOfConsumer, [project, consumer, limit]);

const insertCursor = statement(`
  INSERT INTO cursors (project_id, id, stream_type, stream_id, position, consumer_id, created_at, updated_at)
  VALUES ($1, $2, 'squawk', $3, $4, $5, $6, $7)`);
export const addCursor = (project: string, cursor: CursorRow) =>
  change(insertCursor, [
    project,
    cursor.id,
    cursor.stream_id,
    cursor.position,
    cursor.consumer_id,
    cursor.created_at,
    cursor.updated_at,
  ]);

const updateCursor = statement(`
  UPDATE cursors SET position = $3, updated_at = $4 WHERE project_id = $1 AND id = $2 AND position = $5`);
/** Moves a cursor from where it was seen; 0 rows when it is somewhere else. */
export const moveCursor = (project: string, id: string, from: number, to: number, now: string) =>
  change(updateCursor, [project, id, to, now, from]);

const countCursors = statement(`
  SELECT count(*) AS n FROM cursors WHERE project_id = $1 AND stream_type = 'squawk' AND stream_id = $2`);
export function* cursorCount(project: string, stream: string): Work<number> {
  return (yield* one<{ n: number }>(countCursors, [project, stream]))!.n;
}

const selectStreamPage = statement(`
  SELECT ${streamColumns}, m.level, COALESCE((
      SELECT e.seq FROM events e
      WHERE e.project_id = m.project_id AND e.mailbox_id = m.id AND e.sequence_number = m.head), m.incarnation) AS seq
  FROM mailboxes m WHERE m.project_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3`);
/** All streams in order, for verification, each with the number of the ledger entry that changed it last. */
export const streamsForChecks = (project: string, after: string, limit: number) =>
  many<StreamRow & { level: string; seq: number }>(selectStreamPage, [project, after, limit]);

/** Where an event stands, without what it says; `id` is its stream. */
export type PlacedRow = Pick<StreamRow, 'id' | 'scope' | 'incarnation'> &
  Pick<EventRow, 'sequence_number' | 'seq' | 'author' | 'recorded_at'>;

const selectPlaces = statement(`
  SELECT m.id, m.scope, m.incarnation, e.sequence_number, e.seq, e.author, e.recorded_at
  FROM events e JOIN mailboxes m ON m.project_id = e.project_id AND m.id = e.mailbox_id
  WHERE e.project_id = $1 AND e.mailbox_id IS NOT NULL AND (e.mailbox_id, e.sequence_number) > ($2, $3)
  ORDER BY e.mailbox_id, e.sequence_number LIMIT $4`);
/** All events of streams in order, for verification. */
export const placesAfter = (project: string, stream: string, position: number, limit: number) =>
  many<PlacedRow>(selectPlaces, [project, stream, position, limit]);
