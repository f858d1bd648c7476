import { expect, it } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';

/** What a time to live promises: KV6, "never readable after its deadline, whether or not anything has tidied up". */
export function memoryExpirySuite(harness: Harness): void {
  it('is unreadable from the millisecond it expires, in every way of reading [KV6]', async () => {
    const clock = new ManualClock();
    const { memory } = (await harness.open({ clock })).as('a');
    const { seq } = await memory.set({ key: 'k', value: 'x', ttl: 10 });
    const ways = {
      get: async () => (await memory.get({ key: 'k' }))?.value,
      level: async () => (await memory.get({ key: 'k', level: 'project' }))?.value,
      asOf: async () => (await memory.get({ key: 'k', asOf: seq }))?.value,
      mget: async () => (await memory.mget({ keys: ['k'] })).values[0]?.value,
      history: async () => (await memory.history({ key: 'k' })).revisions[0]?.value ?? undefined,
      has: async () => ((await memory.has({ key: 'k' })).exists ? 'x' : undefined),
      keys: async () => ((await memory.keys()).keys.length > 0 ? 'x' : undefined),
    };
    clock.advance(9_999);
    for (const [way, look] of Object.entries(ways)) expect(await look(), way).toBe('x');
    clock.advance(1);
    for (const [way, look] of Object.entries(ways)) expect(await look(), way).toBeUndefined();
    const [revision] = (await memory.history({ key: 'k' })).revisions;
    expect(revision).toMatchObject({ value: null, expired: true, deleted: false });
    expect(await memory.expire({ key: 'k', ttl: 60 })).toBeNull();
    expect(await memory.delete({ key: 'k' })).toEqual({ deleted: false, revision: null });
  });

  it('is unreadable to a process whose clock is behind [KV6, K4]', async () => {
    const ahead = new ManualClock();
    const behind = new ManualClock(ahead.now() - 3_600_000);
    const one = await harness.open({ clock: ahead });
    const two = await harness.again({ clock: behind });
    const { seq } = await one.memory.set({ key: 'k', value: 'x', ttl: 10 });
    ahead.advance(10_000);
    await one.memory.set({ key: 'other', value: 1 });
    const { memory } = two;
    expect(await memory.get({ key: 'k' })).toBeNull();
    expect(await memory.get({ key: 'k', level: 'project' })).toBeNull();
    expect(await memory.get({ key: 'k', asOf: seq })).toBeNull();
    expect((await memory.history({ key: 'k' })).revisions[0]?.value).toBeNull();
    expect((await memory.keys()).keys.map(({ key }) => key)).toEqual(['other']);
    expect((await memory.mget({ keys: ['k'], level: 'project' })).values).toEqual([null]);
  });

  it('does not come back when a revision that expired was written over [KV6]', async () => {
    const clock = new ManualClock();
    const { memory } = await harness.open({ clock });
    const first = await memory.set({ key: 'k', value: 'short', ttl: 5 });
    await memory.set({ key: 'k', value: 'long' });
    expect((await memory.get({ key: 'k', asOf: first.seq }))?.value).toBe('short');
    clock.advance(5000);
    expect(await memory.get({ key: 'k', asOf: first.seq })).toBeNull();
    const { revisions } = await memory.history({ key: 'k' });
    expect(revisions.map(({ value, expired }) => [value, expired])).toEqual([
      ['long', false],
      [null, true],
    ]);
  });

  it('changes with a new time to live, and not with a change of the value alone', async () => {
    const clock = new ManualClock();
    const { memory } = await harness.open({ clock });
    const start = clock.now();
    await memory.set({ key: 'n', value: 1, ttl: 10 });
    await memory.incr({ key: 'n' });
    expect((await memory.get({ key: 'n' }))?.expiresAt).toBe(start + 10_000);
    await memory.incr({ key: 'n', ttl: 20 });
    expect((await memory.get({ key: 'n' }))?.expiresAt).toBe(start + 20_000);
    expect(await memory.expire({ key: 'n', ttl: 0 })).toMatchObject({ expiresAt: null, revision: 4 });
    expect(await memory.expire({ key: 'n', ttl: 5 })).toMatchObject({ expiresAt: start + 5000 });
    await memory.append({ key: 't', text: 'x', ttl: 5 });
    clock.advance(5000);
    expect(await memory.incr({ key: 'n' })).toEqual({ value: 1, revision: 6 });
    expect((await memory.get({ key: 'n' }))?.expiresAt).toBeNull();
    expect(await memory.append({ key: 't', text: 'y' })).toMatchObject({ length: 1 });
    expect(await memory.expire({ key: 'never', ttl: 5 })).toBeNull();
  });

  it('is tidied away by who may, once', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    for (const key of ['a', 'b', 'c']) await rookery.memory.set({ key, value: 1, ttl: 5, level: 'private' });
    await rookery.memory.set({ key: 'd', value: 1 });
    expect(await rookery.memory.prune()).toEqual({ pruned: 0 });
    clock.advance(5000);
    await expect(rookery.as('x').memory.prune()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await rookery.memory.prune({ limit: 2 })).toEqual({ pruned: 2 });
    expect(await rookery.memory.prune()).toEqual({ pruned: 1 });
    expect(await rookery.memory.prune()).toEqual({ pruned: 0 });
    expect((await rookery.memory.set({ key: 'a', value: 2, level: 'private' })).revision).toBe(3);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true });
  });
}
