import { expect, it } from 'vitest';
import type { Conflict } from '../../../src/domains/locks/model.ts';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';
import { holdersOf } from '../../support/locks.ts';

type Input = Parameters<View['locks']['acquire']>[0];

const meetings: [what: string, held: Input, asked: Input, witness: string][] = [
  ['spellings of one file', { path: './src/auth.py' }, { path: 'src\\auth.py' }, 'src/auth.py'],
  ['a doubled slash', { path: 'src//auth.py' }, { path: 'src/auth.py/' }, 'src/auth.py'],
  ['composed and decomposed letters', { path: 'caf\u00e9' }, { path: 'cafe\u0301' }, 'caf\u00e9'],
  ['a file and a pattern', { path: 'a/b/c.ts' }, { patterns: ['a/**/*.ts'] }, 'a/b/c.ts'],
  ['a pattern and a file', { patterns: ['a/'] }, { path: 'a/b' }, 'a/b'],
  ['a folder and what is in it', { patterns: ['a/**'] }, { path: 'a' }, 'a'],
  ['two patterns', { patterns: ['*a*'] }, { patterns: ['*b*'] }, 'ab'],
  ['one pattern twice', { patterns: ['**/x'] }, { patterns: ['**/x'] }, 'x'],
  ['absolute paths', { path: '/etc/../srv/x' }, { patterns: ['/srv/*'] }, '/srv/x'],
  ['names', { names: ['release'] }, { names: ['release'] }, 'release'],
  ['shared and exclusive', { path: 'x', mode: 'shared' }, { path: 'x' }, 'x'],
  ['exclusive and shared', { patterns: ['x*'] }, { path: 'x', mode: 'shared' }, 'x'],
  ['modes by path', { paths: [{ path: 'x', mode: 'shared' }] }, { paths: ['w', 'x'] }, 'x'],
];

const strangers: [what: string, held: Input, asked: Input][] = [
  ['two files', { path: 'a' }, { path: 'b' }],
  ['a file and a name', { path: 'a' }, { names: ['a'] }],
  ['a name and a pattern', { names: ['a'] }, { patterns: ['**'] }],
  ['relative and absolute', { path: 'a' }, { path: '/a' }],
  ['two who share', { path: 'a', mode: 'shared' }, { patterns: ['*'], mode: 'shared' }],
  ['patterns apart', { patterns: ['src/*.ts'] }, { patterns: ['src/*.js', 'src/*/*.ts'] }],
  ['a prefix that is no folder', { patterns: ['acme/**'] }, { path: 'acme-corp/x' }],
];

/** What excludes what, and what the one who is refused is told. */
export function conflictSuite(harness: Harness): void {
  it('names who holds it, how, until when and where the two meet [LK-x3]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ patterns: ['src/*_test.py'] });
    const error = await errorOf(b.locks.acquire({ patterns: ['src/test_*.py'] }));
    expect(error.code).toBe('LOCK_HELD');
    expect(error.retryable).toBe(true);
    expect(error.message).toContain('is held by a (exclusive) until');
    expect(error.details).toEqual({
      conflicts: [
        {
          holder: 'a',
          incarnation: 1,
          own: false,
          mode: 'exclusive',
          requested: 'src/test_*.py',
          path: 'src/*_test.py',
          witness: 'src/test_test.py',
          expiresAt: lease.expiresAt,
          lease,
          waiter: null,
        },
      ],
      more: 0,
      retryAfterMs: 30_000,
    });
  });

  it('excludes whatever has a path in common [GL-x1] [GL-x2] [GL-x3]', async () => {
    const rookery = await harness.open();
    for (const [what, held, asked, witness] of meetings) {
      const project = what;
      await rookery.as('a', { project }).locks.acquire(held);
      const error = await errorOf(rookery.as('b', { project }).locks.acquire(asked));
      expect(error.code, what).toBe('LOCK_HELD');
      const conflicts = error.details['conflicts'] as Conflict[];
      expect(
        conflicts.map((conflict) => conflict.witness),
        what,
      ).toEqual([witness]);
    }
  });

  it('lets be what has none, or is shared', async () => {
    const rookery = await harness.open();
    for (const [what, held, asked] of strangers) {
      const project = what;
      await rookery.as('a', { project }).locks.acquire(held);
      expect((await rookery.as('b', { project }).locks.acquire(asked)).state, what).toBe('granted');
    }
  });

  it('grants a set wholly or not at all [LK5] [LK-x4]', async () => {
    const rookery = await harness.open();
    const [a, b, c] = [rookery.as('a'), rookery.as('b'), rookery.as('c')];
    await a.locks.acquire({ path: 'm' });
    const error = await errorOf(b.locks.acquire({ paths: ['l', 'm', 'n'], names: ['x'] }));
    expect(error.code).toBe('LOCK_HELD');
    const { lease } = await c.locks.acquire({ paths: ['l', 'n'], names: ['x'] });
    expect(lease.resources.map(({ path }) => path)).toEqual(['l', 'n', 'x']);
    expect(new Set(lease.resources.map(({ id }) => id)).size).toBe(3);
    await c.locks.release({ lease: lease.resources[2]!.id });
    for (const path of ['l', 'n']) expect(await holdersOf(a, path)).toEqual([]);
  });

  it('takes a set of the largest size and gives it back', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const size = harness.engine === 'sqlite' ? 1000 : 100;
    const paths = Array.from({ length: size }, (_, i) => `src/${i}.ts`);
    const { lease } = await a.locks.acquire({ paths });
    expect(lease.resources).toHaveLength(size);
    const error = await errorOf(b.locks.acquire({ paths }));
    expect(error.details).toMatchObject({ more: size - 20 });
    await a.locks.release({ lease: lease.id });
    expect((await b.locks.acquire({ paths })).lease.token).toBeGreaterThan(lease.token);
  });

  it('lets any number share, and none beside who has it alone [LK7]', async () => {
    const rookery = await harness.open();
    const readers = ['a', 'b', 'c'].map((agent) => rookery.as(agent));
    const leases = await Promise.all(
      readers.map((view) => view.locks.acquire({ path: 'f', mode: 'shared' })),
    );
    for (const [i, view] of readers.entries()) {
      expect((await errorOf(rookery.as('w').locks.acquire({ path: 'f' }))).code).toBe('LOCK_HELD');
      await view.locks.release({ lease: leases[i]!.lease.id });
    }
    expect((await rookery.as('w').locks.acquire({ path: 'f' })).state).toBe('granted');
    expect((await errorOf(readers[0]!.locks.acquire({ path: 'f', mode: 'shared' }))).code).toBe('LOCK_HELD');
  });

  it('has one winner among forty, through two openings, and the others are told who [LK2] [LK-x5]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const view = (i % 2 === 0 ? one : two).as(`agent-${i}`);
        return await view.locks.acquire({ path: 'f' }).then(
          ({ lease }) => ({ won: lease.holder }),
          (error) => ({ told: (error.details.conflicts as Conflict[])[0]!.holder }),
        );
      }),
    );
    const winners = outcomes.flatMap((outcome) => ('won' in outcome ? [outcome.won] : []));
    expect(winners).toHaveLength(1);
    const told = outcomes.flatMap((outcome) => ('told' in outcome ? [outcome.told] : []));
    expect(new Set(told)).toEqual(new Set(winners));
    expect(told).toHaveLength(39);
  });
}
