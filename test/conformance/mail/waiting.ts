import { expect, it } from 'vitest';
import { followMail } from '../../../src/follow.ts';
import type { Rookery, View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { counting, notes } from '../../support/mail.ts';
import { until } from '../../support/until.ts';

const place = { stream: 's', group: 'g' };
/** A waiter looks by itself this often. */
const tickMs = 1000;
/** What may pass on a busy machine between a hint and the answer; well below a tick. */
const promptMs = 700;

async function timed<T>(work: Promise<T>): Promise<{ answer: T; tookMs: number }> {
  const started = performance.now();
  const answer = await work;
  return { answer, tookMs: performance.now() - started };
}

/** Starts something that waits, and resolves once it is registered and has looked in vain. */
async function waiting<T>(rookery: Rookery, start: () => Promise<T>): Promise<{ ended: Promise<T> }> {
  const { hints } = rookery.store;
  const armed = hints.arm.bind(hints);
  let sleeping = false;
  hints.arm = (...given) => {
    const registration = armed(...given);
    const next = registration.next.bind(registration);
    registration.next = (...asked) => {
      sleeping = true;
      return next(...asked);
    };
    return registration;
  };
  const ended = start();
  await until('the wait has begun', () => sleeping);
  hints.arm = armed;
  return { ended };
}

/** From here on, no hint of a commit reaches anybody in this opening. */
function loseHints({ store }: Rookery): void {
  store.hints.publish = () => {};
  store.engine.watch = () => () => {};
}

/** Being woken when something comes, in this process and from another opening. */
export function waitSuite(harness: Harness): void {
  const read = (view: View, after = 0) => view.mail.read({ stream: 's', after, waitMs: 20_000 });
  const append = (rookery: Rookery, count = 1) =>
    rookery.as('w').mail.append({ stream: 's', events: notes(count) });

  it('wakes everybody who reads, here and elsewhere [WA1, WA4]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await append(one);
    const waiters: { ended: ReturnType<typeof read> }[] = [];
    for (const rookery of [one, one, two])
      waiters.push(await waiting(rookery, () => read(rookery.as('r'), 1)));
    const { answer, tookMs } = await timed(
      append(two, 2).then(() => Promise.all(waiters.map(({ ended }) => ended))),
    );
    expect(answer.map((page) => page?.events.map((event) => event.position))).toEqual([
      [2, 3],
      [2, 3],
      [2, 3],
    ]);
    expect(tookMs).toBeLessThan(promptMs);
  });

  it('answers at once what is there already [WA5, WA-x1]', async () => {
    const rookery = await harness.open();
    await append(rookery);
    const { answer, tookMs } = await timed(read(rookery.as('r')));
    expect(answer?.events).toHaveLength(1);
    expect(tookMs).toBeLessThan(promptMs);
  });

  it('waits for a stream that does not exist, and answers null when none comes', async () => {
    const rookery = await harness.open();
    const { ended } = await waiting(rookery, () => read(rookery.as('r')));
    await append(rookery);
    expect((await ended)?.events).toHaveLength(1);
    expect(await rookery.as('r').mail.read({ stream: 'never', waitMs: 30 })).toBeNull();
  });

  it('is over when its time is, with the same position [WA-x5]', async () => {
    const rookery = await harness.open();
    await append(rookery);
    const { answer, tookMs } = await timed(rookery.as('r').mail.read({ stream: 's', after: 1, waitMs: 60 }));
    expect(answer).toMatchObject({ events: [], next: 1, head: 1 });
    expect(tookMs).toBeGreaterThanOrEqual(55);
  });

  it('returns within a tick when every hint is lost, and would be prompt with them [WA3]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await append(one);
    loseHints(one);
    loseHints(two);
    for (const writer of [one, two]) {
      const after = (await one.as('r').mail.stream({ stream: 's' }))!.head;
      const { ended } = await waiting(one, () => read(one.as('r'), after));
      const { answer, tookMs } = await timed(append(writer).then(() => ended));
      expect(answer?.events).toHaveLength(1);
      expect(tookMs).toBeLessThan(tickMs + promptMs);
      // The twin: had a hint come through, this would have been over long before the tick.
      expect(tookMs).toBeGreaterThan(promptMs);
    }
  });

  it('gives a new event to one of the workers that wait [WA4]', async () => {
    const rookery = await harness.open();
    await append(rookery);
    const take = (name: string) => rookery.as(name).mail.receive({ ...place, max: 1, waitMs: 20_000 });
    await take('x');
    const [x, y] = [await waiting(rookery, () => take('x')), await waiting(rookery, () => take('y'))];
    await append(rookery);
    const winner = await Promise.race([x.ended, y.ended]);
    expect(winner?.deliveries.map(({ position }) => position)).toEqual([2]);
    await append(rookery);
    const both = await Promise.all([x.ended, y.ended]);
    expect(both.map((each) => each!.deliveries[0]!.position).toSorted()).toEqual([2, 3]);
  });

  it('wakes a worker when another one gives back, leaves, or lets its time pass [WA-x1, WA-x4]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await append(one);
    const [a, b] = [one.as('a').mail, two.as('b').mail];
    const ackWaitMs = 150;
    const releases: Record<string, (deliveries: string[]) => Promise<unknown>> = {
      nak: (deliveries) => a.nak({ ...place, deliveries, delayMs: 50 }),
      leave: () => a.leave(place),
      time: async () => {},
    };
    for (const [how, release] of Object.entries(releases)) {
      const had = (await a.receive({
        ...place,
        ackWaitMs: how === 'time' ? ackWaitMs : 30_000,
        maxDeliveries: 9,
      }))!;
      const { ended } = await waiting(two, () => b.receive({ ...place, waitMs: 20_000 }));
      const { answer, tookMs } = await timed(
        release(had.deliveries.map(({ deliveryId }) => deliveryId)).then(() => ended),
      );
      expect(answer?.deliveries.map(({ position }) => position)).toEqual([1]);
      expect(tookMs).toBeLessThan(promptMs);
      await b.nak({ ...place, deliveries: answer!.deliveries.map((each) => each.deliveryId), delayMs: 0 });
    }
  });

  it('takes nothing for a caller that went away, and frees its place [WA6]', async () => {
    const rookery = await harness.open();
    await append(rookery);
    const gone = new AbortController();
    const { mail } = rookery.as('a');
    await mail.receive(place);
    const { ended } = await waiting(rookery, () =>
      mail.receive({ ...place, waitMs: 20_000 }, { signal: gone.signal }),
    );
    gone.abort();
    await append(rookery);
    expect((await ended)?.deliveries).toEqual([]);
    expect(await mail.group(place)).toMatchObject({ ready: 1, inflight: 1 });
  });

  it('follows a stream from before its beginning, in order, missing and repeating nothing [WA2, ST7]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const total = 60;
    const followers = [one, two, two].map(async (rookery, i) => {
      const seen: unknown[] = [];
      const end = new AbortController();
      const follow = { stream: 's', signal: end.signal, limit: 1 + 6 * i };
      for await (const event of followMail(rookery.as(`r${i}`), follow)) {
        seen.push(event.data);
        if (event.position === total) end.abort();
      }
      return seen;
    });
    for (const n of counting(total / 2)) {
      const { mail } = (n % 2 ? one : two).as('w');
      await mail.append({ stream: 's', events: notes(2, 2 * n - 1) });
    }
    expect(await Promise.all(followers)).toEqual(Array(3).fill(counting(total)));
  });

  it('goes on after a position, ends when told to, and when the stream is another one [ST-x8]', async () => {
    const rookery = await harness.open();
    await append(rookery, 3);
    const end = new AbortController();
    const seen: number[] = [];
    const { ended } = await waiting(rookery, async () => {
      for await (const { position } of followMail(rookery.as('r'), {
        stream: 's',
        after: 1,
        signal: end.signal,
      }))
        seen.push(position);
    });
    end.abort();
    await ended;
    expect(seen).toEqual([2, 3]);
    const { ended: broken } = await waiting(rookery, async () => {
      for await (const { position } of followMail(rookery.as('r'), { stream: 's' })) seen.push(position);
    });
    const refused = expect(broken).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
    await rookery.as('w').mail.delete({ stream: 's' });
    await append(rookery, 9);
    await refused;
  });
}
