import { many, one, statement, type Work } from '../../kernel/work.ts';
import type { Event } from './shapes.ts';

/**
 * Reads over the tables of seed 002 that no operation has: by type over all streams, and the totals of `getStats`. Only
 * what every agent of the project may read, and nothing that is sealed.
 */
interface EventRow {
  id: string;
  mailbox_id: string | null;
  type: string;
  stream_type: string;
  stream_id: string;
  sequence_number: number;
  data: string;
  causation_id: string | null;
  correlation_id: string | null;
  metadata: string;
  occurred_at: string;
  recorded_at: string;
  schema_version: number;
}

const project = 'default';

const columns = `e.id, e.mailbox_id, e.type, e.stream_type, e.stream_id, e.sequence_number, e.data, e.causation_id,
  e.correlation_id, e.metadata, e.occurred_at, e.recorded_at, e.schema_version`;

const selectEvents = statement(`
  SELECT ${columns}
  FROM events e LEFT JOIN mailboxes m ON m.project_id = e.project_id AND m.id = e.mailbox_id
  WHERE e.project_id = $1 AND ($2 = '' OR e.type = $2) AND ($3 = '' OR e.stream_type = $3)
    AND ($4 = '' OR e.stream_id = $4) AND e.sequence_number > $5
    AND e.sealed IS NULL AND (m.id IS NULL OR m.scope = 'project')
  ORDER BY e.seq, e.stream_id, e.sequence_number LIMIT $6`);
/** Events in the order in which they were recorded. */
export const eventsMatching = (
  wanted: { type: string; streamType: string; stream: string; after: number },
  limit: number,
) =>
  many<EventRow>(selectEvents, [project, wanted.type, wanted.streamType, wanted.stream, wanted.after, limit]);

const selectLatest = statement(`
  SELECT ${columns} FROM events e
  WHERE e.project_id = $1 AND e.stream_type = $2 AND e.stream_id = $3 AND e.mailbox_id IS NULL
  ORDER BY e.sequence_number DESC LIMIT 1`);
/** The last event of a stream that is no mailbox. */
export const latestEvent = (streamType: string, stream: string) =>
  one<EventRow>(selectLatest, [project, streamType, stream]);

export function storedEventOf(row: EventRow): Event {
  return {
    sequence_number: row.sequence_number,
    event_id: row.id,
    event_type: row.type,
    stream_type: row.stream_type,
    stream_id: row.stream_id,
    data: JSON.parse(row.data),
    causation_id: row.causation_id,
    correlation_id: row.correlation_id,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    occurred_at: row.occurred_at,
    recorded_at: row.recorded_at,
    schema_version: row.schema_version,
    id: row.id,
    type: row.type,
    mailbox_id: row.mailbox_id,
  };
}

const selectTotals = statement(`
  SELECT (SELECT count(*) FROM events WHERE project_id = $1) AS events,
    (SELECT count(*) FROM missions WHERE project_id = $1) AS missions,
    (SELECT count(*) FROM missions WHERE project_id = $1 AND status = 'in_progress') AS running`);
export function* totals(): Work<{ events: number; missions: number; running: number }> {
  return (yield* one<{ events: number; missions: number; running: number }>(selectTotals, [project]))!;
}
