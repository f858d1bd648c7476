import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { counting, notes } from '../../support/mail.ts';
import { entriesOf } from '../../support/statements.ts';

/** How far consumers have come. */
export function cursorSuite(harness: Harness): void {
  it('moves forward only, bounded by the head, each consumer for itself [CU1, CU2]', async () => {
    const clock = new ManualClock();
    const { mail } = (await harness.open({ clock })).as('a');
    await mail.append({ stream: 's', events: notes(5) });
    const createdAt = new Date(clock.now()).toISOString();
    const cursor = { id: 's_cursor', stream: 's', consumer: 'default', createdAt, updatedAt: createdAt };
    expect(await mail.advance({ stream: 's', position: 4 })).toEqual({
      cursor: { ...cursor, position: 4 },
      head: 5,
      moved: true,
    });
    clock.advance(1000);
    expect(await mail.advance({ stream: 's', position: 2 })).toEqual({
      cursor: { ...cursor, position: 4 },
      head: 5,
      moved: false,
    });
    await expect(mail.advance({ stream: 's', position: 6 })).rejects.toMatchObject({
      code: 'CURSOR_AHEAD',
      details: { head: 5 },
    });
    const other = await mail.advance({ stream: 's', position: 1, consumer: 'b' });
    expect(other).toMatchObject({ cursor: { consumer: 'b', position: 1 }, moved: true });
    expect(await mail.cursor({ id: 's_cursor' })).toEqual({ ...cursor, position: 4 });
    expect(await mail.cursor({ stream: 's', consumer: 'b' })).toEqual(other!.cursor);
    expect(await mail.cursor({ id: other!.cursor.id })).toEqual(other!.cursor);
    expect(await mail.cursor({ id: 's' })).toBeNull();
    for (const position of [-1, 0.5, '3' as never])
      await expect(mail.advance({ stream: 's', position })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field: 'position' },
      });
  });

  it('goes back by a recorded reset only, and never beyond the head', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await mail.append({ stream: 's', events: notes(5) });
    for (const position of [4, 2]) await mail.advance({ stream: 's', position });
    const back = await mail.advance({ stream: 's', position: 1, reset: true });
    expect(back).toMatchObject({ cursor: { position: 1 }, moved: true });
    await expect(mail.advance({ stream: 's', position: 9, reset: true })).rejects.toMatchObject({
      code: 'CURSOR_AHEAD',
    });
    const told = (await entriesOf(rookery)).filter((entry) => entry.op === 'mail.advance');
    expect(told.map((entry) => entry.facts)).toEqual([{ position: 4 }, { position: 1, reset: 1 }]);
  });

  it('lets one of those win who expect the same position [CU3]', async () => {
    const openings = [await harness.open(), await harness.again()];
    await openings[0]!.as('a').mail.append({ stream: 's', events: notes(20) });
    for (const round of counting(8)) {
      const from = 2 * (round - 1);
      const attempts = await Promise.allSettled(
        counting(6).map((n) =>
          openings[n % 2]!.as(`a${n}`).mail.advance({
            stream: 's',
            position: from + 1 + (n % 2),
            expected: from,
          }),
        ),
      );
      const won = attempts.filter((attempt) => attempt.status === 'fulfilled');
      expect(won).toHaveLength(1);
      const { position } = won[0]!.value!.cursor;
      for (const attempt of attempts)
        if (attempt.status === 'rejected')
          expect(attempt.reason).toMatchObject({
            code: 'REVISION_CONFLICT',
            details: { expected: from, actual: position },
          });
      await openings[0]!.as('a').mail.advance({ stream: 's', position: from + 2 });
    }
  });

  it('is moved by no read, of whoever it is [CU4, CU-x1]', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await mail.append({ stream: 's', events: notes(3) });
    await mail.advance({ stream: 's', position: 1 });
    const before = { cursors: await mail.cursors(), entries: (await entriesOf(rookery)).length };
    await mail.read({ stream: 's' });
    await rookery.as('a').mail.read({ stream: 's', after: 1 });
    await mail.cursor({ stream: 's' });
    await mail.advance({ stream: 's', position: 1 });
    expect({ cursors: await mail.cursors(), entries: (await entriesOf(rookery)).length }).toEqual(before);
  });

  it('loses nothing to a consumer that stops between reading and advancing [CU-x3]', async () => {
    const { mail } = (await harness.open()).as('a');
    await mail.append({ stream: 's', events: notes(6) });
    const processed: unknown[] = [];
    for (const stops of [false, true, false, false]) {
      const after = (await mail.cursor({ stream: 's' }))?.position ?? 0;
      const page = (await mail.read({ stream: 's', after, limit: 2 }))!;
      if (stops) continue;
      processed.push(...page.events.map((event) => event.data));
      await mail.advance({ stream: 's', position: page.next, expected: after });
    }
    expect(processed).toEqual(counting(6));
  });

  it('hides the cursors of streams that cannot be read, and moves none', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a').mail, rookery.as('b').mail];
    await a.create({ stream: 's', level: 'private' });
    await a.append({ stream: 's', events: notes(2) });
    await a.advance({ stream: 's', position: 1 });
    expect((await a.cursors()).cursors).toHaveLength(1);
    expect(await b.cursors()).toEqual({ cursors: [], nextCursor: null });
    expect(await b.cursor({ id: 's_cursor' })).toBeNull();
    expect(await b.cursor({ stream: 's' })).toBeNull();
    expect(await b.advance({ stream: 's', position: 2 })).toBeNull();
    expect(await b.advance({ stream: 's', position: 2, orphan: true })).toBeNull();
    expect(await a.cursor({ stream: 's' })).toMatchObject({ position: 1 });
  });

  it('stands for a stream that does not exist only when asked to', async () => {
    const { mail } = (await harness.open()).as('a');
    expect(await mail.advance({ stream: 'fresh', position: 42 })).toBeNull();
    const orphan = { stream: 'fresh', orphan: true };
    expect(await mail.advance({ ...orphan, position: 42 })).toMatchObject({
      cursor: { id: 'fresh_cursor', position: 42 },
      head: 0,
      moved: true,
    });
    expect(await mail.advance({ ...orphan, position: 50 })).toMatchObject({ cursor: { position: 50 } });
    await mail.append({ stream: 'fresh', events: notes(2) });
    await expect(mail.advance({ stream: 'fresh', position: 51 })).rejects.toMatchObject({
      code: 'CURSOR_AHEAD',
    });
    expect(await mail.advance({ stream: 'fresh', position: 1 })).toMatchObject({
      cursor: { position: 50 },
      moved: false,
    });
    expect((await mail.cursors({ stream: 'fresh' })).cursors).toHaveLength(1);
  });

  it('takes an id from an import, but none that another cursor has or may get', async () => {
    const { mail } = (await harness.open()).as('a');
    await mail.append({ stream: 's', events: notes(1) });
    await mail.append({ stream: 't', events: notes(1) });
    const given = await mail.advance({ stream: 's', position: 1, consumer: 'b', id: 'cursor-7' });
    expect(given?.cursor.id).toBe('cursor-7');
    for (const id of ['cursor-7', 't_cursor'])
      await expect(mail.advance({ stream: 's', position: 1, consumer: 'c', id })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field: 'id' },
      });
    await expect(mail.cursor({})).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(mail.cursor({ id: 'x', stream: 's' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect((await mail.advance({ stream: 't', position: 1 }))?.cursor.id).toBe('t_cursor');
  });
}
