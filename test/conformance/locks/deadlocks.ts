import { expect, it } from 'vitest';
import type { Cycle } from '../../../src/domains/locks/model.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';
import { enqueue, holdersOf, waitingAgents } from '../../support/locks.ts';
import { entriesOf } from '../../support/statements.ts';

/** Agents that wait for each other in a circle. */
export function deadlockSuite(harness: Harness): void {
  /** Each agent holds the file of its name. */
  async function holders(...agents: string[]): Promise<Rookery> {
    const rookery = await harness.open({ clock: new ManualClock() });
    for (const agent of agents) await rookery.as(agent).locks.acquire({ path: agent });
    return rookery;
  }
  const wants = (
    rookery: Rookery,
    agent: string,
    path: string,
    more: { urgency?: number; onDeadlock?: 'refuse' } = {},
  ) => enqueue(rookery, rookery.as(agent), { path, ...more });

  it('reports a circle of two, with what each waits for [WQ6]', async () => {
    const rookery = await holders('a', 'b');
    const first = await wants(rookery, 'a', 'b', { urgency: 5 });
    expect(first.deadlock).toEqual([]);
    const second = await wants(rookery, 'b', 'a');
    const [held] = (await rookery.locks.list({ path: 'a' })).locks;
    const [other] = (await rookery.locks.list({ path: 'b' })).locks;
    const cycle: Cycle = {
      agents: ['b', 'a'],
      edges: [
        { agent: 'b', waiter: second.waiter!, holder: 'a', lease: held!.id, behind: null, path: 'a' },
        { agent: 'a', waiter: first.waiter!, holder: 'b', lease: other!.id, behind: null, path: 'b' },
      ],
      victim: { agent: 'b', waiter: second.waiter! },
    };
    expect(second.deadlock).toEqual([cycle]);
    expect((await rookery.locks.waiters({ agent: 'b' })).waiters[0]!.deadlock).toEqual([cycle]);
    expect((await entriesOf(rookery)).filter(({ op }) => op === 'locks.deadlock')).toHaveLength(1);
  });

  it('reports a circle of three, and suggests who should give up', async () => {
    const rookery = await holders('a', 'b', 'c');
    await wants(rookery, 'a', 'b', { urgency: 1 });
    const { waiter } = await wants(rookery, 'b', 'c');
    const { deadlock } = await wants(rookery, 'c', 'a', { urgency: 1 });
    expect(deadlock.map(({ agents }) => agents)).toEqual([['c', 'a', 'b']]);
    expect(deadlock[0]!.victim).toEqual({ agent: 'b', waiter });
  });

  it('sees no circle in a chain, nor where somebody only holds [WQ6]', async () => {
    const rookery = await holders('a', 'b', 'c', 'd');
    expect((await wants(rookery, 'a', 'b')).deadlock).toEqual([]);
    expect((await wants(rookery, 'b', 'c')).deadlock).toEqual([]);
    expect((await wants(rookery, 'd', 'c')).deadlock).toEqual([]);
    expect((await wants(rookery, 'd', 'a')).deadlock).toEqual([]);
  });

  it('refuses the wait that would close a circle, if asked to, and keeps the graph as it was [WQ5]', async () => {
    const rookery = await holders('a', 'b', 'c');
    await wants(rookery, 'a', 'b');
    await wants(rookery, 'b', 'c');
    const error = await errorOf(wants(rookery, 'c', 'a', { onDeadlock: 'refuse' }));
    expect(error.code).toBe('DEADLOCK');
    expect(error.message).toContain('c waits for a waits for b waits for c');
    expect(error.details['cycles']).toMatchObject([{ agents: ['c', 'a', 'b'] }]);
    expect(await waitingAgents(rookery)).toEqual(['a', 'b']);
  });

  it('ends when somebody lets go', async () => {
    const rookery = await holders('a', 'b');
    await wants(rookery, 'a', 'b');
    const { deadlock } = await wants(rookery, 'b', 'a');
    const { agent, waiter } = deadlock[0]!.victim;
    await rookery.as(agent).locks.cancel({ waiter });
    const [own] = (await rookery.locks.list({ holder: agent })).locks;
    await rookery.as(agent).locks.release({ lease: own!.id });
    expect(await holdersOf(rookery, agent)).toEqual(['a']);
  });

  it('reports two who share and both want it alone [WQ-x7]', async () => {
    const rookery = await harness.open({ clock: new ManualClock() });
    for (const agent of ['a', 'b']) await rookery.as(agent).locks.acquire({ path: 'f', mode: 'shared' });
    expect((await wants(rookery, 'a', 'f')).deadlock).toEqual([]);
    const { deadlock } = await wants(rookery, 'b', 'f');
    expect(deadlock.map(({ agents }) => agents)).toEqual([['b', 'a']]);
    const error = await errorOf(
      rookery.as('b').locks.acquire({ path: 'f', waitMs: 50, onDeadlock: 'refuse' }),
    );
    expect(error.code).toBe('DEADLOCK');
    const [mine] = (await rookery.locks.list({ holder: 'b' })).locks;
    await rookery.as('b').locks.release({ lease: mine!.id });
    expect((await rookery.locks.list({ path: 'f' })).locks).toMatchObject([
      { holder: 'a', resources: [{ mode: 'exclusive' }] },
    ]);
  });

  it('knows that an upgrade stands behind nobody [WQ6]', async () => {
    const rookery = await harness.open({ clock: new ManualClock() });
    const shared = (agent: string, ...paths: string[]) =>
      rookery.as(agent).locks.acquire({ paths, mode: 'shared' });
    await shared('x', 'p', 'q');
    await rookery.as('x').locks.acquire({ path: 'r' });
    for (const agent of ['y', 'a']) await shared(agent, 'p');
    await shared('z', 'q');
    await wants(rookery, 'y', 'p');
    const upgrade = [
      { path: 'p', mode: 'shared' as const },
      { path: 'q', mode: 'exclusive' as const },
    ];
    await enqueue(rookery, rookery.as('x'), { paths: upgrade });
    // y waits for a; a for x; and x for z alone, not for y.
    expect((await wants(rookery, 'a', 'r')).deadlock).toEqual([]);
  });

  it('sees a circle through the queue: behind somebody who waits [WQ6]', async () => {
    const rookery = await holders('a', 'b');
    // b waits for what a holds; c waits for both and stands before a, who then wants what c will have.
    await wants(rookery, 'c', 'b');
    expect((await wants(rookery, 'b', 'a')).deadlock).toEqual([]);
    const { deadlock } = await wants(rookery, 'a', 'b');
    expect(deadlock.map(({ agents }) => agents).sort()).toEqual(
      [
        ['a', 'b'],
        ['a', 'c', 'b'],
      ].sort(),
    );
  });

  it('sees a circle that overtaking closes, queued or not', async () => {
    const rookery = await harness.open({ clock: new ManualClock() });
    await rookery.as('h').locks.acquire({ path: 'x' });
    await rookery.as('b').locks.acquire({ path: 'y' });
    await wants(rookery, 'a', 'y');
    // b waits for x and z; nobody holds z.
    await enqueue(rookery, rookery.as('b'), { paths: ['x', 'z'] });
    const taken = await rookery.as('a').locks.acquire({ path: 'z', urgency: 9 });
    expect(taken.deadlock.map(({ agents }) => agents)).toEqual([['a', 'b']]);
    await rookery.as('a').locks.release({ lease: taken.lease.id });
    const refused = rookery.as('a').locks.acquire({ path: 'z', urgency: 9, onDeadlock: 'refuse' });
    expect((await errorOf(refused)).code).toBe('DEADLOCK');
    expect(await holdersOf(rookery, 'z')).toEqual([]);
    await rookery.as('i').locks.acquire({ path: 'w' });
    const queued = await enqueue(rookery, rookery.as('a'), { paths: ['w', 'z'], urgency: 9 });
    expect(queued.deadlock.map(({ agents }) => agents)).toEqual([['a', 'b']]);
  });

  it('is found through two openings, and told to who waits in vain [WQ-x8]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await one.as('a').locks.acquire({ path: 'a' });
    await two.as('b').locks.acquire({ path: 'b' });
    await wants(one, 'a', 'b');
    const error = await errorOf(two.as('b').locks.acquire({ path: 'a', waitMs: 100 }));
    expect(error.code).toBe('TIMEOUT');
    expect(error.details['deadlock']).toMatchObject([{ agents: ['b', 'a'] }]);
  });
}
