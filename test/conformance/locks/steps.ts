import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bypassMax, type Lease, type Waiter } from '../../../src/domains/locks/model.ts';
import { isRookeryError } from '../../../src/kernel/errors.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { enqueue } from '../../support/locks.ts';
import { execute, select } from '../../support/statements.ts';

/** What can be asked for, and which paths each covers: small enough to be compared by hand. */
const coverage: Record<string, readonly string[]> = {
  'file f': ['f'],
  'file g': ['g'],
  'pattern [fg]': ['f', 'g'],
  'pattern *': ['f', 'g', 'h'],
  'name n': ['name n'],
};
const keys = Object.keys(coverage);
const agents = ['a', 'b', 'c', 'd'];

interface Claim {
  readonly key: string;
  readonly shared: boolean;
}

const wish = fc.record({
  wanted: fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 2 }),
  mode: fc.constantFrom('exclusive' as const, 'exclusive' as const, 'shared' as const),
  urgency: fc.constantFrom(0, 0, 0, 1, 9),
});
const agent = fc.constantFrom(...agents);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('acquire' as const), agent, wish }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      agent,
      wish,
      waitMs: fc.constantFrom(2000, 600_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('force' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(100, 3000, 40_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), agent }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Random steps of four agents; after each of them the whole state is looked at. */
export function stepSuite(harness: Harness): void {
  it('keeps its promises after every step [LK1] [LK2] [WQ1] [WQ2] [WQ3] [WQ6]', async () => {
    const runs = harness.engine === 'sqlite' ? 60 : 4;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const clock = new ManualClock();
        const rookery = await harness.open({ clock });
        const run = { rookery, clock, enqueued: 0, tokens: new Map<string, number>() };
        for (const next of steps) {
          await perform(run, next);
          await check(run);
        }
        expect(await rookery.audit.verify()).toMatchObject({ ok: true });
        await rookery.close();
      }),
      { numRuns: runs, seed: 11 },
    );
  });

  it('would notice a lease that ends without being handed over [WQ2]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    await rookery.as('a').locks.acquire({ path: 'f' });
    await enqueue(rookery, rookery.as('b'), { path: 'f' });
    const run = { rookery, clock, enqueued: 1, tokens: new Map<string, number>() };
    await check(run);
    await execute(rookery, "UPDATE locks SET status = 'released', released_at = reserved_at");
    await expect(check(run)).rejects.toThrow();
  });
}

interface Run {
  readonly rookery: Rookery;
  readonly clock: ManualClock;
  enqueued: number;
  /** Tokens by the lease and token they were seen with: an upgrade has two. */
  readonly tokens: Map<string, number>;
}

async function perform(run: Run, next: Step): Promise<void> {
  const { rookery, clock } = run;
  switch (next.do) {
    case 'acquire':
      return await unlessHeld(rookery.as(next.agent).locks.acquire(inputOf(next.wish)));
    case 'wait': {
      const wanted = { ...inputOf(next.wish), waitMs: next.waitMs };
      return await unlessHeld(
        enqueue(rookery, rookery.as(next.agent), wanted).then(async ({ state, waiter, deadlock }) => {
          if (state !== 'waiting') return;
          run.enqueued++;
          const reported = deadlock.some(({ edges }) => edges[0]!.waiter === waiter);
          expect(reported).toBe(await closesCircle(rookery, waiter!));
        }),
      );
    }
    case 'release':
    case 'force': {
      const { locks } = await rookery.locks.list();
      const lease = locks[next.pick % Math.max(1, locks.length)];
      if (!lease) return;
      if (next.do === 'force') await rookery.locks.forceRelease({ lease: lease.id, reason: 'r' });
      else await rookery.as(lease.holder).locks.release({ lease: lease.id });
      return;
    }
    case 'cancel': {
      const { waiters } = await rookery.locks.waiters();
      const waiter = waiters[next.pick % Math.max(1, waiters.length)];
      if (waiter) await rookery.as(waiter.agent).locks.cancel({ waiter: waiter.id });
      return;
    }
    case 'pass':
      clock.advance(next.ms);
      await rookery.locks.releaseExpired();
      return;
    case 'restart':
      await rookery.as(next.agent).fleet.register({ id: next.agent, restart: true });
  }
}

async function unlessHeld(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isRookeryError(error, 'LOCK_HELD')) throw error;
  });
}

function inputOf({
  wanted,
  mode,
  urgency,
}: {
  wanted: string[];
  mode: 'exclusive' | 'shared';
  urgency: number;
}) {
  const of = (kind: string) => wanted.filter((key) => key.startsWith(kind)).map((key) => key.split(' ')[1]!);
  return { paths: of('file'), patterns: of('pattern'), names: of('name'), mode, urgency };
}

