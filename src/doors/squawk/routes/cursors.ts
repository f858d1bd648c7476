import * as mail from '../../../domains/mail/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { ok, Refused } from '../answers.ts';
import { type Endpoint, type Exchange, isText } from '../exchange.ts';
import { cursorOf } from '../shapes.ts';

const advance: Endpoint = {
  method: 'POST',
  path: /^\/api\/v1\/cursor\/advance$/,
  failure: 'Failed to advance cursor',
  async run(exchange) {
    const { stream_id: stream, position, consumer_id, reset } = await exchange.body();
    if (!isText(stream) || typeof position !== 'number')
      throw new Refused(400, 'stream_id and position are required');
    const move = { stream, position, consumer: consumer_id ?? undefined, reset: reset ?? undefined };
    const moved = await exchange.invoke(mail.advance, move).catch(refuseMove);
    if (!moved) throw new Refused(404, 'Mailbox not found');
    return ok({ cursor: cursorOf(moved.cursor), head: moved.head, moved: moved.moved });
  },
};

function refuseMove(error: unknown): never {
  if (isRookeryError(error, 'CURSOR_AHEAD'))
    throw new Refused(400, 'position is beyond the head of the stream', { head: error.details['head'] });
  if (isRookeryError(error, 'INVALID_INPUT') && error.details['field'] === 'position')
    throw new Refused(400, 'position must be a non-negative integer');
  throw error;
}

const get: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/cursor\/(?!advance$)([^/]*)$/,
  failure: 'Failed to get cursor',
  run: (exchange) => find(exchange, { id: exchange.parameter(invalidCursor()) }),
};

const query: Endpoint = {
  method: 'GET',
  path: /^\/api\/v1\/cursor$/,
  failure: 'Failed to get cursor',
  run: (exchange) =>
    find(exchange, {
      stream: exchange.query.get('stream_id') ?? '',
      consumer: exchange.query.get('consumer_id') || undefined,
    }),
};

const invalidCursor = () => new Refused(400, 'Invalid cursor ID');

async function find(exchange: Exchange, input: unknown) {
  const cursor = await exchange.invoke(mail.cursor, input).catch((error: unknown) => {
    throw isRookeryError(error, 'INVALID_INPUT') ? invalidCursor() : error;
  });
  if (!cursor) throw new Refused(404, 'Cursor not found');
  return ok({ cursor: cursorOf(cursor) });
}

export const cursors: readonly Endpoint[] = [advance, get, query];
