import { expect, it } from 'vitest';
import { tellDeaths, tidy } from '../../src/doors/cli/tidying.ts';
import { openRookery } from '../../src/rookery.ts';
import { ManualClock } from '../support/clock.ts';
import { select } from '../support/statements.ts';

const dayMs = 86_400_000;

it('ends what time has ended, in every project, and is no member of any swarm by that', async () => {
  const clock = new ManualClock();
  await using rookery = await openRookery({ path: ':memory:', clock });
  const asked = { title: 't', target: { type: 'phase', id: 'p' }, swarm: 'default' } as const;
  const views = ['one', 'two'].map((project) => rookery.as('a', { project }));
  for (const { loop, memory, signals, tasks, votes, principal } of views) {
    await rookery.as('b', { project: principal.project }).memory.get({ key: 'k' });
    await memory.set({ key: 'k', value: 1, ttl: 60 });
    await loop.reportConfidence({ phase: 'p', iteration: 1, confidence: 0.8 });
    await tasks.create({ title: 't' });
    await tasks.claim();
    await signals.send({ type: 's', targets: ['b'], timeoutMs: 60_000 });
    await votes.propose(asked);
  }
  clock.advance(31 * dayMs);
  await tidy(rookery);
  clock.pass(3_600_000, rookery);
  const deaths = await tellDeaths(rookery);
  expect(deaths.map(({ project, agent }) => `${project} ${agent}`).sort()).toEqual([
    'one a',
    'one b',
    'two a',
    'two b',
  ]);
  const left = async (table: string, where: string) =>
    (await select<{ n: number }>(rookery, `SELECT count(*) AS n FROM ${table} WHERE ${where}`))[0]!.n;
  expect(await left('loop_confidences', 'TRUE')).toBe(0);
  expect(await left('memory', 'deleted = 0')).toBe(0);
  expect(await left('tasks', "status = 'in_progress'")).toBe(0);
  expect(await left('signals', "state = 'open'")).toBe(0);
  expect(await left('proposals', "state = 'open'")).toBe(0);
  for (const { votes } of views) expect(await votes.propose(asked)).toMatchObject({ electors: 2 });
});
