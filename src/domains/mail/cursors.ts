import { isoTime } from '../../kernel/clock.ts';
import type { ReadContext, Subject, WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { type Cursor, decideMove, defaultCursorId } from './model.ts';
import {
  addCursor,
  type CursorRow,
  cursorById,
  cursorCount,
  cursorOf,
  moveCursor,
  type StreamRow,
  streamById,
} from './statements.ts';
import { readable } from './streams.ts';

/** How far consumers have come, one row per stream and consumer. */

export function stateOf(row: CursorRow): Cursor {
  return {
    id: row.id,
    stream: row.stream_id,
    consumer: row.consumer_id,
    position: row.position,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export interface Moving {
  readonly stream: string;
  readonly consumer: string;
  readonly position: number;
  readonly expected?: number | undefined;
  readonly reset: boolean;
  /** Store a position for a stream that does not exist. */
  readonly orphan: boolean;
  /** The id and times to give a cursor that is new. */
  readonly id?: string | undefined;
  readonly createdAt?: string | undefined;
  readonly updatedAt?: string | undefined;
}

export interface Moved {
  readonly cursor: Cursor;
  readonly head: number;
  readonly moved: boolean;
}

/** Moves a cursor, making it where there is none; undefined when there is no such stream to the caller. */
export function* advance(context: WriteContext, moving: Moving): Work<Moved | undefined> {
  const { project, now } = context;
  const { stream, consumer, position } = moving;
  const target = yield* targetOf(context, moving);
  if (!target) return undefined;
  const { row } = target;
  const current = yield* cursorOf(project, stream, consumer);
  const decision = decideMove({ ...moving, current: current?.position, head: row?.head });
  const head = row?.head ?? 0;
  if (decision === 'keep') return { cursor: stateOf(current!), head, moved: false };
  const at = isoTime(now);
  const from = current?.position ?? 0;
  yield* context.record(subjectOf(stream, consumer, row), {
    facts: { position, ...(position < from && { reset: 1 }) },
  });
  if (!current) {
    const created = yield* create(context, moving, at);
    return { cursor: stateOf(created), head, moved: position !== 0 };
  }
  if ((yield* moveCursor(project, current.id, from, position, at)) !== 1) {
    throw new RookeryError('REVISION_CONFLICT', 'the cursor moved meanwhile', { field: 'expected' });
  }
  return { cursor: stateOf({ ...current, position, updated_at: at }), head, moved: true };
}

/** The stream of a cursor; one that does not exist only where that was asked for. */
function* targetOf(
  context: WriteContext,
  { stream, orphan }: Moving,
): Work<{ row: StreamRow | undefined } | undefined> {
  const row = yield* readable(context, stream);
  if (row) return { row };
  const hidden = orphan && !(yield* streamById(context.project, stream));
  return hidden ? { row: undefined } : undefined;
}

function* create(
  context: WriteContext,
  { stream, consumer, position, id: wanted, createdAt, updatedAt }: Moving,
  at: string,
): Work<CursorRow> {
  if ((yield* cursorCount(context.project, stream)) >= limits.cursorsPerStream) {
    throw new RookeryError('LIMIT_REACHED', `a stream has at most ${limits.cursorsPerStream} cursors`, {
      stream,
    });
  }
  const fixed = consumer === 'default' ? defaultCursorId(stream) : undefined;
  const id = wanted ?? fixed ?? context.newId('cur');
  // An id of that form belongs to the default cursor of the stream it names.
  if (id !== fixed && id.endsWith(defaultCursorId('')))
    throw invalid('id', 'an id that does not end in "_cursor"');
  if (yield* cursorById(context.project, id)) throw invalid('id', 'a cursor id that is not in use');
  const row = {
    id,
    stream_id: stream,
    consumer_id: consumer,
    position,
    created_at: createdAt ?? updatedAt ?? at,
    updated_at: updatedAt ?? createdAt ?? at,
  };
  yield* addCursor(context.project, row);
  return row;
}

function subjectOf(stream: string, consumer: string, row: StreamRow | undefined): Subject {
  return { kind: 'cursor', name: `${stream}\n${consumer}`, scope: row?.scope ?? 'project' };
}

/** A cursor by its id, or by stream and consumer; undefined when the caller may not read the stream. */
export function* find(
  context: ReadContext,
  { id, stream, consumer }: { id?: string | undefined; stream?: string | undefined; consumer: string },
): Work<CursorRow | undefined> {
  if ((id === undefined) === (stream === undefined)) throw invalid('id', 'either an id or a stream');
  const { project } = context;
  const row = id !== undefined ? yield* cursorById(project, id) : yield* cursorOf(project, stream!, consumer);
  if (!row) {
    yield* context.identity();
    return undefined;
  }
  if (yield* readable(context, row.stream_id)) return row;
  return (yield* streamById(project, row.stream_id)) ? undefined : row;
}
