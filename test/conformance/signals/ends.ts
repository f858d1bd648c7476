import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { entries, errorOf } from '../../support/ledger.ts';

const ops = ['complete', 'timeout', 'fail', 'cancel'].map((verb) => `signals.${verb}`);

/** How signals come to their one end. */
export function endSuite(harness: Harness): void {
  const endings = async (rookery: Awaited<ReturnType<Harness['open']>>) =>
    (await Promise.all(ops.map((op) => entries(rookery, op))))
      .flat()
      .map(({ op, actor }) => `${op} ${actor}`);

  it('completes by its rule: all, any, or a count [SG3]', async () => {
    const rookery = await harness.open();
    const { boss, ...targets } = await crew(rookery, 'boss', 'a', 'b', 'c');
    const names = Object.keys(targets);
    for (const [rule, needed] of [
      ['all', 3],
      ['any', 1],
      [{ count: 2 }, 2],
    ] as const) {
      const { id } = await boss.signals.send({ type: 't', targets: names, rule });
      const states: (string | undefined)[] = [];
      for (const view of Object.values(targets)) {
        const { late } = await view.signals.acknowledge({ signal: id });
        states.push(`${(await boss.signals.get({ id }))?.state}${late ? ' late' : ''}`);
      }
      expect(states).toEqual(
        names.map((_, i) => (i + 1 < needed ? 'open' : `complete${i + 1 > needed ? ' late' : ''}`)),
      );
      expect(await boss.signals.get({ id })).toMatchObject({ needed, acked: needed });
    }
    expect(await endings(rookery)).toEqual([
      'signals.complete c',
      'signals.complete a',
      'signals.complete b',
    ]);
  });

  it('times out at its deadline, once, whoever notices: an answer, a waiter, a sweep, a sender [SG4]', async () => {
    const clock = new ManualClock();
    const [one, two] = [await harness.open({ clock }), await harness.again({ clock })];
    const { boss, a, b } = await crew(one, 'boss', 'a', 'b');
    const open = async () =>
      (await boss.signals.send({ type: 't', targets: ['a', 'b'], timeoutMs: 1000 })).id;
    const ids = [await open(), await open(), await open(), await open()] as const;
    for (const id of ids) await b.signals.acknowledge({ signal: id });
    clock.advance(999);
    for (const id of ids) expect((await boss.signals.get({ id }))?.state).toBe('open');
    clock.advance(1);
    const seen = await boss.signals.get({ id: ids[0] });
    expect(seen).toMatchObject({ state: 'timed_out', endedAt: seen!.deadlineAt });
    expect(seen!.targets.map(({ state }) => state)).toEqual(['expired', 'acked']);
    expect(await endings(one)).toEqual([]);
    const [late, waited] = await Promise.all([
      a.signals.acknowledge({ signal: ids[0] }),
      two.as('boss').signals.wait({ signal: ids[1], waitMs: 60_000 }),
    ]);
    expect(late).toMatchObject({ late: true, state: 'acked' });
    expect(waited).toMatchObject({ state: 'timed_out', missing: ['a'] });
    expect(waited!.acks.map(({ agent }) => agent)).toEqual(['b']);
    expect(await two.signals.sweep()).toEqual({ timedOut: 2, more: false });
    expect(await one.signals.sweep()).toEqual({ timedOut: 0, more: false });
    const last = await open();
    clock.advance(1000);
    await boss.signals.send({ type: 't', targets: ['a'] });
    for (const id of [...ids, last]) {
      expect((await boss.signals.get({ id }))?.state).toBe('timed_out');
      expect((await a.signals.acknowledge({ signal: id })).late).toBe(true);
    }
    expect(await entries(one, 'signals.timeout')).toHaveLength(5);
    expect(await endings(one)).toHaveLength(5);
    expect((await boss.signals.get({ id: ids[0] }))?.acked).toBe(1);
  });

  it('ends one way when an answer and the deadline meet in one millisecond [SG-x2]', async () => {
    const clock = new ManualClock();
    const [one, two] = [await harness.open({ clock }), await harness.again({ clock })];
    const { boss } = await crew(one, 'boss', 'a');
    const rounds = harness.engine === 'sqlite' ? 20 : 5;
    for (let round = 0; round < rounds; round++) {
      const { id } = await boss.signals.send({ type: 't', targets: ['a'], timeoutMs: 10 });
      clock.advance(round % 2 === 0 ? 10 : 9);
      const waiting = two.as('boss').signals.wait({ signal: id, waitMs: 60_000 });
      const [ack] = await Promise.all([
        two.as('a').signals.acknowledge({ signal: id }),
        one.signals.sweep(),
        one.as('boss').signals.wait({ signal: id }),
      ]);
      const state = round % 2 === 0 ? 'timed_out' : 'complete';
      expect((await waiting)?.state).toBe(state);
      expect((await one.as('a').signals.get({ id }))?.state).toBe(state);
      expect(ack.late).toBe(state === 'timed_out');
    }
    expect(await entries(one, 'signals.timeout')).toHaveLength(Math.ceil(rounds / 2));
    expect(await endings(one)).toHaveLength(rounds);
  });

  it('cannot complete once too few are left to acknowledge [SG-x3]', async () => {
    const rookery = await harness.open();
    const { boss, a, b, c } = await crew(rookery, 'boss', 'a', 'b', 'c');
    const targets = ['a', 'b', 'c'];
    const refused = await boss.signals.send({ type: 't', targets, rule: { count: 2 } });
    await a.signals.acknowledge({ signal: refused.id, refuse: 'no' });
    expect((await boss.signals.get({ id: refused.id }))?.state).toBe('open');
    await b.signals.acknowledge({ signal: refused.id, refuse: 'no' });
    expect((await boss.signals.get({ id: refused.id }))?.state).toBe('cannot_complete');
    expect((await c.signals.acknowledge({ signal: refused.id })).late).toBe(true);

    const left = await boss.signals.send({ type: 't', targets, rule: { count: 2 } });
    const waiting = boss.signals.wait({ signal: left.id, waitMs: 60_000 });
    await a.signals.acknowledge({ signal: left.id });
    await rookery.fleet.update({ id: 'b', status: 'suspended' });
    expect((await boss.signals.wait({ signal: left.id }))?.state).toBe('open');
    await rookery.fleet.update({ id: 'c', status: 'terminated' });
    expect(await waiting).toMatchObject({ state: 'cannot_complete', missing: ['b', 'c'] });
    await rookery.fleet.update({ id: 'b', status: 'active' });
    expect((await b.signals.acknowledge({ signal: left.id })).late).toBe(true);
    expect(await entries(rookery, 'signals.fail')).toHaveLength(2);
  });

  it('is cancelled by its issuer, and stays as it ended [SG4]', async () => {
    const rookery = await harness.open();
    const { boss, a } = await crew(rookery, 'boss', 'a', 'b');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b'], rule: 'any' });
    const waiting = boss.signals.wait({ signal: id, waitMs: 60_000 });
    const ended = await boss.signals.cancel({ id });
    expect(ended).toMatchObject({ state: 'cancelled', endedAt: expect.any(Number) });
    expect((await waiting)?.state).toBe('cancelled');
    expect(await boss.signals.cancel({ id })).toEqual(ended);
    expect((await a.signals.acknowledge({ signal: id })).late).toBe(true);
    expect(await boss.signals.get({ id })).toMatchObject({ state: 'cancelled', acked: 0, seq: ended.seq });
    const done = await boss.signals.send({ type: 't', targets: ['a'] });
    await a.signals.acknowledge({ signal: done.id });
    expect((await boss.signals.cancel({ id: done.id })).state).toBe('complete');
    expect(await endings(rookery)).toEqual(['signals.complete a', 'signals.cancel boss']);
  });

  it('is refused from a coordinator that lost its lease [SG5] [SG-x5]', async () => {
    const clock = new ManualClock();
    const [one, two] = [await harness.open({ clock }), await harness.again({ clock })];
    await crew(one, 'old', 'new', 'a');
    const { lease } = await one.as('old').locks.acquire({ names: ['swarm'], ttlMs: 1000 });
    const fence = { lease: lease.id, token: lease.token };
    await one.as('old').signals.send({ type: 't', targets: ['a'] }, { fence });
    clock.advance(1000);
    await two.as('new').locks.acquire({ names: ['swarm'] });
    const error = await errorOf(one.as('old').signals.send({ type: 't', targets: ['a'] }, { fence }));
    expect(error.code).toBe('FENCED');
    expect((await two.as('a').signals.receive()).signals).toHaveLength(1);
  });
}
