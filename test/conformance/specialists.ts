import { expect, it } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entries, errorOf } from '../support/ledger.ts';

/** Specialists of seed 002, as its door reaches them. */
export function specialistSuite(harness: Harness): void {
  it('registers a specialist as an agent of the fleet, under its own id or a new one', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const door = rookery.as('door');
    const made = await door.specialists.register({ name: 'Backend', capabilities: ['api'] });
    expect(made.id).toMatch(/^spec-[0-9a-z]+$/);
    expect(made).toMatchObject({ status: 'active', currentSortie: null, metadata: {} });
    expect(made.registeredAt).toBe(new Date(clock.now()).toISOString());
    expect(await rookery.fleet.get({ id: made.id })).toMatchObject({
      name: 'Backend',
      capabilities: ['api'],
    });
    const kept = await door.specialists.register({ id: 'team:a/1', name: 'A', metadata: { tier: 1 } });
    expect(kept.id).toBe('team:a/1');
    clock.advance(1000);
    const again = await door.specialists.register({ id: 'team:a/1', name: 'A2' });
    expect(again).toMatchObject({ name: 'A2', metadata: { tier: 1 }, registeredAt: kept.registeredAt });
    expect(Date.parse(again.lastSeen) - Date.parse(kept.lastSeen)).toBe(1000);
    expect((await door.specialists.list()).specialists.map(({ id }) => id)).toEqual([made.id, 'team:a/1']);
    expect((await errorOf(door.specialists.register({} as never))).details).toMatchObject({ field: 'name' });
  });

  it('shows one that is silent for 60 s as inactive, and its status again after a heartbeat', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const door = rookery.as('door');
    const { id } = await door.specialists.register({ name: 'S' });
    await door.specialists.heartbeat({ id, status: 'busy', currentSortie: 'srt-1' });
    const status = async () => (await door.specialists.get({ id }))?.status;
    const listed = async (wanted: 'busy' | 'inactive') =>
      (await door.specialists.list({ status: wanted })).specialists.length;
    clock.advance(59_999);
    expect([await status(), await listed('busy'), await listed('inactive')]).toEqual(['busy', 1, 0]);
    clock.advance(1);
    expect([await status(), await listed('busy'), await listed('inactive')]).toEqual(['inactive', 0, 1]);
    expect(await door.specialists.heartbeat({ id })).toMatchObject({
      status: 'busy',
      currentSortie: 'srt-1',
    });
    expect([await status(), await listed('busy'), await listed('inactive')]).toEqual(['busy', 1, 0]);
    await door.specialists.heartbeat({ id, status: 'completed', currentSortie: null });
    clock.advance(600_000);
    expect(await door.specialists.get({ id })).toMatchObject({ status: 'completed', currentSortie: null });
  });

  it('writes nothing to the ledger for a heartbeat that changes nothing', async () => {
    const rookery = await harness.open();
    const door = rookery.as('door');
    const { id } = await door.specialists.register({ name: 'S' });
    for (let i = 0; i < 5; i++) await door.specialists.heartbeat({ id });
    expect(await entries(rookery, 'specialists.heartbeat')).toHaveLength(0);
    await door.specialists.heartbeat({ id, status: 'idle' });
    expect(await entries(rookery, 'specialists.heartbeat')).toHaveLength(1);
  });

  it('answers null for one there is not, and lets a suspended one stay out', async () => {
    const rookery = await harness.open();
    const door = rookery.as('door');
    expect(await door.specialists.get({ id: 'nobody' })).toBeNull();
    expect(await door.specialists.heartbeat({ id: 'nobody' })).toBeNull();
    expect(await rookery.fleet.get({ id: 'nobody' })).toBeNull();
    const { id } = await door.specialists.register({ name: 'S' });
    await rookery.fleet.update({ id, status: 'suspended' });
    expect((await errorOf(door.specialists.register({ id, name: 'S' }))).code).toBe('FORBIDDEN');
    expect((await rookery.fleet.get({ id }))?.status).toBe('suspended');
  });
}
