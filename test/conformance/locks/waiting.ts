import { expect, it } from 'vitest';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';
import { enqueue, holdersOf, waitingAgents } from '../../support/locks.ts';
import { execute } from '../../support/statements.ts';
import { until } from '../../support/until.ts';

/** Well below the second after which a waiter looks by itself, on a busy machine. */
const promptMs = 700;

/** From here on, no hint of a commit reaches anybody in this opening. */
function hearNothing({ store }: Rookery): void {
  store.hints.publish = () => {};
  store.engine.watch = () => () => {};
}

/** Calls that wait until they have the lease. */
export function waitSuite(harness: Harness): void {
  const queued = (rookery: Rookery, ...agents: string[]) =>
    until(`${agents} wait`, async () => String(await waitingAgents(rookery)) === String(agents));

  it('answers with the lease when it is released, here and in another opening [WA1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { lease } = await one.as('h').locks.acquire({ path: 'f' });
    const here = one.as('a').locks.acquire({ path: 'f', waitMs: 60_000, ttlMs: 10_000 });
    await queued(one, 'a');
    const there = two.as('b').locks.acquire({ path: 'f', waitMs: 60_000 });
    await queued(two, 'a', 'b');
    const started = performance.now();
    await one.as('h').locks.release({ lease: lease.id });
    const first = await here;
    expect(first).toMatchObject({ state: 'granted', renewed: false, lease: { holder: 'a', ttlMs: 10_000 } });
    expect(first.lease.expiresAt! - first.now).toBe(10_000);
    await one.as('a').locks.release({ lease: first.lease.id });
    const second = await there;
    expect(performance.now() - started).toBeLessThan(2 * promptMs);
    expect(second.lease.token).toBeGreaterThan(first.lease.token);
    expect(await holdersOf(two, 'f')).toEqual(['b']);
  });

  it('gets a lease whose holder never comes back, when its time is over [LK-x8] [WA-x4]', async () => {
    const rookery = await harness.open();
    const held = await rookery.as('h').locks.acquire({ path: 'f', ttlMs: 300 });
    const { lease, now } = await rookery.as('a').locks.acquire({ path: 'f', waitMs: 60_000 });
    expect(now).toBeGreaterThanOrEqual(held.lease.expiresAt!);
    expect(now - held.lease.expiresAt!).toBeLessThan(promptMs);
    expect(lease.token).toBeGreaterThan(held.lease.token);
  });

  it('is told when the time is over, and holds nothing [WQ4]', async () => {
    const rookery = await harness.open();
    const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
    const error = await errorOf(rookery.as('a').locks.acquire({ path: 'f', waitMs: 50 }));
    expect(error.code).toBe('TIMEOUT');
    expect(await waitingAgents(rookery)).toEqual([]);
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'f')).toEqual([]);
  });

  it('leaves the queue when its caller goes away [WQ-x4]', async () => {
    const rookery = await harness.open();
    const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
    const caller = new AbortController();
    const call = rookery.as('a').locks.acquire({ path: 'f', waitMs: 60_000 }, { signal: caller.signal });
    await queued(rookery, 'a');
    const next = rookery.as('b').locks.acquire({ path: 'f', waitMs: 60_000 });
    await queued(rookery, 'a', 'b');
    caller.abort();
    expect((await errorOf(call)).code).toBe('TIMEOUT');
    await rookery.as('h').locks.release({ lease: lease.id });
    expect((await next).lease.holder).toBe('b');
  });

  it('gives back what came after its caller went away [WQ4] [WQ-x4]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { lease } = await one.as('h').locks.acquire({ path: 'f' });
    const caller = new AbortController();
    hearNothing(two);
    const call = two.as('a').locks.acquire({ path: 'f', waitMs: 60_000 }, { signal: caller.signal });
    await queued(one, 'a');
    await one.as('h').locks.release({ lease: lease.id });
    caller.abort();
    const error = await errorOf(call);
    expect(error.message).toContain('cancelled');
    expect(await holdersOf(one, 'f')).toEqual([]);
  });

  it('gets what came for somebody who is not there, as soon as that is over', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
    await enqueue(rookery, rookery.as('a'), { path: 'f' });
    const call = rookery.as('b').locks.acquire({ path: 'f', waitMs: 600_000 });
    await queued(rookery, 'a', 'b');
    await rookery.as('h').locks.release({ lease: lease.id });
    clock.advance(5000);
    expect((await call).lease.holder).toBe('b');
  });

  it('is not kept by a waiter whose agent began another life', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    await rookery.as('h').locks.acquire({ path: 'f', ttlMs: null });
    await enqueue(rookery, rookery.as('a'), { paths: ['f', 'g'] });
    const call = rookery.as('b').locks.acquire({ path: 'g', waitMs: 600_000 });
    await queued(rookery, 'a', 'b');
    await rookery.as('a').fleet.register({ id: 'a', restart: true });
    clock.advance(10_000);
    expect((await call).lease.holder).toBe('b');
    expect(await waitingAgents(rookery)).toEqual([]);
  });

  it('ends with the lease or with nothing when both come at once [WQ-x3]', async () => {
    const rookery = await harness.open();
    for (let round = 0; round < 8; round++) {
      const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
      const caller = new AbortController();
      const call = rookery.as('a').locks.acquire({ path: 'f', waitMs: 60_000 }, { signal: caller.signal });
      await queued(rookery, 'a');
      const release = rookery.as('h').locks.release({ lease: lease.id });
      if (round % 2 === 0) caller.abort();
      else await Promise.resolve().then(() => caller.abort());
      await release;
      const granted = await call.then(
        (answer) => answer.lease.id,
        () => undefined,
      );
      expect(await holdersOf(rookery, 'f')).toEqual(granted === undefined ? [] : ['a']);
      if (granted !== undefined) await rookery.as('a').locks.release({ lease: granted });
    }
  });

  it('asked again under its key, waits at its old place and gets the same lease', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { lease } = await one.as('h').locks.acquire({ path: 'f' });
    const key = { idempotencyKey: 'k' };
    const wanted = { path: 'f', waitMs: 60_000 };
    const first = one.as('a').locks.acquire(wanted, key);
    await queued(one, 'a');
    const second = two.as('a').locks.acquire(wanted, key);
    await one.as('h').locks.release({ lease: lease.id });
    const granted = await first;
    expect((await second).lease.token).toBe(granted.lease.token);
    expect((await two.as('a').locks.acquire(wanted, key)).lease.id).toBe(granted.lease.id);
    expect(await waitingAgents(two)).toEqual([]);
  });

  it('is told when another life of its agent has begun', async () => {
    const rookery = await harness.open();
    const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
    const call = errorOf(rookery.as('a').locks.acquire({ path: 'f', waitMs: 60_000 }));
    await queued(rookery, 'a');
    await rookery.as('a').fleet.register({ id: 'a', restart: true });
    await rookery.as('h').locks.release({ lease: lease.id });
    expect((await call).code).toBe('FENCED');
    expect(await holdersOf(rookery, 'f')).toEqual([]);
  });

  it('asks again by itself when a grant ran out before it could take it up', async () => {
    const clock = new ManualClock();
    const [one, two] = [await harness.open({ clock }), await harness.again({ clock })];
    const { lease } = await one.as('h').locks.acquire({ path: 'f' });
    const call = one.as('a').locks.acquire({ path: 'f', waitMs: 600_000 });
    await queued(one, 'a');
    // Its own look, a tick later, finds the offer gone.
    hearNothing(one);
    await two.as('h').locks.release({ lease: lease.id });
    const [offered] = (await two.locks.list({ path: 'f' })).locks;
    clock.advance(5000);
    await two.locks.releaseExpired();
    const answer = await call;
    expect(answer.lease).toMatchObject({ holder: 'a', status: 'active' });
    expect(answer.lease.token).toBeGreaterThanOrEqual(offered!.token);
  });

  it('joins a lease of its own agent', async () => {
    const rookery = await harness.open();
    const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
    const calls = [1, 2].map(() => rookery.as('a').locks.acquire({ path: 'f', waitMs: 60_000 }));
    await queued(rookery, 'a', 'a');
    await rookery.as('h').locks.release({ lease: lease.id });
    const [first, second] = await Promise.all(calls);
    expect(second!.lease.id).toBe(first!.lease.id);
    expect([first!.renewed, second!.renewed].sort()).toEqual([false, true]);
  });

  it('refuses more waiters than the limit', async () => {
    const rookery = await harness.open();
    await rookery.as('h').locks.acquire({ path: 'f' });
    await execute(
      rookery,
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO lock_waiters (project_id, id, agent_id, incarnation, request, urgency, tier, position, enqueued_at,
          deadline_ms, state)
        SELECT 'default', 'wait_' || i, 'x', 1, '{}', 0, 10, i, 0, 9000000000000, 'waiting' FROM n`,
    );
    const error = await errorOf(rookery.as('a').locks.acquire({ path: 'f', waitMs: 1000 }));
    expect(error.code).toBe('LIMIT_REACHED');
  });
}
