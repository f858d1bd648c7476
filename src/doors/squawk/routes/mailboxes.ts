import * as mail from '../../../domains/mail/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { ok, Refused } from '../answers.ts';
import { type Endpoint, type Exchange, isRecord, isText } from '../exchange.ts';
import { eventsBetween, mailbox, newEventOf } from '../mailboxes.ts';
import { eventOf, mailboxOf } from '../shapes.ts';

const invalidStream = () => new Refused(400, 'Invalid stream ID');

/**
 * A page holds `limits.pageBytes` of contents, so a stream of large events is answered by its newest 16 MiB and not by
 * what no process could hold.
 */
const pagesKept = 8;

const append: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/mailbox\/append$/,
  failure: 'Failed to append to mailbox',
  async run(exchange) {
    const { stream_id: stream, events } = await exchange.body();
    if (!isText(stream) || !Array.isArray(events))
      throw new Refused(400, 'stream_id and events array are required');
    const batch = events.map((event: unknown) => (isRecord(event) ? newEventOf(event) : event));
    const appended = await exchange.invoke(mail.append, { stream, events: batch }).catch(refuseAppend);
    const { head } = appended;
    const after = Math.max(0, head - limits.pageSize);
    const listed = await eventsBetween(exchange.invoke, stream, { after, upTo: head, pagesKept });
    // Who may post may not be allowed to read: then the times stay unknown as well.
    const state = await mailbox(exchange.invoke, stream);
    const shown = { id: stream, created_at: null, updated_at: null, ...state };
    // Others may have appended since; a replayed answer ends where the first one did.
    const updated_at =
      appended.count > 0 ? (listed.at(-1)?.recorded_at ?? shown.updated_at) : shown.updated_at;
    return ok({ mailbox: { ...shown, updated_at, events: listed }, inserted: appended.count });
  },
};

function refuseAppend(error: unknown): never {
  if (!isRookeryError(error, 'INVALID_INPUT') && !isRookeryError(error, 'TOO_LARGE')) throw error;
  const field = String(error.details['field'] ?? '');
  const [, index] = /^events\.(\d+)(?:\.|$)/.exec(field) ?? [];
  if (index !== undefined && error.code === 'INVALID_INPUT')
    throw new Refused(400, 'Invalid event', {
      index: Number(index),
      details: error.message.slice('events.'.length + index.length + 1).trim(),
    });
  if (field === 'stream') throw invalidStream();
  throw error;
}

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/mailbox\/([^/]*)$/,
  failure: 'Failed to get mailbox',
  async run(exchange) {
    const stream = exchange.parameter(invalidStream());
    const after = whole(exchange, 'after', 0);
    const limit = whole(exchange, 'limit', limits.pageSize);
    const state = await exchange.invoke(mail.stream, { stream }).catch(refuseRead);
    if (!state) throw missing(exchange);
    const page = await exchange.invoke(mail.read, { stream, after, limit }).catch(refuseRead);
    if (!page) throw missing(exchange);
    const events = page.events.map(eventOf);
    return ok({ mailbox: { ...mailboxOf(state), events }, has_more: page.hasMore, head: page.head });
  },
};

/** A mailbox may be called "append"; where none is, that path is known for its other method only. */
function missing(exchange: Exchange): Refused {
  return exchange.segment === 'append'
    ? new Refused(405, 'Method not allowed')
    : new Refused(404, 'Mailbox not found');
}

function whole(exchange: Exchange, name: string, otherwise: number): number {
  const text = exchange.query.get(name);
  if (text === null) return otherwise;
  if (!/^\d+$/.test(text)) throw new Refused(400, 'Invalid paging');
  return Number(text);
}

function refuseRead(error: unknown): never {
  if (isRookeryError(error, 'CURSOR_AHEAD'))
    throw new Refused(400, 'Invalid paging', { head: error.details['head'] });
  if (isRookeryError(error, 'INVALID_INPUT'))
    throw error.details['field'] === 'stream' ? invalidStream() : new Refused(400, 'Invalid paging');
  throw error;
}

export const mailboxes: readonly Endpoint[] = [append, get];
