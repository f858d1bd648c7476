import { expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { ManualClock } from '../support/clock.ts';
import { allOf, counting, notes } from '../support/mail.ts';
import { ended, start, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

it('keeps every acknowledged batch whole, and what is done done, over kill -9 [ST1, ST6, GR3, GR-x2]', {
  timeout: 120_000,
}, async () => {
  const folder = temporaryFolder();
  const sent = new Map<string, number>();
  const done: number[] = [];
  for (let cycle = 0; cycle < 4; cycle++) {
    const mailers = [0, 1].map((i) => start('test/faults/children/mailer.ts', [folder, `c${cycle}m${i}`]));
    await Promise.all(
      mailers.map(async (mailer) => {
        let seen = 0;
        for await (const line of mailer.lines) {
          const [what, which, size] = line.split(' ');
          if (what === 'sent') sent.set(which!, Number(size));
          else done.push(Number(which));
          if (++seen === 120 + 41 * cycle) mailer.process.kill('SIGKILL');
        }
        await ended(mailer.process);
      }),
    );
  }
  expect(sent.size).toBeGreaterThan(200);
  expect(done.length).toBeGreaterThan(200);

  // After every deadline: whatever was in somebody's hands comes back, and nothing that was done.
  const clock = new ManualClock(Date.now() + 3_600_000);
  await using rookery = await openRookery({ path: folder, clock, durability: 'relaxed' });
  const events = await allOf(rookery, 's');
  expect(events.map((event) => event.position)).toEqual(counting(events.length));
  const batches = new Map<string, { i: number; size: number; position: number }[]>();
  for (const { data, position } of events) {
    const { batch, ...rest } = data as { batch: string; i: number; size: number };
    batches.set(batch, [...(batches.get(batch) ?? []), { ...rest, position }]);
  }
  for (const [batch, members] of batches) {
    const { size, position } = members[0]!;
    const whole = counting(size).map((n) => ({ i: n - 1, size, position: position + n - 1 }));
    expect(members, batch).toEqual(whole);
  }
  expect([...sent.keys()].filter((batch) => !batches.has(batch))).toEqual([]);

  const left: number[] = [];
  for (;;) {
    const place = { stream: 's', group: 'g' };
    const { deliveries } = (await rookery.mail.receive({ ...place, max: 1000 }))!;
    if (deliveries.length === 0) break;
    left.push(...deliveries.map(({ position }) => position));
    await rookery.mail.ack({ ...place, deliveries: deliveries.map(({ deliveryId }) => deliveryId) });
  }
  expect(new Set(done).size).toBe(done.length);
  expect(left.filter((position) => done.includes(position))).toEqual([]);
  const group = await rookery.mail.group({ stream: 's', group: 'g' });
  expect(group).toMatchObject({ acked: events.length, dead: 0, ready: 0, inflight: 0 });
  expect(await rookery.audit.verify({})).toMatchObject({ ok: true, findings: [] });
});

it('would wait in vain without the tick, when every hint is lost: the twin of [WA3]', async () => {
  await using rookery = await openRookery({ path: ':memory:' });
  const { mail } = rookery.as('a');
  await mail.append({ stream: 's', events: [] });
  const { hints } = rookery.store;
  hints.publish = () => {};
  const arm = hints.arm.bind(hints);
  let sleeping = false;
  hints.arm = (...given) => {
    const armed = arm(...given);
    const next = armed.next.bind(armed);
    armed.next = (_, signal) => {
      sleeping = true;
      return next(60_000, signal);
    };
    return armed;
  };
  const gone = new AbortController();
  let returned = false;
  const twin = mail.read({ stream: 's', waitMs: 60_000 }, { signal: gone.signal }).finally(() => {
    returned = true;
  });
  await until('the twin waits', () => sleeping);
  hints.arm = arm;
  const real = mail.read({ stream: 's', waitMs: 60_000 });
  await mail.append({ stream: 's', events: notes(1) });
  expect((await real)?.events).toHaveLength(1);
  expect(returned).toBe(false);
  gone.abort();
  expect((await twin)?.events).toEqual([]);
});
