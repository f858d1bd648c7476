import fc from 'fast-check';
import { expect, it } from 'vitest';
import { limits } from '../../../src/kernel/limits.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { allOf, counting, notes } from '../../support/mail.ts';
import { entriesOf, select } from '../../support/statements.ts';

/** Appending and reading: one total order per stream, without a hole, the same for everybody. */
export function streamSuite(harness: Harness): void {
  it('numbers events 1, 2, 3 … and gives back what was appended, whatever JSON it is [ST1, ST3]', async () => {
    const rookery = await harness.open();
    const data = [0, false, '', null, [], {}, 'ü\u2028\u0000', { a: [{ b: null }] }];
    const { mail } = rookery.as('a');
    const first = await mail.append({ stream: 'builders/alpha one', events: [{ type: 't', data: data[0] }] });
    expect(first).toMatchObject({ first: 1, last: 1, head: 1, count: 1 });
    const more = await mail.append({
      stream: 'builders/alpha one',
      events: data.slice(1).map((each, i) => ({
        type: 't',
        data: each,
        correlationId: `c-${i}`,
        causationId: first.events[0]!.id,
        metadata: { i },
        occurredAt: '2020-01-01T00:00:00+02:00',
      })),
    });
    expect(more).toMatchObject({ first: 2, last: data.length, head: data.length, count: data.length - 1 });
    const events = await allOf(rookery.as('b'), 'builders/alpha one', 3);
    expect(events.map((event) => event.position)).toEqual(counting(data.length));
    expect(events.map((event) => event.data)).toEqual(data);
    expect(events.map((event) => event.id)).toEqual([...first.events, ...more.events].map(({ id }) => id));
    expect(events[0]).toMatchObject({ author: 'a', type: 't', correlationId: null, metadata: {} });
    expect(events[3]).toMatchObject({
      correlationId: 'c-2',
      causationId: first.events[0]!.id,
      metadata: { i: 2 },
      occurredAt: '2020-01-01T00:00:00+02:00',
    });
    for (const { id, recordedAt } of events) {
      expect(id).toMatch(/^evt_[0-9a-z]{36}$/);
      expect(recordedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  });

  it('gives back any JSON byte for byte, open and sealed [ST-x4]', async () => {
    const { mail } = (await harness.open({ durability: 'relaxed' })).as('a');
    await mail.create({ stream: 'sealed', level: 'private' });
    const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    await fc.assert(
      fc.asyncProperty(fc.array(json, { minLength: 1, maxLength: 20 }), async (values) => {
        for (const stream of ['open', 'sealed']) {
          const events = values.map((data) => ({ type: 't', data, metadata: { data } }));
          const { first } = await mail.append({ stream, events });
          const page = await mail.read({ stream, after: first - 1 });
          const texts = page!.events.map(({ data, metadata }) => JSON.stringify([data, metadata['data']]));
          expect(texts).toEqual(values.map((data) => JSON.stringify([data, data])));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('writes a batch whole or not at all', async () => {
    const { mail } = (await harness.open()).as('a');
    const bad = { type: 't', data: Number.NaN };
    await expect(mail.append({ stream: 's', events: [...notes(2), bad] })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'events.2.data' },
    });
    expect(await mail.stream({ stream: 's' })).toBeNull();
    await expect(
      mail.append({ stream: 's', events: [...notes(1), { data: 1 } as never] }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'events.1.type' } });
    await expect(
      mail.append({ stream: 's', events: [...notes(1), { type: 't' } as never] }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'events.1.data' } });
    expect(await mail.stream({ stream: 's' })).toBeNull();
  });

  it('makes an empty stream of an empty append, and changes nothing by another one', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    const empty = await mail.append({ stream: 's', events: [] });
    expect(empty).toEqual({ stream: 's', first: 1, last: 0, head: 0, count: 0, events: [] });
    const before = (await entriesOf(rookery)).length;
    await mail.append({ stream: 's', events: [] });
    expect((await entriesOf(rookery)).length).toBe(before);
    expect(await mail.read({ stream: 's' })).toMatchObject({ events: [], next: 0, head: 0, hasMore: false });
  });

  it('keeps one order under appends from two openings, each batch in one piece [ST1, ST2, ST8]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const sizes = [1, 3, 2, 5];
    const answers = await Promise.all(
      counting(80).map(async (n) => {
        const view = (n % 2 ? one : two).as(`agent-${n % 7}`);
        const count = sizes[n % sizes.length]!;
        const events = counting(count).map((i) => ({ type: 'note', data: { n, i } }));
        return { n, ...(await view.mail.append({ stream: 's', events })) };
      }),
    );
    const events = await allOf(two.as('reader'), 's');
    const total = answers.reduce((sum, { count }) => sum + count, 0);
    expect(events.map((event) => event.position)).toEqual(counting(total));
    expect(new Set(events.map((event) => event.id)).size).toBe(total);
    for (const { n, count, first } of answers) {
      const batch = events.slice(first - 1, first - 1 + count);
      expect(batch.map((event) => event.data)).toEqual(counting(count).map((i) => ({ n, i })));
    }
    const seqs = events.map((event) => event.seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  it('puts what was acknowledged first before what was asked for later [ST2, ST9]', async () => {
    const openings = [await harness.open(), await harness.again()];
    for (const n of counting(12)) {
      const { mail } = openings[n % 2]!.as('a');
      expect((await mail.append({ stream: 's', events: notes(1, n) })).head).toBe(n);
      const elsewhere = await openings[(n + 1) % 2]!.as('b').mail.read({ stream: 's', after: n - 1 });
      expect(elsewhere?.events.map((event) => event.data)).toEqual([n]);
    }
  });

  it('lets one of those win who expect the same head [ST4]', async () => {
    const openings = [await harness.open(), await harness.again()];
    for (const round of counting(10)) {
      const attempts = await Promise.allSettled(
        counting(6).map((n) =>
          openings[n % 2]!.as(`a${n}`).mail.append({
            stream: 's',
            events: notes(1, n),
            expectedHead: round - 1,
          }),
        ),
      );
      const lost = attempts.filter((attempt) => attempt.status === 'rejected');
      expect(lost).toHaveLength(5);
      for (const { reason } of lost)
        expect(reason).toMatchObject({
          code: 'REVISION_CONFLICT',
          details: { expected: round - 1, actual: round },
        });
    }
    expect((await openings[0]!.mail.stream({ stream: 's' }))?.head).toBe(10);
  });

  it('takes 0 for empty or absent, and refuses an absent stream any other head', async () => {
    const { mail } = (await harness.open()).as('a');
    await expect(mail.append({ stream: 's', events: notes(1), expectedHead: 1 })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
      details: { expected: 1, actual: 0 },
    });
    await mail.append({ stream: 's', events: [], expectedHead: 0 });
    await mail.append({ stream: 's', events: notes(1), expectedHead: 0 });
    await expect(mail.append({ stream: 's', events: notes(1), expectedHead: 0 })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
  });

  it('appends once per idempotency key [ST5]', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    const input = { stream: 's', events: notes(2) };
    const first = await mail.append(input, { idempotencyKey: 'k' });
    const again = await Promise.all(counting(5).map(() => mail.append(input, { idempotencyKey: 'k' })));
    expect(again).toEqual(Array(5).fill(first));
    await expect(mail.append({ ...input, events: notes(3) }, { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
    expect((await allOf(rookery, 's')).map((event) => event.position)).toEqual([1, 2]);
  });

  it('loses, skips and repeats nothing to one who pages while others append [ST7]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const writers = Promise.all(
      counting(40).map((n) => one.as('w').mail.append({ stream: 's', events: notes(1 + (n % 4)) })),
    );
    const seen: number[] = [];
    const { mail } = two.as('r');
    const total = counting(40).reduce((sum, n) => sum + 1 + (n % 4), 0);
    for (let after = 0; seen.length < total; ) {
      const page = await mail.read({ stream: 's', after, limit: 7, waitMs: 5000 });
      expect(page!.next).toBe(page!.events.at(-1)?.position ?? after);
      expect(page!.hasMore).toBe(page!.next < page!.head);
      seen.push(...page!.events.map((event) => event.position));
      after = page!.next;
    }
    await writers;
    expect(seen).toEqual(counting(total));
  });

  it('has one ledger entry per append, with the positions and a commitment', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await mail.append({ stream: 's', events: notes(2) });
    await mail.append({ stream: 's', events: notes(3, 3) });
    const { events } = (await mail.read({ stream: 's' }))!;
    const appends = (await entriesOf(rookery)).filter((entry) => entry.op === 'mail.append');
    expect(appends).toMatchObject([
      { revision: [0, 2], facts: { first: 1, count: 2 }, actor: 'a', scope: 'project' },
      { revision: [2, 5], facts: { first: 3, count: 3 }, actor: 'a', scope: 'project' },
    ]);
    expect(appends.every((entry) => entry.commitment !== undefined)).toBe(true);
    expect(new Set(appends.map((entry) => entry.resource)).size).toBe(1);
    expect(events.map((event) => event.seq)).toEqual([0, 0, 1, 1, 1].map((i) => appends[i]!.seq));
  });

  it('refuses what is over a limit and ends pages by size', async () => {
    const { mail } = (await harness.open({ durability: 'relaxed' })).as('a');
    await expect(mail.append({ stream: 's', events: notes(limits.batchItems + 1) })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'events' },
    });
    const large = { type: 't', data: 'x'.repeat(900_000) };
    await expect(mail.append({ stream: 's', events: Array(19).fill(large) })).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
    await mail.append({ stream: 's', events: Array(5).fill(large) });
    const page = await mail.read({ stream: 's' });
    expect(page).toMatchObject({ next: 2, head: 5, hasMore: true });
    const { deliveries } = (await mail.receive({ stream: 's', group: 'g', max: 5 }))!;
    expect(deliveries.map((delivery) => delivery.position)).toEqual([1, 2]);
    expect(await mail.group({ stream: 's', group: 'g' })).toMatchObject({ inflight: 2, ready: 3 });
  });

  it('refuses a position beyond the head, naming the head', async () => {
    const { mail } = (await harness.open()).as('a');
    await mail.append({ stream: 's', events: notes(3) });
    await expect(mail.read({ stream: 's', after: 4 })).rejects.toMatchObject({
      code: 'CURSOR_AHEAD',
      details: { head: 3 },
    });
    expect((await mail.read({ stream: 's', after: 3 }))?.events).toEqual([]);
  });

  it('refuses an old position in a stream that was deleted and came back [ST-x8]', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await mail.append({ stream: 's', events: notes(3) });
    await mail.advance({ stream: 's', position: 2 });
    await mail.receive({ stream: 's', group: 'g' });
    const old = (await mail.read({ stream: 's' }))!;
    expect(await mail.delete({ stream: 's' })).toEqual({ deleted: true, events: 3 });
    expect(await mail.delete({ stream: 's' })).toEqual({ deleted: false, events: 0 });
    expect(await mail.read({ stream: 's' })).toBeNull();
    expect(await mail.cursor({ stream: 's' })).toBeNull();
    await mail.append({ stream: 's', events: notes(5, 10) });
    const { incarnation } = old;
    await expect(mail.read({ stream: 's', after: 3, incarnation })).rejects.toMatchObject({
      code: 'CURSOR_EXPIRED',
    });
    expect((await allOf(rookery, 's')).map((event) => event.data)).toEqual(counting(14, 10));
    expect(await mail.cursor({ stream: 's' })).toBeNull();
    expect(await mail.group({ stream: 's', group: 'g' })).toBeNull();
    expect(await select(rookery, 'SELECT position FROM mail_deliveries')).toEqual([]);
  });

  it('keeps ids and times that came along with an import, and refuses an id twice', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    const times = { createdAt: '2020-01-01 00:00:00', updatedAt: '2021-01-01T00:00:00Z' };
    expect(await mail.create({ stream: 's', ...times })).toMatchObject({ ...times, created: true });
    const event = { id: 'evt-1', type: 't', data: 1, occurredAt: '2020-06-01T00:00:00.000Z' };
    await mail.append({ stream: 's', events: [event] });
    await mail.update({ stream: 's', updatedAt: times.updatedAt });
    expect(await mail.stream({ stream: 's' })).toMatchObject({ ...times, head: 1 });
    expect((await allOf(rookery, 's'))[0]).toMatchObject(event);
    for (const events of [
      [event],
      [
        { ...event, id: 'x' },
        { ...event, id: 'x' },
      ],
    ])
      await expect(mail.append({ stream: 't', events })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field: 'id' },
      });
    await expect(mail.create({ stream: 'u', createdAt: 'yesterday' })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'createdAt' },
    });
  });

  it('moves the time of a stream with every append and every change', async () => {
    const clock = new ManualClock();
    const { mail } = (await harness.open({ clock })).as('a');
    const created = await mail.create({ stream: 's' });
    expect(created.createdAt).toBe(new Date(clock.now()).toISOString());
    for (const change of [
      () => mail.append({ stream: 's', events: notes(1) }),
      () => mail.update({ stream: 's' }),
    ]) {
      clock.advance(1500);
      await change();
      const { createdAt, updatedAt } = (await mail.stream({ stream: 's' }))!;
      expect({ createdAt, updatedAt }).toEqual({
        createdAt: created.createdAt,
        updatedAt: new Date(clock.now()).toISOString(),
      });
    }
  });

  it('lists streams by name, page by page, by a prefix', async () => {
    const { mail } = (await harness.open()).as('a');
    const names = ['a', 'b/1', 'b/2', 'b/3', 'c'];
    for (const stream of names.toReversed()) await mail.append({ stream, events: notes(1) });
    const listed: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { streams: { stream: string }[]; nextCursor: string | null } = await mail.streams({
        limit: 2,
        cursor,
      });
      listed.push(...page.streams.map(({ stream }) => stream));
      cursor = page.nextCursor;
    }
    expect(listed).toEqual(names);
    const some = await mail.streams({ prefix: 'b/' });
    expect(some.streams.map(({ stream }) => stream)).toEqual(['b/1', 'b/2', 'b/3']);
  });
}
