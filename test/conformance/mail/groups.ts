import { expect, it } from 'vitest';
import type { Received } from '../../../src/domains/mail/groups/model.ts';
import { limits } from '../../../src/kernel/limits.ts';
import type { Rookery, View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { counting, notes } from '../../support/mail.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';

const place = { stream: 's', group: 'g' };

/** Positions with their attempts, as received. */
const handed = (received: Received | null) =>
  received?.deliveries.map(({ position, attempt }) => [position, attempt]);
const ids = (received: Received | null) => received!.deliveries.map(({ deliveryId }) => deliveryId);
const results = (settled: { results: { result: string }[] } | null) =>
  settled?.results.map(({ result }) => result);

/** A stream of some events, a clock to turn, and two workers. */
async function work(harness: Harness, count: number) {
  const clock = new ManualClock();
  const rookery = await harness.open({ clock });
  const [a, b] = [rookery.as('a').mail, rookery.as('b').mail];
  await a.append({ stream: 's', events: notes(count) });
  return { clock, rookery, a, b };
}

/** Takes the next event and lets it down `times` times. */
async function fail(mail: View['mail'], clock: ManualClock, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const received = await mail.receive(place);
    expect(received?.deliveries).toHaveLength(1);
    await mail.nak({ ...place, deliveries: ids(received), delayMs: 0 });
    clock.advance(1);
  }
}

async function assertConserved(mail: View['mail']): Promise<void> {
  const { head, start, ready, inflight, acked, dead } = (await mail.group(place))!;
  expect(ready + inflight + acked + dead).toBe(head - start);
}

