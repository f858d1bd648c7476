import { expect, it } from 'vitest';
import { agingMs, bypassMax } from '../../../src/domains/locks/model.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';
import { enqueue, holdersOf, waitingAgents } from '../../support/locks.ts';
import { select } from '../../support/statements.ts';

/** Who comes next, and that nobody who could is left waiting. */
export function queueSuite(harness: Harness): void {
  /** A store in which `h` holds `f` and the others wait for it, in this order. */
  async function contended(...agents: string[]) {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { lease } = await rookery.as('h').locks.acquire({ path: 'f' });
    for (const agent of agents) await enqueue(rookery, rookery.as(agent), { path: 'f' });
    return { clock, rookery, lease };
  }

  const ends: [
    how: string,
    end: (rookery: Rookery, lease: string, clock: ManualClock) => Promise<unknown>,
  ][] = [
    ['released', (rookery, lease) => rookery.as('h').locks.release({ lease })],
    ['taken away', (rookery, lease) => rookery.locks.forceRelease({ lease, reason: 'r' })],
    [
      'swept',
      (rookery, _, clock) => {
        clock.advance(30_000);
        return rookery.locks.releaseExpired();
      },
    ],
    [
      'found to be over by somebody who asks for something like it',
      async (rookery, _, clock) => {
        clock.advance(30_000);
        await rookery
          .as('z')
          .locks.acquire({ patterns: ['g*', '[f]'] })
          .catch(() => {});
        await enqueue(rookery, rookery.as('z'), { patterns: ['[f]'] });
      },
    ],
  ];
  it.each(ends)('grants the next in the commit in which a lease is %s [WQ2] [WQ-x2]', async (_, end) => {
    const { clock, rookery, lease } = await contended('a', 'b');
    await end(rookery, lease.id, clock);
    expect(await holdersOf(rookery, 'f')).toEqual(['a']);
    expect((await waitingAgents(rookery))[0]).toBe('b');
  });

  it('passes a lease on from waiter to waiter, each with a greater token [WQ3]', async () => {
    const { rookery, lease } = await contended('a', 'b', 'c');
    const order: string[] = [];
    let last = lease;
    for (;;) {
      await rookery.as(last.holder).locks.release({ lease: last.id });
      const [next] = (await rookery.locks.list({ path: 'f' })).locks;
      if (!next) break;
      expect(next.token).toBeGreaterThan(last.token);
      order.push(next.holder);
      last = next;
    }
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('keeps its queue when somebody fails to release what is not his [WQ-x1]', async () => {
    const { rookery, lease } = await contended('a', 'b');
    expect((await errorOf(rookery.as('b').locks.release({ lease: lease.id }))).code).toBe('FORBIDDEN');
    expect(await holdersOf(rookery, 'f')).toEqual(['h']);
    expect(await waitingAgents(rookery)).toEqual(['a', 'b']);
  });

  it('grants all who share at once, and nobody past one who waits to have it alone [LK7]', async () => {
    const { rookery, lease } = await contended();
    for (const [agent, mode] of [
      ['r1', 'shared'],
      ['r2', 'shared'],
      ['w', 'exclusive'],
      ['r3', 'shared'],
    ] as const)
      await enqueue(rookery, rookery.as(agent), { path: 'f', mode });
    await rookery.as('h').locks.release({ lease: lease.id });
    expect((await holdersOf(rookery, 'f')).sort()).toEqual(['r1', 'r2']);
    expect(await waitingAgents(rookery)).toEqual(['w', 'r3']);
    const refused = await errorOf(rookery.as('r4').locks.acquire({ path: 'f', mode: 'shared' }));
    expect(refused.details['conflicts']).toMatchObject([
      { holder: 'w', lease: null, waiter: expect.any(String) },
    ]);
    for (const { id, holder } of (await rookery.locks.list({ path: 'f' })).locks)
      await rookery.as(holder).locks.release({ lease: id });
    expect(await holdersOf(rookery, 'f')).toEqual(['w']);
  });

  it('waits for a whole set and holds nothing of it meanwhile [WQ-x5]', async () => {
    const { rookery, lease } = await contended();
    await enqueue(rookery, rookery.as('a'), { paths: ['f', 'g'] });
    expect(await holdersOf(rookery, 'g')).toEqual([]);
    expect((await errorOf(rookery.as('b').locks.acquire({ path: 'g' }))).code).toBe('LOCK_HELD');
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'g')).toEqual(['a']);
    expect(await holdersOf(rookery, 'f')).toEqual(['a']);
  });

  it('hands over patterns as it does files', async () => {
    const { rookery, lease } = await contended();
    await enqueue(rookery, rookery.as('a'), { patterns: ['[f-h]'] });
    await enqueue(rookery, rookery.as('b'), { path: 'g' });
    await enqueue(rookery, rookery.as('c'), { patterns: ['x/**'] });
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'g')).toEqual(['a']);
    const [granted] = (await rookery.locks.list({ path: 'g' })).locks;
    await rookery.as('a').locks.release({ lease: granted!.id });
    expect(await holdersOf(rookery, 'g')).toEqual(['b']);
  });

  it('serves the more urgent first, and the older among equals [WQ3]', async () => {
    const { rookery, lease } = await contended();
    for (const [agent, urgency] of [
      ['a', 0],
      ['b', 3],
      ['c', 9],
      ['d', 3],
    ] as const)
      await enqueue(rookery, rookery.as(agent), { path: 'f', urgency });
    expect(await waitingAgents(rookery)).toEqual(['c', 'b', 'd', 'a']);
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'f')).toEqual(['c']);
  });

  it('lets nobody be overtaken more often than the bound, by queued or direct requests [WQ3]', async () => {
    const { rookery, lease } = await contended('a');
    for (let i = 0; i < bypassMax + 3; i++)
      await enqueue(rookery, rookery.as(`u${i}`), { path: 'f', urgency: 9 });
    const order = await waitingAgents(rookery);
    expect(order.indexOf('a')).toBe(bypassMax);
    await rookery.as('h').locks.release({ lease: lease.id });

    const direct = await harness.open();
    await direct.as('h').locks.acquire({ path: 'f' });
    await enqueue(direct, direct.as('a'), { paths: ['f', 'g'] });
    for (let i = 0; i < bypassMax; i++) {
      const passed = await direct.as(`u${i}`).locks.acquire({ path: 'g', urgency: 9 });
      await direct.as(`u${i}`).locks.release({ lease: passed.lease.id });
    }
    expect((await errorOf(direct.as('u').locks.acquire({ path: 'g', urgency: 9 }))).code).toBe('LOCK_HELD');
    expect((await direct.locks.waiters()).waiters).toMatchObject([{ agent: 'a', bypassed: bypassMax }]);
  });

  it('raises the urgency of who waits long [WQ3]', async () => {
    const { clock, rookery } = await contended('a');
    clock.advance(2 * agingMs);
    await enqueue(rookery, rookery.as('b'), { path: 'f', urgency: 2 });
    await enqueue(rookery, rookery.as('c'), { path: 'f', urgency: 3 });
    expect(await waitingAgents(rookery)).toEqual(['c', 'a', 'b']);
  });

  it('grants nothing to a waiter whose own time is over, and does not let it block [LK-x9] [WQ4]', async () => {
    const { clock, rookery, lease } = await contended();
    await rookery.as('h').locks.renew({ lease: lease.id, ttlMs: 60_000 });
    await enqueue(rookery, rookery.as('a'), { paths: ['f', 'g'], waitMs: 1000 });
    await enqueue(rookery, rookery.as('b'), { path: 'f' });
    clock.advance(1000);
    expect((await rookery.as('c').locks.acquire({ path: 'g' })).state).toBe('granted');
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'f')).toEqual(['b']);
    expect(await states(rookery)).toEqual({ timed_out: 1, granted: 1 });
  });

  it('grants only to a life that goes on [WQ7]', async () => {
    const { rookery, lease } = await contended('a', 'b', 'c');
    await rookery.fleet.update({ id: 'a', status: 'suspended' });
    await rookery.as('b').fleet.register({ id: 'b', restart: true });
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'f')).toEqual(['c']);
    expect(await states(rookery)).toEqual({ gone: 2, granted: 1 });
  });

  it('does not leave a lease long with a waiter that is not there to take it up [WQ-x4]', async () => {
    const { clock, rookery, lease } = await contended();
    await enqueue(rookery, rookery.as('a'), { path: 'f', ttlMs: 3_600_000 });
    await enqueue(rookery, rookery.as('b'), { path: 'f' });
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'f')).toEqual(['a']);
    clock.advance(5000);
    await rookery.locks.releaseExpired();
    expect(await holdersOf(rookery, 'f')).toEqual(['b']);
  });

  it('lets a waiter be cancelled by its own agent, and serves who stood behind it', async () => {
    const { rookery } = await contended();
    const { waiter } = await enqueue(rookery, rookery.as('a'), { paths: ['f', 'g'] });
    await enqueue(rookery, rookery.as('b'), { path: 'g' });
    expect((await errorOf(rookery.as('b').locks.cancel({ waiter: waiter! }))).code).toBe('FORBIDDEN');
    expect(await holdersOf(rookery, 'g')).toEqual([]);
    expect(await rookery.as('a').locks.cancel({ waiter: waiter! })).toEqual({ cancelled: true });
    expect(await holdersOf(rookery, 'g')).toEqual(['b']);
    expect(await rookery.as('a').locks.cancel({ waiter: waiter! })).toEqual({ cancelled: false });
    expect((await errorOf(rookery.as('a').locks.cancel({ waiter: 'wait_unknown' }))).code).toBe('NOT_FOUND');
  });

  it('lets a second request of one agent join the lease that the first one got', async () => {
    const { rookery, lease } = await contended('a', 'a', 'b');
    await rookery.as('h').locks.release({ lease: lease.id });
    expect(await holdersOf(rookery, 'f')).toEqual(['a']);
    expect(await waitingAgents(rookery)).toEqual(['b']);
  });
}

/** How many waiters are in which state. */
async function states(rookery: Rookery): Promise<Record<string, number>> {
  const rows = await select<{ state: string; waiters: number }>(
    rookery,
    'SELECT state, count(*) AS waiters FROM lock_waiters GROUP BY state ORDER BY state',
  );
  return Object.fromEntries(rows.map(({ state, waiters }) => [state, waiters]));
}
