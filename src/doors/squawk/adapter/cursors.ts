import type { Cursor as MailCursor } from '../../../domains/mail/model.ts';
import * as mail from '../../../domains/mail/operations.ts';
import { invalid } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { type Cursor, cursorOf } from '../shapes.ts';
import { type As, known, outOfRange } from './calls.ts';

export interface NewCursor {
  readonly id?: string | null;
  readonly stream_type?: string | null;
  readonly stream_id: string;
  readonly position: number;
  readonly consumer_id?: string | null;
}

export interface CursorMove {
  readonly consumer_id?: string | null;
  /** Allows the cursor to go back. */
  readonly reset?: boolean;
}

export function cursorTable(as: As) {
  const get = async (asked: { id: string } | { stream: string; consumer: string }) => {
    const cursor = await as()(mail.cursor, asked);
    return cursor && cursorOf(cursor);
  };
  const move = async (to: NewCursor & CursorMove): Promise<Cursor> => {
    if ((to.stream_type ?? 'squawk') !== 'squawk') throw invalid('stream_type', 'squawk');
    const moved = await as()(mail.advance, {
      stream: to.stream_id,
      position: to.position,
      consumer: known(to.consumer_id),
      reset: to.reset,
      id: known(to.id),
      orphan: true,
    }).catch(outOfRange);
    if (!moved) throw new Error('Mailbox not found');
    return cursorOf(moved.cursor);
  };
  return {
    create: (cursor: NewCursor): Promise<Cursor> => move(cursor),
    getById: (id: string): Promise<Cursor | null> => get({ id }),
    getByStream: (stream: string, consumer_id = 'default'): Promise<Cursor | null> =>
      get({ stream, consumer: consumer_id }),
    /**
     * Moves a cursor forward and answers it as it is then. Without a mailbox of that name there is no head, and any
     * position is stored; with one, `RangeError` beyond its head.
     */
    advance: (stream_id: string, position: number, how: CursorMove = {}): Promise<Cursor> =>
      move({ stream_id, position, ...how }),
    /** Moves the cursor with this id; `null` where there is none. */
    async update(
      id: string,
      to: { readonly position?: number; readonly reset?: boolean },
    ): Promise<Cursor | null> {
      const cursor = await get({ id });
      if (!cursor || to.position === undefined) return cursor;
      const { stream_id, consumer_id } = cursor;
      return await move({ stream_id, consumer_id, position: to.position, reset: to.reset ?? false });
    },
    async getAll(): Promise<Cursor[]> {
      const found: Cursor[] = [];
      let after: string | null = '';
      while (after !== null) {
        const page: { cursors: MailCursor[]; nextCursor: string | null } = await as()(mail.cursors, {
          limit: limits.pageSize,
          cursor: after,
        });
        found.push(...page.cursors.map(cursorOf));
        after = page.nextCursor;
      }
      return found;
    },
  };
}
