import { describe, expect, it } from 'vitest';
import { type Harness, onEveryEngine } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entriesOf } from '../support/statements.ts';

const second = 1000;
const hour = 3600 * second;

function clockSuite(harness: Harness): void {
  describe('a key with a time to live', () => {
    it('stays gone once it was seen to be gone, though the clock jumps back an hour [KV6]', async () => {
      const clock = new ManualClock();
      const rookery = await harness.open({ clock });
      const { memory } = rookery;
      await memory.set({ key: 'k', value: 1, ttl: 60 });
      clock.advance(61 * second);
      expect(await memory.get({ key: 'k' })).toBeNull();
      // Nothing was committed at that time: only who has read it knows how late it was.
      clock.advance(-hour);
      expect(await memory.get({ key: 'k' })).toBeNull();
      expect(await memory.has({ key: 'k' })).toEqual({ exists: false });
      expect((await memory.keys()).keys).toEqual([]);
      expect(await memory.delete({ key: 'k' })).toEqual({ deleted: false, revision: null });
      expect((await memory.set({ key: 'k', value: 2, expectedRevision: 0 })).revision).toBe(2);
    });

    it('stays gone for whoever opens the store later, with a clock that is behind [KV6]', async () => {
      const clock = new ManualClock();
      const rookery = await harness.open({ clock });
      await rookery.memory.set({ key: 'k', value: 1, ttl: 60 });
      await rookery.memory.set({ key: 'lasting', value: 1, ttl: 7200 });
      clock.advance(hour);
      await rookery.memory.set({ key: 'other', value: 1 });
      clock.advance(-2 * hour);
      const later = await harness.again({ clock });
      for (const { memory } of [rookery, later]) {
        expect(await memory.get({ key: 'k' })).toBeNull();
        expect((await memory.get({ key: 'lasting' }))?.value).toBe(1);
      }
    });

    it('lives as long as it was given, from the time of the store and not of the writer', async () => {
      const [ahead, behind] = [new ManualClock(), new ManualClock()];
      ahead.advance(hour);
      const one = await harness.open({ clock: ahead });
      const two = await harness.again({ clock: behind });
      await one.memory.set({ key: 'now', value: 1 });
      const { updatedAt, expiresAt } = await two.memory.set({ key: 'k', value: 1, ttl: 60 });
      expect([updatedAt, expiresAt]).toEqual([ahead.now(), ahead.now() + 60 * second]);
      ahead.advance(59 * second);
      expect((await one.memory.get({ key: 'k' }))?.value).toBe(1);
      ahead.advance(second);
      expect(await one.memory.get({ key: 'k' })).toBeNull();
      await one.memory.set({ key: 'now', value: 2 });
      expect(await two.memory.get({ key: 'k' })).toBeNull();
    });
  });

  describe('a lease', () => {
    const names = ['door'];

    it('lasts longer, never shorter, when the clock jumps back [LK2, K4]', async () => {
      const clock = new ManualClock();
      const rookery = await harness.open({ clock });
      const [a, b] = [rookery.as('a'), rookery.as('b')];
      const { lease } = await a.locks.acquire({ names, ttlMs: 30 * second });
      const inForce = async () => (await a.locks.check({ lease: lease.id, token: lease.token })).valid;
      clock.advance(-hour);
      clock.advance(hour - second);
      for (let passed = 0; passed < 30; passed++) {
        expect(await inForce()).toBe(true);
        await expect(b.locks.acquire({ names })).rejects.toMatchObject({ code: 'LOCK_HELD' });
        clock.advance(second);
      }
      expect(await inForce()).toBe(true);
      clock.advance(second);
      expect(await inForce()).toBe(false);
      const taken = await b.locks.acquire({ names });
      expect(taken.lease.token).toBeGreaterThan(lease.token);
    });

    it('that ended in a jump ahead protects nothing any more, also after the jump back [LK3, LK-x12]', async () => {
      const clock = new ManualClock();
      const rookery = await harness.open({ clock });
      const [a, b] = [rookery.as('a'), rookery.as('b')];
      const { lease: old } = await a.locks.acquire({ names, ttlMs: 30 * second });
      clock.advance(hour);
      const { lease: next } = await b.locks.acquire({ names, ttlMs: 30 * second });
      clock.advance(-hour);
      expect(next.token).toBeGreaterThan(old.token);
      const check = async ({ id, token }: typeof old) => (await a.locks.check({ lease: id, token })).valid;
      expect([await check(old), await check(next)]).toEqual([false, true]);
      for (const call of [a.locks.renew({ lease: old.id }), a.locks.release({ lease: old.id })])
        await expect(call).rejects.toMatchObject({ code: 'LEASE_LOST' });
      await expect(a.locks.acquire({ names })).rejects.toMatchObject({ code: 'LOCK_HELD' });
    });

    it('is one lease for two processes whose clocks are two hours apart [LK1, LK2]', async () => {
      const [ahead, behind] = [new ManualClock(), new ManualClock()];
      ahead.advance(hour);
      behind.advance(-hour);
      const a = (await harness.open({ clock: ahead })).as('a');
      const b = (await harness.again({ clock: behind })).as('b');
      await a.memory.set({ key: 'now', value: 1 });
      const tokens: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const { lease } = await b.locks.acquire({ names, ttlMs: 30 * second });
        expect(lease.expiresAt).toBe(ahead.now() + 30 * second);
        await expect(a.locks.acquire({ names })).rejects.toMatchObject({ code: 'LOCK_HELD' });
        ahead.advance(30 * second);
        const { lease: next } = await a.locks.acquire({ names, ttlMs: 30 * second });
        const { valid } = await b.locks.check({ lease: lease.id, token: lease.token });
        expect(valid).toBe(false);
        await expect(b.locks.acquire({ names })).rejects.toMatchObject({ code: 'LOCK_HELD' });
        await a.locks.release({ lease: next.id });
        tokens.push(lease.token, next.token);
      }
      expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y));
    });
  });

  it('the ledger never goes back in time, whoever writes after whichever jump [K3, K4]', async () => {
    const clocks = [new ManualClock(), new ManualClock()];
    const openings = [await harness.open({ clock: clocks[0]! }), await harness.again({ clock: clocks[1]! })];
    for (const [turn, jump] of [0, hour, -hour, -hour, 1, 2 * hour, -3 * hour, second].entries()) {
      clocks[turn % 2]!.advance(jump);
      for (const { memory, locks } of openings) {
        await Promise.all([memory.incr({ key: 'n' }), memory.set({ key: `k${turn}`, value: turn })]);
        const { lease } = await locks.acquire({ names: ['door'] });
        await locks.release({ lease: lease.id });
      }
    }
    const entries = await entriesOf(openings[0]!);
    expect(entries.length).toBeGreaterThanOrEqual(8 * 2 * 4);
    const times = entries.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(await openings[1]!.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });
}

onEveryEngine('clock jumps', clockSuite);
