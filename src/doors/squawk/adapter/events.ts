import * as mail from '../../../domains/mail/operations.ts';
import { invalid } from '../../../kernel/errors.ts';
import type { Store } from '../../../kernel/store.ts';
import { eventsBetween, newEventOf } from '../mailboxes.ts';
import type { Event } from '../shapes.ts';
import { eventsMatching, latestEvent, storedEventOf } from '../statements.ts';
import { type As, type Fields, jsonOf } from './calls.ts';

export interface EventFilter {
  readonly event_type?: string;
  readonly type?: string;
  readonly stream_type?: string;
  readonly stream_id?: string;
  /** Sequence numbers after this one; 0 for the beginning. */
  readonly after?: number;
  readonly after_sequence?: number;
  readonly limit?: number;
}

/** Most rows that one query over several streams answers. */
const mostRows = 10_000;

export function eventTable(store: () => Store, as: As) {
  /** All of them, or the first that are asked for. */
  const ofMailbox = async (stream: string, after: number, limit = Number.POSITIVE_INFINITY) => {
    const state = await as()(mail.stream, { stream });
    if (!state || after >= state.head) return [];
    return await eventsBetween(as(), stream, { after, upTo: Math.min(state.head, after + limit) });
  };

  const appendTo = async (stream: string, events: readonly Fields[]): Promise<Event[]> => {
    const batch = events.map((event) => ({
      ...newEventOf({ ...event, data: jsonOf(event['data']), metadata: jsonOf(event['metadata']) }),
      type: event['event_type'] ?? event['type'],
      occurredAt: event['occurred_at'] ?? undefined,
    }));
    const { first, last, count } = await as()(mail.append, { stream, events: batch });
    return count === 0 ? [] : await eventsBetween(as(), stream, { after: first - 1, upTo: last });
  };

  const getEvents = async (filter: EventFilter = {}): Promise<Event[]> => {
    const { stream_type = '', stream_id = '', limit = mostRows } = filter;
    const type = filter.event_type ?? filter.type ?? '';
    const after = filter.after_sequence ?? filter.after ?? 0;
    const rows = await store().engine.read(() =>
      eventsMatching({ type, streamType: stream_type, stream: stream_id, after }, Math.min(limit, mostRows)),
    );
    return rows.map(storedEventOf);
  };

  return {
    appendTo,
    ofMailbox,
    async append(event: Fields): Promise<Event> {
      if ((event['stream_type'] ?? 'squawk') !== 'squawk') throw invalid('stream_type', 'squawk');
      const stream = event['stream_id'] ?? event['mailbox_id'];
      if (typeof stream !== 'string') throw invalid('stream_id', 'the id of a mailbox');
      return (await appendTo(stream, [event]))[0]!;
    },
    /** Events of one stream in order, from the start or after a sequence number. */
    async queryByStream(stream_type: string, stream_id: string, after = 0): Promise<Event[]> {
      if (stream_type === 'squawk') return await ofMailbox(stream_id, after);
      return await getEvents({ stream_type, stream_id, after });
    },
    queryByType: (event_type: string): Promise<Event[]> => getEvents({ event_type }),
    getEvents,
    async getLatestByStream(stream_type: string, stream_id: string): Promise<Event | null> {
      if (stream_type === 'squawk') {
        const head = (await as()(mail.stream, { stream: stream_id }))?.head ?? 0;
        return (await ofMailbox(stream_id, Math.max(0, head - 1))).at(-1) ?? null;
      }
      const row = await store().engine.read(() => latestEvent(stream_type, stream_id));
      return row ? storedEventOf(row) : null;
    },
  };
}