async function check({ rookery, enqueued, tokens }: Run): Promise<void> {
  const { locks } = await rookery.locks.list();
  const { waiters } = await rookery.locks.waiters();
  const lives = await livesOf(rookery);
  expect(conflictingLeases(locks)).toEqual([]);
  expect(grantable(locks, waiters, lives)).toEqual([]);
  expect(waiters.filter(({ bypassed }) => bypassed > bypassMax)).toEqual([]);
  const [{ waiting }] = (await select<{ waiting: number }>(
    rookery,
    'SELECT count(*) AS waiting FROM lock_waiters',
  )) as [{ waiting: number }];
  expect(waiting).toBe(enqueued);
  for (const lease of locks) {
    const known = `${lease.id} ${lease.token}`;
    if (!tokens.has(known)) {
      expect(tokens.size === 0 || ![...tokens.values()].includes(lease.token)).toBe(true);
      tokens.set(known, lease.token);
    }
  }
}

function claimsOf(resources: Lease['resources'] | Waiter['resources']): Claim[] {
  return resources.map(({ kind, path, mode }) => ({ key: `${kind} ${path}`, shared: mode === 'shared' }));
}

function conflict(a: readonly Claim[], b: readonly Claim[]): boolean {
  return a.some((x) =>
    b.some(
      (y) => !(x.shared && y.shared) && coverage[x.key]!.some((path) => coverage[y.key]!.includes(path)),
    ),
  );
}

function conflictingLeases(locks: readonly Lease[]): string[] {
  return locks.flatMap((a, i) =>
    locks
      .slice(i + 1)
      .filter((b) => !sameLife(a, b) && conflict(claimsOf(a.resources), claimsOf(b.resources)))
      .map((b) => `${a.id} and ${b.id}`),
  );
}

function sameLife(
  a: { holder: string; incarnation: number },
  b: { holder: string; incarnation: number },
): boolean {
  return a.holder === b.holder && a.incarnation === b.incarnation;
}

/** Waiters of living agents that nothing stands in the way of: there must be none. */
function grantable(
  locks: readonly Lease[],
  waiters: readonly Waiter[],
  lives: ReadonlyMap<string, number>,
): string[] {
  // Whose life is over is granted nothing, and is ended when somebody who stands behind it looks.
  return waiters
    .filter(({ agent: id, incarnation }) => lives.get(id) === incarnation)
    .filter((waiter) => {
      const claims = claimsOf(waiter.resources);
      const self = { holder: waiter.agent, incarnation: waiter.incarnation };
      const own = locks.filter((lease) => sameLife(lease, self)).map((lease) => claimsOf(lease.resources));
      const held = locks.some(
        (lease) => !sameLife(lease, self) && conflict(claimsOf(lease.resources), claims),
      );
      const same = own.find((lease) => sameKeys(lease, claims));
      if (same && covers(same, claims)) return true;
      if (own.some((lease) => lease !== same && clash(lease, claims))) return false;
      if (same) return !held;
      const behind = waiters
        .slice(0, waiters.indexOf(waiter))
        .some(
          (other) =>
            !sameLife({ ...other, holder: other.agent }, self) && conflict(claimsOf(other.resources), claims),
        );
      return !held && !behind;
    })
    .map(({ id }) => id);
}

/** Whether somebody that a waiter waits for waits for its agent, directly or not. */
async function closesCircle(rookery: Rookery, id: string): Promise<boolean> {
  const { locks } = await rookery.locks.list();
  const { waiters } = await rookery.locks.waiters();
  const lives = await livesOf(rookery);
  const alive = waiters.filter(({ agent: name, incarnation }) => lives.get(name) === incarnation);
  const waitsFor = (waiter: Waiter): string[] => {
    const claims = claimsOf(waiter.resources);
    const self = { holder: waiter.agent, incarnation: waiter.incarnation };
    const upgrade = locks.some(
      (lease) => sameLife(lease, self) && sameKeys(claimsOf(lease.resources), claims),
    );
    const before = upgrade ? [] : alive.slice(0, alive.indexOf(waiter));
    return [
      ...locks.filter(({ resources }) => conflict(claimsOf(resources), claims)).map(({ holder }) => holder),
      ...before
        .filter(({ resources }) => conflict(claimsOf(resources), claims))
        .map(({ agent: name }) => name),
    ].filter((name) => name !== waiter.agent);
  };
  const asker = alive.find((waiter) => waiter.id === id)!;
  const reached = new Set(waitsFor(asker));
  for (const name of reached) {
    if (name === asker.agent) return true;
    for (const waiter of alive.filter((other) => other.agent === name))
      for (const further of waitsFor(waiter)) reached.add(further);
  }
  return false;
}

async function livesOf(rookery: Rookery): Promise<Map<string, number>> {
  const { agents: known } = await rookery.fleet.list();
  return new Map(known.map(({ id, incarnation }) => [id, incarnation]));
}

function sameKeys(a: readonly Claim[], b: readonly Claim[]): boolean {
  return a.length === b.length && a.every(({ key }) => b.some((other) => other.key === key));
}

/** Under the same keys: at least as strong. */
function covers(held: readonly Claim[], asked: readonly Claim[]): boolean {
  return asked.every(({ key, shared }) => shared || held.some((claim) => claim.key === key && !claim.shared));
}

/** A path that is leased exclusively, or asked for so, under two leases of one holder. */
function clash(a: readonly Claim[], b: readonly Claim[]): boolean {
  return a.some(({ key, shared }) => b.some((other) => other.key === key && !(shared && other.shared)));
}
