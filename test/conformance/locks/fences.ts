import { expect, it } from 'vitest';
import { z } from 'zod';
import { fence } from '../../../src/domains/locks/model.ts';
import { assertFence } from '../../../src/domains/locks/operations.ts';
import * as memory from '../../../src/domains/memory/operations.ts';
import { mutation } from '../../../src/kernel/operation.ts';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';

/** A write that names its lease, as any domain can have it. */
const guardedSet = mutation({
  name: 'test.guardedSet',
  summary: 'Store a number under a fence',
  input: z.strictObject({ value: z.int(), fence }),
  output: z.object({ revision: z.int() }),
  access: 'write',
  route: null,
  *run(context, { value, fence: shown }) {
    yield* assertFence(context, shown);
    return yield* memory.set.run(context, { namespace: 'default', key: 'n', value, level: 'project' });
  },
});

/** Fencing: what a lost lease can still change. */
export function fenceSuite(harness: Harness): void {
  it('tells whether a lease is in force, and why not', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const check = (lease: string, token: number) => b.locks.check({ lease, token });
    const { lease } = await a.locks.acquire({ paths: ['f', 'g'], ttlMs: 1000 });
    expect(await check(lease.id, lease.token)).toEqual({ valid: true, reason: null });
    expect(await check(lease.resources[1]!.id, lease.token)).toEqual({ valid: true, reason: null });
    expect(await check(lease.id, lease.token - 1)).toEqual({ valid: false, reason: 'superseded' });
    expect(await check('lock_unknown', lease.token)).toEqual({ valid: false, reason: 'unknown' });
    clock.advance(1000);
    expect(await check(lease.id, lease.token)).toEqual({ valid: false, reason: 'expired' });
    const next = (await a.locks.acquire({ path: 'f' })).lease;
    expect(await check(lease.id, lease.token)).toEqual({ valid: false, reason: 'expired' });
    await a.locks.release({ lease: next.id });
    expect(await check(next.id, next.token)).toEqual({ valid: false, reason: 'ended' });
  });

  it('refuses a write under a lease that is lost, in the transaction that writes', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    const { lease } = await a.locks.acquire({ path: 'f' });
    const write = () =>
      rookery.store.invoke(guardedSet, a.principal, {
        value: 1,
        fence: { lease: lease.id, token: lease.token },
      });
    await write();
    clock.advance(30_000);
    const error = await errorOf(write());
    expect(error.code).toBe('FENCED');
    expect(error.details).toMatchObject({ lease: lease.id, reason: 'expired' });
    expect((await a.memory.get({ key: 'n' }))?.revision).toBe(1);
  });

  it('loses no update of holders who sleep past their time, and without it loses some [LK3] [LK4]', async () => {
    const fenced = await countUnderLease(harness, true);
    expect(fenced.lost).toBe(0);
    expect(fenced.tokens).toEqual(fenced.tokens.toSorted((x, y) => x - y));
    expect(fenced.refused).toBeGreaterThan(0);
    const bare = await countUnderLease(harness, false);
    expect(bare.lost).toBeGreaterThan(0);
  });
}

/** Four agents increment a number by reading, sleeping and writing under a lease. The sleep outlasts some leases. */
async function countUnderLease(harness: Harness, fenced: boolean) {
  const clock = new ManualClock();
  const rookery = await harness.open({ clock });
  let accepted = 0;
  let refused = 0;
  const tokens: number[] = [];
  const asleep: (() => Promise<void>)[] = [];
  const begin = async (view: View) => {
    const { lease } = await view.locks.acquire({ path: 'counter', ttlMs: 100 });
    const value = ((await view.memory.get({ key: 'n' }))?.value as number | undefined) ?? 0;
    return async () => {
      try {
        if (fenced) {
          const shown = { lease: lease.id, token: lease.token };
          await rookery.store.invoke(guardedSet, view.principal, { value: value + 1, fence: shown });
        } else await view.memory.set({ key: 'n', value: value + 1 });
        accepted++;
        tokens.push(lease.token);
        await view.locks.release({ lease: lease.id }).catch(() => {});
      } catch {
        refused++;
      }
    };
  };
  for (let round = 0; round < 24; round++) {
    const finish = await begin(rookery.as(`agent-${round % 4}`));
    if (round % 3 === 0) {
      asleep.push(finish);
      clock.advance(150);
    } else await finish();
    if (asleep.length > 2) await asleep.shift()!();
  }
  const counted = (await rookery.memory.get({ key: 'n' }))?.value as number;
  return { lost: accepted - counted, refused, tokens };
}
