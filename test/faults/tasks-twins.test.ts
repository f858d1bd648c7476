import { expect, it } from 'vitest';
import * as product from '../../src/rookery.ts';
import { ManualClock } from '../support/clock.ts';
import { sabotagedSource } from '../support/sabotage.ts';
import { claim } from '../support/tasks.ts';

/** What breaks when protections of tasks are taken out: each check passes with them, and fails without. */

type Open = typeof product.openRookery;
type Check = (rookery: product.Rookery, clock: ManualClock) => Promise<boolean>;

const isFenced = (call: Promise<unknown>) =>
  call.then(
    () => false,
    ({ code }) => code === 'FENCED',
  );

const checks = {
  async staleToken(rookery) {
    const a = rookery.as('a');
    await a.tasks.create({ title: 't' });
    const { held } = await claim(a);
    await a.tasks.release(held);
    await claim(a);
    return await isFenced(a.tasks.complete(held));
  },
  async expiredClaim(rookery, clock) {
    const a = rookery.as('a');
    await a.tasks.create({ title: 't' });
    const { held } = await claim(a, { leaseMs: 10 });
    clock.advance(10);
    return await isFenced(a.tasks.complete(held));
  },
  async earlyClaim(rookery) {
    const a = rookery.as('a');
    await a.tasks.create({ id: 'base', title: 't', priority: 9 });
    await a.tasks.create({ id: 'later', title: 't', priority: 1, dependsOn: [{ task: 'base' }] });
    const claimed = await a.tasks.claim().catch(() => null);
    return claimed?.task.id !== 'later';
  },
  async secondWinner(rookery) {
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ title: 't' });
    await claim(a);
    return (await b.tasks.claim().catch(() => null)) === null;
  },
  async hiddenWork(rookery) {
    const a = rookery.as('a');
    await a.tasks.create({ title: 'for others', priority: 1, capabilities: ['rust'] });
    await a.tasks.create({ title: 'for anybody', priority: 9 });
    return (await a.tasks.claim()) !== null;
  },
  async shortPage(rookery) {
    const a = rookery.as('a');
    await a.tasks.create({ id: '1', title: 't', level: 'private' });
    await a.tasks.create({ id: '2', title: 't' });
    return (await rookery.as('b').tasks.list({ limit: 1 })).tasks.length === 1;
  },
} satisfies Record<string, Check>;

type Name = keyof typeof checks;
interface Change {
  readonly in: string;
  readonly text: string;
  readonly by: string;
}

const statements = 'domains/tasks/statements.ts';
const tokenCheck = { in: 'domains/tasks/model.ts', text: 'row.token === claim.token &&', by: '' };
const expiryCheck = { in: 'domains/tasks/model.ts', text: 'row.due_at > claim.now', by: 'true' };
const blocking = {
  in: 'domains/tasks/creation.ts',
  text: "const isOpen = edges.some(({ verdict }) => verdict !== 'settled');",
  by: 'const isOpen = false;',
};
const dependencyGuard = {
  in: statements,
  text: 'd.task_id = tasks.id AND d.settled = 0)`;',
  by: 'd.task_id = tasks.id AND d.settled = 2)`;',
};
const staleLook = {
  in: statements,
  text: "t.project_id = $1 AND t.status = 'pending' AND t.due_at IS NULL",
  by: "t.project_id = $1 AND t.status <> 'completed'",
};
const updateGuard = {
  in: statements,
  text: "`status = 'pending' AND seq = $3 AND ready_at <= $4\n",
  by: '`$3 = $3 AND $4 = $4\n',
};
const lookAtOne = {
  in: 'domains/tasks/claiming.ts',
  text: 'heads.filter((head) => isCapable(able, head)).sort(byPlace)[0]',
  by: 'heads.sort(byPlace).slice(0, 1).filter((head) => isCapable(able, head))[0]',
};
const unfilteredPage = {
  in: statements,
  text: `\${visible('t', 'tasks', 't.id', at)}\n  ORDER BY t.id LIMIT $11\`);\nconst`,
  by: "($2 <> '' OR $3 <> '' OR $4 > 0)\n  ORDER BY t.id LIMIT $11`);\nconst",
};
const filteredAfterwards = {
  in: 'domains/tasks/operations.ts',
  text: 'rows.slice(0, limit).map(',
  by: "rows.slice(0, limit).filter(({ scope }) => scope === 'project').map(",
};

const cursorOfNothing = {
  in: 'domains/tasks/operations.ts',
  text: 'tasks.at(-1)!.id',
  by: "tasks.at(-1)?.id ?? ''",
};

async function run(open: Open, name: Name): Promise<boolean> {
  const clock = new ManualClock();
  const rookery = await open({ path: ':memory:', clock });
  try {
    return await (checks[name] as Check)(rookery, clock);
  } finally {
    await rookery.close();
  }
}

const twins: [what: string, changes: Change[], names: Name[], holds: boolean][] = [
  [
    'the checks of token, time and dependencies, and with filters after the limit [TK2] [TK3] [TK6]',
    [
      tokenCheck,
      expiryCheck,
      blocking,
      dependencyGuard,
      lookAtOne,
      unfilteredPage,
      filteredAfterwards,
      cursorOfNothing,
    ],
    ['staleToken', 'expiredClaim', 'earlyClaim', 'hiddenWork', 'shortPage'],
    false,
  ],
  [
    'blocked tasks and a fresh look: the guard of the claim still holds [TK1] [TK2]',
    [blocking, staleLook],
    ['earlyClaim', 'secondWinner'],
    true,
  ],
  ['a fresh look and the guard of the claim [TK1, TK-x1]', [staleLook, updateGuard], ['secondWinner'], false],
];

it.each(Object.keys(checks) as Name[])('the check of %s holds', async (name) => {
  expect(await run(product.openRookery, name)).toBe(true);
});

it.each(twins)('without %s', { timeout: 60_000 }, async (_, changes, names, holds) => {
  const twin = await sabotagedSource<typeof product>('rookery.ts', ...changes);
  for (const name of names) expect(await run(twin.openRookery, name), name).toBe(holds);
});
