import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isRookeryError } from '../../../src/kernel/errors.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { execute, select } from '../../support/statements.ts';

const agents = ['a', 'b', 'c'];
const names = ['t0', 't1', 't2', 't3', 't4', 't5', 't6'];
const agent = fc.constantFrom(...agents);
const name = fc.constantFrom(...names);
const policy = fc.constantFrom('block' as const, 'cascade' as const, 'ignore' as const);

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      task: name,
      dependsOn: fc.uniqueArray(fc.record({ task: name, onFailure: policy }), {
        maxLength: 3,
        selector: ({ task }) => task,
      }),
      maxAttempts: fc.constantFrom(1, 2),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('claim' as const), agent }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('complete' as const, 'complete' as const, 'fail' as const, 'release' as const),
      pick: fc.nat(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'retry' as const), task: name }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('add' as const, 'remove' as const),
      task: name,
      other: name,
      onFailure: policy,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(200, 1000, 70_000) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Run {
  readonly rookery: Rookery;
  readonly clock: ManualClock;
  /** Claims that were given out, the newest last; some are over. */
  readonly claims: { readonly agent: string; readonly task: string; readonly token: number }[];
  readonly attempts: Set<string>;
  created: number;
}

/** Random steps over a random graph; after each of them the whole state is looked at. */
export function taskStepSuite(harness: Harness): void {
  it('keeps its promises after every step [TK1] [TK2] [TK4] [TK5] [TK6] [TK9]', async () => {
    const runs = harness.engine === 'sqlite' ? 40 : 2;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        const clock = new ManualClock();
        const rookery = await harness.open({ clock });
        const run: Run = { rookery, clock, claims: [], attempts: new Set(), created: 0 };
        for (const next of steps) {
          await perform(run, next);
          await check(run);
        }
        expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
        await rookery.close();
      }),
      { numRuns: runs, seed: 12 },
    );
  });

  it('would notice a circle, an early claim and a task that got lost [TK2] [TK4] [TK9]', async () => {
    const rookery = await harness.open({ clock: new ManualClock() });
    const a = rookery.as('a');
    await a.tasks.create({ id: 't0', title: 't' });
    await a.tasks.create({ id: 't1', title: 't', dependsOn: [{ task: 't0' }] });
    const run: Run = { rookery, clock: new ManualClock(), claims: [], attempts: new Set(), created: 2 };
    await check(run);
    for (const [wrong, undo] of [
      [
        "INSERT INTO dependencies (project_id, task_id, depends_on) VALUES ('default', 't0', 't1')",
        "DELETE FROM dependencies WHERE task_id = 't0'",
      ],
      [
        "UPDATE tasks SET status = 'in_progress' WHERE id = 't1'",
        "UPDATE tasks SET status = 'blocked' WHERE id = 't1'",
      ],
      [
        "UPDATE tasks SET status = 'blocked' WHERE id = 't0'",
        "UPDATE tasks SET status = 'pending' WHERE id = 't0'",
      ],
      ["DELETE FROM tasks WHERE id = 't1'", 'SELECT 1'],
    ] as const) {
      await execute(rookery, wrong);
      await expect(check(run), wrong).rejects.toThrow();
      if (undo !== 'SELECT 1') await execute(rookery, undo);
    }
  });
}

const expected = ['INVALID_INPUT', 'REVISION_CONFLICT', 'NOT_FOUND', 'FENCED'];

async function perform(run: Run, next: Step): Promise<void> {
  await act(run, next).catch((error: unknown) => {
    if (!isRookeryError(error) || !expected.includes(error.code)) throw error;
  });
}

async function act(run: Run, next: Step): Promise<void> {
  const { rookery, clock, claims } = run;
  const { tasks } = rookery.as('a');
  switch (next.do) {
    case 'create': {
      const { task: id, dependsOn, maxAttempts } = next;
      await tasks.create({ id, title: id, dependsOn, maxAttempts, backoffMs: 100 });
      run.created++;
      return;
    }
    case 'claim': {
      const claimed = await rookery.as(next.agent).tasks.claim();
      if (!claimed) return;
      const attempt = `${claimed.task.id} ${claimed.task.attempt}`;
      expect(run.attempts.has(attempt)).toBe(false);
      run.attempts.add(attempt);
      claims.push({ agent: next.agent, task: claimed.task.id, token: claimed.claim.token });
      return;
    }
    case 'complete':
    case 'fail':
    case 'release': {
      const held = claims[next.pick % Math.max(1, claims.length)];
      if (!held) return;
      const { agent: holder, ...claim } = held;
      const view = rookery.as(holder).tasks;
      if (next.do === 'complete') await view.complete(claim);
      else if (next.do === 'fail') await view.fail({ ...claim, error: 'e' });
      else await view.release(claim);
      return;
    }
    case 'cancel':
    case 'retry':
      return void (await tasks[next.do]({ task: next.task }));
    case 'add':
      return void (await tasks.addDependency({
        task: next.task,
        dependsOn: next.other,
        onFailure: next.onFailure,
      }));
    case 'remove':
      return void (await tasks.removeDependency({ task: next.task, dependsOn: next.other }));
    case 'pass':
      clock.advance(next.ms);
      await tasks.sweep();
  }
}

interface Seen {
  readonly id: string;
  readonly status: string;
  readonly failures: number;
  readonly max_attempts: number;
}

async function check({ rookery, created }: Run): Promise<void> {
  const rows = await select<Seen>(rookery, 'SELECT id, status, failures, max_attempts FROM tasks');
  const edges = await select<{ task_id: string; depends_on: string; settled: number }>(
    rookery,
    'SELECT task_id, depends_on, settled FROM dependencies',
  );
  expect(rows).toHaveLength(created);
  const open = new Set(edges.filter(({ settled }) => settled === 0).map(({ task_id }) => task_id));
  for (const { id, status, failures, max_attempts } of rows) {
    const active = status === 'pending' || status === 'in_progress' || status === 'blocked';
    if (active) expect(status === 'blocked', `${id} is ${status}`).toBe(open.has(id));
    expect(failures, id).toBeLessThanOrEqual(max_attempts);
    if (active) expect(failures, id).toBeLessThan(max_attempts);
  }
  expect(circleIn(edges)).toBeUndefined();
}

/** A task that can be reached from itself. */
function circleIn(edges: readonly { task_id: string; depends_on: string }[]): string | undefined {
  for (const { task_id: start } of edges) {
    const reached = new Set(edges.filter((edge) => edge.task_id === start).map((edge) => edge.depends_on));
    for (const id of reached) for (const edge of edges) if (edge.task_id === id) reached.add(edge.depends_on);
    if (reached.has(start)) return start;
  }
  return undefined;
}
