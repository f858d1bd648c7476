import { expect, it } from 'vitest';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';
import { enqueue } from '../../support/locks.ts';

type Filter = Parameters<View['locks']['list']>[0];

/** Reading leases and waiters. */
export function listSuite(harness: Harness): void {
  it('finds a lease by its id and by that of any of its resources', async () => {
    const a = (await harness.open()).as('a');
    const { lease } = await a.locks.acquire({ paths: ['x', 'y'] });
    for (const { id } of lease.resources) expect(await a.locks.get({ id })).toEqual(lease);
    expect(await a.locks.get({ id: 'lock_unknown' })).toBeNull();
  });

  it('lists leases in force, or all, by file and by holder, patterns that match included', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const acquire = async (view: View, input: Parameters<View['locks']['acquire']>[0]) => {
      clock.advance(1);
      return (await view.locks.acquire(input)).lease.id;
    };
    const pattern = await acquire(a, { patterns: ['src/*.ts'], mode: 'shared' });
    const file = await acquire(b, { path: 'src/x.ts', mode: 'shared' });
    const set = await acquire(a, { paths: ['y', 'z'] });
    const short = await acquire(b, { path: 'src/x.ts', mode: 'shared', ttlMs: 50 });
    expect(short).toBe(file);
    const name = await acquire(b, { names: ['src/x.ts'], ttlMs: 10 });
    const released = await acquire(a, { path: 'w' });
    await a.locks.release({ lease: released });
    clock.advance(20);
    const ids = async (filter: Filter) => (await a.locks.list(filter)).locks.map(({ id }) => id);
    expect(await ids({})).toEqual([pattern, file, set]);
    expect(await ids({ holder: 'a' })).toEqual([pattern, set]);
    expect(await ids({ path: './src/x.ts' })).toEqual([pattern, file]);
    expect(await ids({ path: 'src/x.ts', holder: 'b' })).toEqual([file]);
    expect(await ids({ path: 'z' })).toEqual([set]);
    expect(await ids({ status: 'all' })).toEqual([pattern, file, set, name, released]);
    expect(await ids({ status: 'all', holder: 'b' })).toEqual([file, name]);
    expect(await ids({ status: 'all', path: 'w' })).toEqual([released]);
    clock.advance(100);
    expect(await ids({ path: 'src/x.ts' })).toEqual([pattern]);
  });

  it('pages without a gap or a repetition', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    const made: string[] = [];
    for (let i = 0; i < 7; i++) {
      clock.advance(1);
      const mode = i % 2 === 0 ? ('shared' as const) : ('exclusive' as const);
      made.push((await a.locks.acquire({ paths: [`f${i}`, `g${i}`], mode })).lease.id);
    }
    for (const filter of [{}, { holder: 'a' }, { status: 'all' as const }]) {
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: Awaited<ReturnType<View['locks']['list']>> = await a.locks.list({
          ...filter,
          limit: 3,
          cursor,
        });
        seen.push(...page.locks.map(({ id }) => id));
        cursor = page.cursor;
      }
      expect(seen).toEqual(made);
    }
  });

  it('lists waiters in the order of service, page by page', async () => {
    const rookery = await harness.open();
    await rookery.as('h').locks.acquire({ path: 'f' });
    for (const [agent, urgency] of [
      ['a', 0],
      ['b', 5],
      ['c', 0],
      ['d', 9],
    ] as const)
      await enqueue(rookery, rookery.as(agent), { path: 'f', urgency });
    const first = await rookery.locks.waiters({ limit: 3 });
    expect(first.waiters.map(({ agent }) => agent)).toEqual(['d', 'b', 'a']);
    const rest = await rookery.locks.waiters({ cursor: first.cursor! });
    expect(rest.waiters.map(({ agent }) => agent)).toEqual(['c']);
    expect(rest.cursor).toBeNull();
    expect((await rookery.locks.waiters({ agent: 'b' })).waiters).toMatchObject([
      { agent: 'b', urgency: 5, resources: [{ kind: 'file', path: 'f', mode: 'exclusive' }] },
    ]);
    expect((await errorOf(rookery.locks.waiters({ cursor: 'x' }))).details).toMatchObject({
      field: 'cursor',
    });
  });

  it('shows nothing to an agent that is not active', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f' });
    await b.locks.list();
    await rookery.fleet.update({ id: 'b', status: 'suspended' });
    expect(await b.locks.get({ id: lease.id })).toBeNull();
    expect((await b.locks.list()).locks).toEqual([]);
    expect((await b.locks.waiters()).waiters).toEqual([]);
    expect((await b.locks.check({ lease: lease.id, token: lease.token })).valid).toBe(false);
    expect((await errorOf(b.locks.acquire({ path: 'g' }))).code).toBe('FORBIDDEN');
    expect((await errorOf(b.locks.release({ lease: lease.id }))).code).toBe('FORBIDDEN');
  });

  it('keeps projects apart', async () => {
    const rookery = await harness.open();
    const { lease } = await rookery.as('a').locks.acquire({ path: 'f' });
    const elsewhere = rookery.as('a', { project: 'other' });
    expect(await elsewhere.locks.get({ id: lease.id })).toBeNull();
    expect((await elsewhere.locks.acquire({ path: 'f' })).state).toBe('granted');
    expect((await errorOf(elsewhere.locks.release({ lease: lease.id }))).code).toBe('NOT_FOUND');
  });

  it('forgets what ended long ago, when an administrator says so', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    const old = await a.locks.acquire({ paths: ['x', 'y'] });
    await a.locks.release({ lease: old.lease.id });
    clock.advance(31 * 86_400_000);
    const recent = await a.locks.acquire({ path: 'x' });
    await a.locks.release({ lease: recent.lease.id });
    expect((await errorOf(a.locks.prune())).code).toBe('FORBIDDEN');
    expect(await rookery.locks.prune()).toEqual({ pruned: 1, more: false });
    expect(await a.locks.get({ id: old.lease.resources[1]!.id })).toBeNull();
    expect(await a.locks.get({ id: recent.lease.id })).not.toBeNull();
    expect(await rookery.audit.verify()).toMatchObject({ ok: true });
  });
}
