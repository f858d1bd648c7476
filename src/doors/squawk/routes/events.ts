import * as mail from '../../../domains/mail/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { type Answer, ok, Refused } from '../answers.ts';
import { type Endpoint, type Exchange, isText } from '../exchange.ts';
import { numberIn, orMissing, textIn } from '../fields.ts';
import { recordedEventOf } from '../mission-shapes.ts';
import { eventOf } from '../shapes.ts';

const list: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/events$/,
  failure: 'Failed to list events',
  run: (exchange) =>
    page(exchange, {
      type: textIn(exchange, 'type'),
      streamType: textIn(exchange, 'stream_type'),
      streamId: textIn(exchange, 'stream_id'),
      correlationId: textIn(exchange, 'correlation_id'),
      limit: numberIn(exchange, 'limit', 100, limits.pageSize) || 100,
    }),
};

/** By the global position: `next_after` is where to go on, at the end of all too. */
async function page(
  exchange: Exchange,
  filter: Readonly<Record<string, string | number | undefined>>,
): Promise<Answer> {
  const after = numberIn(exchange, 'after', 0, Number.MAX_SAFE_INTEGER);
  const { events, next, more } = await exchange.invoke(mail.events, { ...filter, after });
  return ok({ events: events.map(recordedEventOf), next_after: next, has_more: more });
}

const correlation: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/events\/correlation\/([^/]+)$/,
  failure: 'Failed to list events',
  run: (exchange) =>
    page(exchange, {
      correlationId: exchange.parameter(new Refused(400, 'Invalid correlation ID')),
      limit: numberIn(exchange, 'limit', limits.pageSize, limits.pageSize) || limits.pageSize,
    }),
};

const invalidStream = () => new Refused(400, 'Invalid stream ID');

/** By the sequence numbers of the stream. */
const ofStream: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/events\/stream\/([^/]+)\/([^/]+)$/,
  failure: 'Failed to list events',
  async run(exchange) {
    const streamType = exchange.parameter(invalidStream());
    const streamId = exchange.parameter(invalidStream(), 1);
    const after = numberIn(exchange, 'after', 0, Number.MAX_SAFE_INTEGER);
    const limit = numberIn(exchange, 'limit', limits.pageSize, limits.pageSize) || limits.pageSize;
    if (streamType === 'squawk') return await ofMailbox(exchange, { stream: streamId, after, limit });
    const { events, more } = await exchange.invoke(mail.eventsOf, { streamType, streamId, after, limit });
    return ok({ events: events.map(recordedEventOf), has_more: more });
  },
};

async function ofMailbox(
  exchange: Exchange,
  range: { readonly stream: string; readonly after: number; readonly limit: number },
): Promise<Answer> {
  const found = await exchange.invoke(mail.read, range).catch((error: unknown) => {
    if (isRookeryError(error, 'CURSOR_AHEAD')) return null;
    throw isRookeryError(error, 'INVALID_INPUT') ? invalidStream() : error;
  });
  return ok({ events: found?.events.map(eventOf) ?? [], has_more: found?.hasMore ?? false });
}

const statistics: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/events\/statistics$/,
  failure: 'Failed to get statistics',
  async run(exchange) {
    const { total, byType, byStreamType, firstAt, lastAt } = await exchange.invoke(mail.statistics, {});
    return ok({
      total_events: total,
      by_type: byType,
      by_stream_type: byStreamType,
      first_at: firstAt,
      last_at: lastAt,
    });
  },
};

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/events\/(?!statistics$)([^/]+)$/,
  failure: 'Failed to get event',
  async run(exchange) {
    const missing = () => new Refused(404, 'Event not found');
    const id = exchange.parameter(missing());
    if (!isText(id)) throw missing();
    return ok({ event: recordedEventOf(await orMissing(exchange.invoke(mail.event, { id }), missing)) });
  },
};

export const eventEndpoints: readonly Endpoint[] = [list, correlation, ofStream, statistics, get];