/** Handing out: to one worker at a time, until it is done or dead. */
export function groupSuite(harness: Harness): void {
  it('hands each event to one worker, and none that was acknowledged again [GR1, GR3]', async () => {
    const { clock, a, b } = await work(harness, 4);
    const [first, second] = [await a.receive({ ...place, max: 3 }), await b.receive({ ...place, max: 3 })];
    expect([handed(first), handed(second)]).toEqual([
      [
        [1, 1],
        [2, 1],
        [3, 1],
      ],
      [[4, 1]],
    ]);
    expect(first!.deliveries[0]).toMatchObject({
      dueAt: clock.now() + 30_000,
      event: { data: 1, position: 1 },
    });
    expect(handed(await b.receive(place))).toEqual([]);
    expect(results(await a.ack({ ...place, deliveries: ids(first) }))).toEqual(['acked', 'acked', 'acked']);
    expect(await a.group(place)).toMatchObject({ ready: 0, inflight: 1, acked: 3, dead: 0 });
    clock.advance(30_000);
    expect(handed(await a.receive({ ...place, max: 9 }))).toEqual([[4, 2]]);
    await assertConserved(a);
  });

  it('hands an event out once to workers of two openings who ask at once [GR1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await one.as('a').mail.append({ stream: 's', events: notes(60) });
    const received = await Promise.all(
      counting(30).map((n) => (n % 2 ? one : two).as(`w${n}`).mail.receive({ ...place, max: 2 })),
    );
    const positions = received.flatMap((each) => each!.deliveries.map(({ position }) => position));
    expect(positions.toSorted((x, y) => x - y)).toEqual(counting(60));
  });

  it('refuses the acknowledgement of one whose time is over, and keeps the next delivery [GR2, GR-x1]', async () => {
    const { clock, a, b } = await work(harness, 1);
    const late = ids(await a.receive(place));
    clock.advance(29_999);
    expect(handed(await b.receive(place))).toEqual([]);
    clock.advance(1);
    expect(results(await a.ack({ ...place, deliveries: late }))).toEqual(['fenced']);
    const next = await b.receive(place);
    expect(handed(next)).toEqual([[1, 2]]);
    for (const settle of [a.ack, a.nak, a.extend, a.term])
      expect(results(await settle({ ...place, deliveries: late }))).toEqual(['fenced']);
    expect(results(await b.ack({ ...place, deliveries: ids(next) }))).toEqual(['acked']);
    expect(results(await a.ack({ ...place, deliveries: late }))).toEqual(['fenced']);
    expect(await a.group(place)).toMatchObject({ acked: 1, inflight: 0, ready: 0 });
  });

  it('settles per item: one bad item spoils no other [GR9, GR-x7]', async () => {
    const { rookery, a, b } = await work(harness, 3);
    const [mine] = ids(await a.receive(place));
    const [theirs] = ids(await b.receive(place));
    const never = `dlv_${'0'.repeat(36)}_3`;
    const deliveries = ['rubbish', theirs!, mine!, never, mine!];
    const settled = await a.ack({ ...place, deliveries });
    expect(settled?.results.map(({ deliveryId }) => deliveryId)).toEqual(deliveries);
    expect(results(settled)).toEqual(['unknown', 'fenced', 'acked', 'unknown', 'fenced']);
    expect(results(await b.ack({ ...place, deliveries: [theirs!] }))).toEqual(['acked']);
    expect(await rookery.as('c').mail.ack({ stream: 's', group: 'other', deliveries: [mine!] })).toBeNull();
  });

  it('lets a refused event rest, longer at each attempt, never not at all [GR8, GR-x3]', async () => {
    const { clock, a } = await work(harness, 1);
    for (const restMs of [1000, 2000, 4000, 8000]) {
      const settled = await a.nak({ ...place, deliveries: ids(await a.receive(place)) });
      expect(settled?.results).toMatchObject([{ result: 'ready', dueAt: clock.now() + restMs }]);
      clock.advance(restMs - 1);
      expect(await a.receive(place)).toEqual({ deliveries: [], retryInMs: 1 });
      clock.advance(1);
    }
    const last = await a.receive(place);
    expect(handed(last)).toEqual([[1, 5]]);
    const settled = await a.nak({ ...place, deliveries: ids(last), delayMs: 7, reason: 'no' });
    expect(settled?.results).toMatchObject([{ result: 'dead', dueAt: null }]);
    await assertConserved(a);
  });

  it('buries what failed too often, once, with the reason [GR4, GR10, GR-x4]', async () => {
    const { clock, a } = await work(harness, 2);
    await a.join({ ...place, maxDeliveries: 3 });
    await fail(a, clock, 1);
    await a.ack({ ...place, deliveries: ids(await a.receive({ ...place, max: 2 })).slice(1) });
    clock.advance(30_000);
    const last = await a.receive(place);
    expect(handed(last)).toEqual([[1, 3]]);
    await a.nak({ ...place, deliveries: ids(last), reason: 'cannot parse' });
    expect(await a.deadLetters(place)).toMatchObject({
      deadLetters: [
        {
          position: 1,
          attempts: 3,
          redrives: 0,
          consumer: 'a',
          reason: 'cannot parse',
          diedAt: clock.now(),
          event: { data: 1 },
        },
      ],
      hasMore: false,
    });
    clock.advance(1_000_000);
    expect(handed(await a.receive({ ...place, max: 9 }))).toEqual([]);
    expect(await a.group(place)).toMatchObject({ acked: 1, dead: 1, ready: 0, inflight: 0 });
  });

  it('buries what nobody ever refused, only let time out [GR-x5]', async () => {
    const { clock, a } = await work(harness, 1);
    for (const attempt of [1, 2]) {
      expect(handed(await a.receive({ ...place, maxDeliveries: 2 }))).toEqual([[1, attempt]]);
      clock.advance(30_000);
    }
    // Nobody has looked yet, and everybody who looks sees it dead.
    expect(await a.group(place)).toMatchObject({ dead: 1, inflight: 0, ready: 0 });
    const seen = (await a.deadLetters(place))!.deadLetters;
    expect(seen).toMatchObject([
      { position: 1, attempts: 2, reason: 'not acknowledged in time at delivery 2' },
    ]);
    expect(handed(await a.receive(place))).toEqual([]);
    expect((await a.deadLetters(place))!.deadLetters).toMatchObject([{ ...seen[0], diedAt: clock.now() }]);
    await assertConserved(a);
  });

  it('buries at once what is given up, and makes it ready again by a redrive', async () => {
    const { rookery, a, b } = await work(harness, 3);
    const three = ids(await a.receive({ ...place, max: 3 }));
    expect(results(await a.term({ ...place, deliveries: three, reason: 'poison' }))).toEqual([
      'dead',
      'dead',
      'dead',
    ]);
    const page = await a.deadLetters({ ...place, limit: 2 });
    expect(page).toMatchObject({ next: 2, hasMore: true });
    expect((await a.deadLetters({ ...place, after: page!.next }))?.deadLetters).toMatchObject([
      { position: 3 },
    ]);
    expect(await b.redrive({ ...place, positions: [3, 3, 9] })).toEqual({ redriven: 1 });
    expect(await b.redrive({ ...place, limit: 1 })).toEqual({ redriven: 1 });
    expect(await b.group(place)).toMatchObject({ dead: 1, ready: 2 });
    const again = await b.receive({ ...place, max: 9 });
    expect(handed(again)).toEqual([
      [1, 1],
      [3, 1],
    ]);
    await b.term({ ...place, deliveries: ids(again) });
    const reasons = (await b.deadLetters(place))!.deadLetters;
    expect(reasons.map(({ position, redrives, reason }) => [position, redrives, reason])).toEqual([
      [1, 1, 'given up at delivery 1'],
      [2, 0, 'poison'],
      [3, 1, 'given up at delivery 1'],
    ]);
    expect((await entriesOf(rookery)).filter((entry) => entry.op === 'mail.redrive')).toHaveLength(2);
  });

  it('redrives what died by time alone', async () => {
    const { clock, a } = await work(harness, 1);
    await a.receive({ ...place, maxDeliveries: 1 });
    clock.advance(30_000);
    expect(await a.redrive(place)).toEqual({ redriven: 1 });
    expect(handed(await a.receive(place))).toEqual([[1, 1]]);
    await assertConserved(a);
  });

  it('keeps a delivery alive that is extended, but not beyond what the group allows [GR-x8]', async () => {
    const { clock, a, b } = await work(harness, 1);
    await a.join({ ...place, ackWaitMs: 1000, holdMs: 2500 });
    const began = clock.now();
    const deliveries = ids(await a.receive(place));
    const dues: (number | null)[] = [];
    for (const [passing, byMs] of [
      [900, undefined],
      [900, 700],
      [600, undefined],
    ] as const) {
      clock.advance(passing);
      const settled = await a.extend({ ...place, deliveries, ...(byMs && { byMs }) });
      dues.push((settled?.results[0]?.dueAt ?? 0) - began);
      expect(handed(await b.receive(place))).toEqual([]);
    }
    expect(dues).toEqual([1900, 2500, 2500]);
    clock.advance(100);
    expect(results(await a.extend({ ...place, deliveries }))).toEqual(['fenced']);
    expect(handed(await b.receive(place))).toEqual([[1, 2]]);
  });

  it('gives back at once what one who leaves has in hand, and loses none of it [GR-x6]', async () => {
    const { a, b } = await work(harness, 4);
    await a.receive({ ...place, max: 2 });
    await b.receive(place);
    expect(await a.leave(place)).toEqual({ returned: 2, dead: 0 });
    expect(await a.leave(place)).toEqual({ returned: 0, dead: 0 });
    expect(handed(await b.receive({ ...place, max: 9 }))).toEqual([
      [1, 2],
      [2, 2],
      [4, 1],
    ]);
    await assertConserved(b);
  });

  it('remembers all of it over a restart [GR-x2]', async () => {
    const clock = new ManualClock();
    const first = await harness.open({ clock });
    const before = first.as('a').mail;
    await before.append({ stream: 's', events: notes(4) });
    const received = await before.receive({ ...place, max: 3 });
    await before.ack({ ...place, deliveries: [ids(received)[0]!] });
    await before.term({ ...place, deliveries: [ids(received)[1]!], reason: 'poison' });
    const state = await before.group(place);
    await first.close();
    const { mail } = (await harness.again({ clock })).as('a');
    expect(await mail.group(place)).toEqual(state);
    expect(results(await mail.ack({ ...place, deliveries: [ids(received)[0]!] }))).toEqual(['fenced']);
    clock.advance(30_000);
    expect(handed(await mail.receive({ ...place, max: 9 }))).toEqual([
      [3, 2],
      [4, 1],
    ]);
  });

  it('starts a group where it is told, and keeps what may not change', async () => {
    const { a } = await work(harness, 5);
    expect(await a.join({ ...place, after: 3, ackWaitMs: 10 })).toMatchObject({
      start: 3,
      ready: 2,
      ackWaitMs: 10,
      maxDeliveries: 5,
      order: 'none',
    });
    expect(await a.join({ ...place, after: 3, holdMs: 50 })).toMatchObject({ ackWaitMs: 10, holdMs: 50 });
    for (const change of [{ after: 0 }, { order: 'correlation' as const }])
      await expect(a.join({ ...place, ...change })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(a.join({ stream: 's', group: 'h', after: 6 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'after' },
    });
    expect(handed(await a.receive({ ...place, max: 9 }))).toEqual([
      [4, 1],
      [5, 1],
    ]);
    expect((await a.groups({ stream: 's' }))?.groups).toMatchObject([{ group: 'g', start: 3 }]);
    await assertConserved(a);
  });

  it('tells groups of one stream apart [WA4]', async () => {
    const { a } = await work(harness, 2);
    for (const group of ['g', 'h', 'i'])
      expect(handed(await a.receive({ stream: 's', group, max: 9 }))).toEqual([
        [1, 1],
        [2, 1],
      ]);
    const page = await a.groups({ stream: 's', limit: 2 });
    expect(page?.groups.map(({ group }) => group)).toEqual(['g', 'h']);
    const rest = await a.groups({ stream: 's', cursor: page!.nextCursor! });
    expect(rest).toMatchObject({ groups: [{ group: 'i' }], nextCursor: null });
  });

  it('hands nothing out while its dead letters are too many [GR-x9]', async () => {
    const { rookery, a } = await work(harness, 2);
    await a.term({ ...place, deliveries: ids(await a.receive(place)) });
    await execute(rookery, `UPDATE mail_groups SET dead = ${limits.deadLetters}`);
    await expect(a.receive(place)).rejects.toMatchObject({ code: 'LIMIT_REACHED', details: { group: 'g' } });
    await a.redrive(place);
    expect(handed(await a.receive(place))).toHaveLength(1);
  });

  it('seals the reasons of closed streams', async () => {
    const { rookery, a } = await work(harness, 1);
    await a.create({ stream: 'closed', level: 'private' });
    await a.append({ stream: 'closed', events: notes(1) });
    const closed = { stream: 'closed', group: 'g' };
    await a.term({ ...closed, deliveries: ids(await a.receive(closed)), reason: 'it says: eagle' });
    const rows = await select<{ reason: string | null; sealed: Uint8Array }>(
      rookery,
      'SELECT reason, sealed FROM mail_deliveries',
    );
    expect(rows[0]!.reason).toBeNull();
    expect(Buffer.from(rows[0]!.sealed).includes('eagle')).toBe(false);
    expect((await a.deadLetters(closed))?.deadLetters).toMatchObject([{ reason: 'it says: eagle' }]);
    for (const ask of ['deadLetters', 'group', 'leave', 'redrive'] as const)
      expect(await rookery.as('b').mail[ask](closed)).toBeNull();
  });

  it('has one ledger entry for each call that changed something, with the counts', async () => {
    const { rookery, a } = await work(harness, 3);
    const received = ids(await a.receive({ ...place, max: 3 }));
    await a.receive(place);
    await a.ack({ ...place, deliveries: received.slice(0, 2) });
    await a.ack({ ...place, deliveries: received.slice(0, 2) });
    await a.nak({ ...place, deliveries: received.slice(2) });
    const told = (await entriesOf(rookery)).filter((entry) => entry.resource.startsWith('group/'));
    expect(told.map(({ op, facts }) => [op, facts])).toEqual([
      ['mail.receive', { delivered: 3 }],
      ['mail.ack', { acked: 2 }],
      ['mail.nak', { returned: 1 }],
    ]);
    expect(new Set(told.map((entry) => entry.resource)).size).toBe(1);
  });
}

