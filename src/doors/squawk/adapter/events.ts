import type { z } from 'zod';
import { tellEvent } from '../../../domains/mail/chronicle/telling.ts';
import * as mail from '../../../domains/mail/operations.ts';
import { invalid } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { eventsBetween, newEventOf } from '../mailboxes.ts';
import { recordedEventOf } from '../mission-shapes.ts';
import type { Event } from '../shapes.ts';
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

export function eventTable(as: As) {
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
    const { stream_type, stream_id, limit = mostRows } = filter;
    const after = filter.after_sequence ?? filter.after ?? 0;
    const asked = { type: filter.event_type ?? filter.type, streamType: stream_type, streamId: stream_id };
    const found: Event[] = [];
    for (let next = 0, more = true; more && found.length < Math.min(limit, mostRows); ) {
      const input = { ...asked, after: next, limit: limits.pageSize };
      const page: z.output<typeof mail.events.output> = await as()(mail.events, input);
      found.push(...page.events.filter(({ sequence }) => sequence > after).map(recordedEventOf));
      ({ next, more } = page);
    }
    return found.slice(0, Math.min(limit, mostRows));
  };

  const append = async (event: Fields): Promise<Event> => {
    const streamType = event['stream_type'] ?? 'squawk';
    const stream = event['stream_id'] ?? event['mailbox_id'];
    if (typeof stream !== 'string') throw invalid('stream_id', 'the id of a stream');
    if (streamType === 'squawk') return (await appendTo(stream, [event]))[0]!;
    const { type, ...rest } = newEventOf(event);
    const told = { ...rest, data: jsonOf(rest.data), metadata: jsonOf(rest.metadata) };
    const input = { ...told, type: event['event_type'] ?? type, streamType, streamId: stream };
    const { id } = await as()(tellEvent, input);
    return recordedEventOf((await as()(mail.event, { id }))!);
  };

  return {
    appendTo,
    ofMailbox,
    /** To a mailbox, or to the stream of anything else. */
    append,
    /** Events of one stream in order, from the start or after a sequence number. */
    async queryByStream(stream_type: string, stream_id: string, after = 0): Promise<Event[]> {
      if (stream_type === 'squawk') return await ofMailbox(stream_id, after);
      const found: Event[] = [];
      for (let last = after, more = true; more && found.length < mostRows; ) {
        const input = { streamType: stream_type, streamId: stream_id, after: last, limit: limits.pageSize };
        const page: z.output<typeof mail.eventsOf.output> = await as()(mail.eventsOf, input);
        found.push(...page.events.map(recordedEventOf));
        last = page.events.at(-1)?.sequence ?? last;
        more = page.more;
      }
      return found;
    },
    queryByType: (event_type: string): Promise<Event[]> => getEvents({ event_type }),
    getEvents,
    async getLatestByStream(stream_type: string, stream_id: string): Promise<Event | null> {
      if (stream_type === 'squawk') {
        const head = (await as()(mail.stream, { stream: stream_id }))?.head ?? 0;
        return (await ofMailbox(stream_id, Math.max(0, head - 1))).at(-1) ?? null;
      }
      const range = { streamType: stream_type, streamId: stream_id, first: 'newest', limit: 1 };
      const [event] = (await as()(mail.eventsOf, range)).events;
      return event ? recordedEventOf(event) : null;
    },
  };
}
