import { expect, it } from 'vitest';
import { z } from 'zod';
import { endLeasesOf } from '../../../src/domains/locks/operations.ts';
import { mutation } from '../../../src/kernel/operation.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { denials, errorOf } from '../../support/ledger.ts';
import { holdersOf } from '../../support/locks.ts';
import { execute } from '../../support/statements.ts';

/** One lease from its grant to its end. */
export function leaseSuite(harness: Harness): void {
  it('answers what was granted, under the path of the file and the name it was given', async () => {
    const clock = new ManualClock();
    const a = (await harness.open({ clock })).as('spec-a');
    const { state, renewed, lease } = await a.locks.acquire({ path: './src//app.ts' });
    expect({ state, renewed }).toEqual({ state: 'granted', renewed: false });
    expect(lease).toEqual({
      id: expect.stringMatching(/^lock_[0-9a-z]{36}$/),
      token: expect.any(Number),
      holder: 'spec-a',
      incarnation: 1,
      status: 'active',
      purpose: 'edit',
      checksum: null,
      ttlMs: 30_000,
      reservedAt: clock.now(),
      expiresAt: clock.now() + 30_000,
      releasedAt: null,
      endedBy: null,
      endReason: null,
      metadata: {},
      resources: [
        { id: lease.id, kind: 'file', file: './src//app.ts', path: 'src/app.ts', mode: 'exclusive' },
      ],
    });
    expect(await a.locks.get({ id: lease.id })).toEqual(lease);
  });

  it('keeps purpose, checksum and metadata as given', async () => {
    const a = (await harness.open()).as('a');
    const given = {
      purpose: 'read' as const,
      checksum: 'sha256:00',
      metadata: { camelCase: { snake_case: 1 } },
    };
    const { lease } = await a.locks.acquire({ path: 'f', ...given });
    expect(lease).toMatchObject(given);
    expect(lease.resources[0]!.mode).toBe('shared');
  });

  it('draws tokens that only grow: over releases, expiry, upgrades, names and a new opening [LK1]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    const tokens: number[] = [];
    const take = async (view = a, path = 'f') => {
      const { lease } = await view.locks.acquire({ path });
      tokens.push(lease.token);
      return lease;
    };
    await a.locks.release({ lease: (await take()).id });
    await take();
    clock.advance(30_000);
    await take();
    await take(a, 'g');
    const shared = await a.locks.acquire({ path: 'h', mode: 'shared' });
    tokens.push(shared.lease.token, (await a.locks.acquire({ path: 'h' })).lease.token);
    await rookery.close();
    const again = (await harness.again({ clock })).as('b');
    await take(again, 'i');
    expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y));
  });

  it('is over from the millisecond it expires, whatever a sweeper does [LK-x7] [LK-x8]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f', ttlMs: 1000 });
    clock.advance(999);
    expect((await errorOf(b.locks.acquire({ path: 'f' }))).code).toBe('LOCK_HELD');
    clock.advance(1);
    expect(await a.locks.get({ id: lease.id })).toMatchObject({
      status: 'expired',
      releasedAt: lease.expiresAt,
    });
    const next = await b.locks.acquire({ path: 'f' });
    expect(next.lease.token).toBeGreaterThan(lease.token);
    expect(await a.locks.get({ id: lease.id })).toMatchObject({
      status: 'expired',
      releasedAt: lease.expiresAt,
    });
    expect((await errorOf(a.locks.release({ lease: lease.id }))).code).toBe('LEASE_LOST');
  });

  it('cannot be renewed or released once it ran out, even if nobody took it', async () => {
    const clock = new ManualClock();
    const a = (await harness.open({ clock })).as('a');
    const { lease } = await a.locks.acquire({ path: 'f', ttlMs: 1000 });
    clock.advance(1000);
    for (const attempt of [a.locks.renew({ lease: lease.id }), a.locks.release({ lease: lease.id })]) {
      const error = await errorOf(attempt);
      expect(error.code).toBe('LEASE_LOST');
      expect(error.details).toMatchObject({ lease: lease.id, status: 'expired' });
    }
    expect((await a.locks.acquire({ path: 'f' })).lease.token).toBeGreaterThan(lease.token);
  });

  it('is renewed for its holder alone, and under its token alone [LK8]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f', ttlMs: 1000 });
    clock.advance(900);
    const renewed = await a.locks.renew({ lease: lease.id, token: lease.token, ttlMs: 5000 });
    expect(renewed.lease).toEqual({ ...lease, ttlMs: 5000, expiresAt: clock.now() + 5000 });
    expect((await a.locks.renew({ lease: lease.id })).lease.ttlMs).toBe(5000);
    expect((await errorOf(b.locks.renew({ lease: lease.id }))).code).toBe('FORBIDDEN');
    const wrong = a.locks.renew({ lease: lease.id, token: lease.token + 1 });
    expect((await errorOf(wrong)).code).toBe('LEASE_LOST');
    expect((await errorOf(a.locks.renew({ lease: 'lock_unknown' }))).code).toBe('NOT_FOUND');
  });

  it('is released by its holder, again for nothing, and by nobody else [LK8] [LK-x6]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f' });
    const refused = await errorOf(b.locks.release({ lease: lease.id }));
    expect(refused.code).toBe('FORBIDDEN');
    expect((await denials(rookery, 'b')).map(({ op }) => op)).toEqual(['locks.release']);
    expect(await holdersOf(b, 'f')).toEqual(['a']);
    clock.advance(10);
    const released = await a.locks.release({ lease: lease.id });
    expect(released.lease).toMatchObject({ status: 'released', releasedAt: clock.now() });
    clock.advance(10);
    expect(await a.locks.release({ lease: lease.id })).toEqual(released);
    expect(await holdersOf(b, 'f')).toEqual([]);
    expect((await errorOf(a.locks.release({ lease: 'lock_unknown' }))).code).toBe('NOT_FOUND');
  });

  it('is taken away by an administrator only, who is named with the reason [LK8]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f' });
    const force = { lease: lease.id, reason: 'gone home' };
    expect((await errorOf(b.locks.forceRelease(force))).code).toBe('FORBIDDEN');
    expect((await rookery.locks.forceRelease(force)).lease).toMatchObject({
      status: 'force_released',
      endedBy: 'local',
      endReason: 'gone home',
    });
    expect((await errorOf(a.locks.release({ lease: lease.id }))).code).toBe('LEASE_LOST');
    expect((await errorOf(a.locks.renew({ lease: lease.id }))).code).toBe('LEASE_LOST');
    expect((await rookery.locks.forceRelease(force)).lease.status).toBe('force_released');
    expect((await b.locks.acquire({ path: 'f' })).lease.holder).toBe('b');
  });

  it('is renewed by its holder asking for exactly its set, in any spelling and order [LK-x5]', async () => {
    const clock = new ManualClock();
    const a = (await harness.open({ clock })).as('a');
    const first = await a.locks.acquire({ paths: ['x', 'y'], patterns: ['z/**'] });
    clock.advance(500);
    const again = await a.locks.acquire({ patterns: ['./z/'], paths: ['y', './x'], ttlMs: 60_000 });
    expect(again.renewed).toBe(true);
    expect(again.lease).toEqual({ ...first.lease, ttlMs: 60_000, expiresAt: clock.now() + 60_000 });
  });

  it('refuses a path that its holder has under another lease, also when it would wait', async () => {
    const a = (await harness.open()).as('a');
    const { lease } = await a.locks.acquire({ path: 'x' });
    for (const waitMs of [0, 60_000]) {
      const error = await errorOf(a.locks.acquire({ paths: ['x', 'y'], waitMs }));
      expect(error.code).toBe('LOCK_HELD');
      expect(error.details['conflicts']).toMatchObject([{ own: true, lease: { id: lease.id } }]);
    }
    expect(await holdersOf(a, 'y')).toEqual([]);
  });

  it('does not stand in the way of its own holder where only patterns meet', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.locks.acquire({ patterns: ['src/**'] });
    expect((await a.locks.acquire({ path: 'src/x.ts' })).renewed).toBe(false);
    expect((await a.locks.acquire({ patterns: ['src/*.ts'] })).renewed).toBe(false);
    expect((await errorOf(b.locks.acquire({ path: 'src/x.ts' }))).code).toBe('LOCK_HELD');
  });

  it('becomes exclusive when nobody shares it any more, under a new token', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const mine = await a.locks.acquire({ path: 'f', mode: 'shared' });
    const theirs = await b.locks.acquire({ path: 'f', mode: 'shared' });
    expect((await errorOf(a.locks.acquire({ path: 'f' }))).code).toBe('LOCK_HELD');
    await b.locks.release({ lease: theirs.lease.id });
    const upgraded = await a.locks.acquire({ path: 'f' });
    expect(upgraded).toMatchObject({ renewed: true, lease: { id: mine.lease.id, purpose: 'edit' } });
    expect(upgraded.lease.token).toBeGreaterThan(theirs.lease.token);
    expect(upgraded.lease.resources.map(({ mode }) => mode)).toEqual(['exclusive']);
    expect((await errorOf(b.locks.acquire({ path: 'f', mode: 'shared' }))).code).toBe('LOCK_HELD');
    expect((await a.locks.acquire({ path: 'f', mode: 'shared' })).lease.token).toBe(upgraded.lease.token);
  });

  it('belongs to one life of its holder: it ends with that life, and the next does not inherit it [LK-x11]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f' });
    const waiting = b.locks.acquire({ path: 'f', waitMs: 10_000 });
    await a.fleet.register({ id: 'a', restart: true });
    expect((await errorOf(a.locks.renew({ lease: lease.id }))).code).toBe('LEASE_LOST');
    expect(await a.locks.check({ lease: lease.id, token: lease.token })).toMatchObject({ valid: false });
    expect(await a.locks.get({ id: lease.id })).toMatchObject({
      status: 'force_released',
      endReason: 'the agent was started again',
    });
    const next = (await waiting).lease;
    expect(next.token).toBeGreaterThan(lease.token);
    await b.locks.release({ lease: next.id });
    expect((await a.locks.acquire({ path: 'f' })).lease).toMatchObject({ incarnation: 2, status: 'active' });
  });

  it('is not lost with the process that asked: the same key gives the same token [LK-x12]', async () => {
    const rookery = await harness.open();
    const first = await rookery.as('a').locks.acquire({ path: 'f' }, { idempotencyKey: 'k' });
    const other = await harness.again();
    const again = await other.as('a').locks.acquire({ path: 'f' }, { idempotencyKey: 'k' });
    expect(again).toEqual(first);
  });

  it('survives the store that granted it [LK6]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { lease } = await rookery.as('a').locks.acquire({ path: 'f' });
    await rookery.close();
    const again = await harness.again({ clock });
    expect(await again.as('b').locks.get({ id: lease.id })).toEqual(lease);
    expect((await errorOf(again.as('b').locks.acquire({ path: 'f' }))).code).toBe('LOCK_HELD');
    expect((await again.as('a').locks.release({ lease: lease.id })).lease.status).toBe('released');
  });

  it('gets longer when the clock jumps back, and ends early when it jumps ahead [LK-x12]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ path: 'f' });
    clock.advance(-3_600_000);
    expect((await errorOf(b.locks.acquire({ path: 'f' }))).code).toBe('LOCK_HELD');
    expect((await a.locks.renew({ lease: lease.id })).lease.expiresAt).toBe(lease.expiresAt);
    clock.advance(2 * 3_600_000);
    expect((await b.locks.acquire({ path: 'f' })).lease.token).toBeGreaterThan(lease.token);
    expect(await a.locks.check({ lease: lease.id, token: lease.token })).toMatchObject({ valid: false });
  });

  it('is marked by a sweep once it ran out, and not before or twice; one without end never', async () => {
    const clock = new ManualClock();
    const a = (await harness.open({ clock })).as('a');
    const short = await a.locks.acquire({ paths: ['x', 'y'], ttlMs: 1000 });
    const endless = await a.locks.acquire({ path: 'z', ttlMs: null });
    const active = await a.locks.acquire({ path: 'w', ttlMs: 0 });
    expect(endless.lease).toMatchObject({ expiresAt: null, ttlMs: null });
    expect(active.lease.ttlMs).toBe(30_000);
    expect(await a.locks.releaseExpired()).toEqual({ released: 0, more: false });
    clock.advance(1000);
    expect(await a.locks.releaseExpired()).toEqual({ released: 2, more: false });
    expect(await a.locks.get({ id: short.lease.id })).toMatchObject({ status: 'expired' });
    expect(await a.locks.get({ id: active.lease.id })).toEqual(active.lease);
    clock.advance(86_400_000);
    expect(await a.locks.releaseExpired()).toEqual({ released: 1, more: false });
    expect(await a.locks.get({ id: endless.lease.id })).toEqual(endless.lease);
    expect(await a.locks.releaseExpired()).toEqual({ released: 0, more: false });
  });

  it('ends with its agent, when another domain says that it is gone', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ paths: ['x', 'y'] });
    await a.locks.acquire({ path: 'z' });
    const retire = mutation({
      name: 'test.retire',
      summary: 'End the leases of an agent',
      input: z.strictObject({ agent: z.string() }),
      output: z.object({ ended: z.int() }),
      access: 'write',
      route: null,
      *run(context, { agent }) {
        return { ended: yield* endLeasesOf(context, agent, { reason: 'died' }) };
      },
    });
    const { output } = await rookery.store.invoke(retire, b.principal, { agent: 'a' });
    expect(output).toEqual({ ended: 2 });
    expect(await b.locks.get({ id: lease.id })).toMatchObject({
      status: 'force_released',
      endReason: 'died',
    });
    expect((await b.locks.acquire({ paths: ['x', 'y', 'z'] })).lease.holder).toBe('b');
  });

  it('cannot be doubled even by whoever leaves out the check [LK-x1] [LK-x2]', async () => {
    const rookery = await harness.open();
    await rookery.as('a').locks.acquire({ path: 'f' });
    const copy = `INSERT INTO locks (project_id, id, file, normalized_path, reserved_by, reserved_at)
      SELECT project_id, 'lock_copy', file, normalized_path, 'b', reserved_at FROM locks`;
    await expect(execute(rookery, copy)).rejects.toThrow();
    expect(await holdersOf(rookery.as('b'), 'f')).toEqual(['a']);
  });
}