/** One key after the other, where the group asks for it. */
export function orderSuite(harness: Harness): void {
  const keyed = async (rookery: Rookery, keys: string) => {
    const { mail } = rookery.as('a');
    const events = [...keys].map((key, i) => ({
      type: 't',
      data: i + 1,
      ...(key !== '-' && { correlationId: key }),
    }));
    await mail.append({ stream: 's', events });
    await mail.join({ ...place, order: 'correlation' });
    return mail;
  };

  it('hands out nothing behind an unsettled event of its key [GR7]', async () => {
    const clock = new ManualClock();
    const mail = await keyed(await harness.open({ clock }), 'aab-ab-');
    const first = await mail.receive({ ...place, max: 9 });
    expect(handed(first)?.map(([position]) => position)).toEqual([1, 3, 4, 7]);
    expect(handed(await mail.receive({ ...place, max: 9 }))).toEqual([]);
    const [one, three] = ids(first);
    await mail.nak({ ...place, deliveries: [one!] });
    await mail.ack({ ...place, deliveries: [three!] });
    const second = await mail.receive({ ...place, max: 9 });
    expect(handed(second)).toEqual([[6, 1]]);
    clock.advance(1000);
    const third = await mail.receive({ ...place, max: 9 });
    expect(handed(third)).toEqual([[1, 2]]);
    await mail.term({ ...place, deliveries: ids(third) });
    expect(handed(await mail.receive({ ...place, max: 9 }))).toEqual([[2, 1]]);
    await assertConserved(mail);
  });

  it('lets the other keys go on, far past a key that is stuck', async () => {
    const rookery = await harness.open({ clock: new ManualClock(), durability: 'relaxed' });
    const mail = await keyed(rookery, `${'a'.repeat(300)}bc`);
    expect(handed(await mail.receive({ ...place, max: 9 }))?.map(([position]) => position)).toEqual([
      1, 301, 302,
    ]);
    expect(await mail.group(place)).toMatchObject({ order: 'correlation', ready: 299, inflight: 3 });
  });
}
