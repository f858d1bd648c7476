import { expect, it } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';

/** The contract of memory, on any engine. Ids in brackets are those of the published guarantees. */
export function memorySuite(harness: Harness): void {
  it('gives each agent its own private key under one name', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.memory.set({ key: 'k', value: 'of a', level: 'private' });
    await b.memory.set({ key: 'k', value: 'of b', level: 'private' });
    expect((await a.memory.get({ key: 'k' }))?.value).toBe('of a');
    expect((await b.memory.get({ key: 'k' }))?.value).toBe('of b');
    expect(await b.memory.get({ key: 'k', level: 'private', audience: 'a' })).toBeNull();
  });

  it('is unreadable from the millisecond it expires [KV6]', async () => {
    const clock = new ManualClock();
    const { memory } = (await harness.open({ clock })).as('a');
    await memory.set({ key: 'k', value: 1, ttl: 10 });
    clock.advance(9_999);
    expect((await memory.get({ key: 'k' }))?.value).toBe(1);
    clock.advance(1);
    expect(await memory.get({ key: 'k' })).toBeNull();
    expect((await memory.keys()).keys).toEqual([]);
  });
}
