import { expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { tellDeaths, tidy } from '../../src/tidying.ts';
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

it('forgets what has ended only where somebody says after how long', async () => {
  const clock = new ManualClock();
  await using rookery = await openRookery({ path: ':memory:', clock });
  const [a, b] = [rookery.as('a'), rookery.as('b')];
  await b.memory.get({ key: 'k' });
  await a.tasks.createMany({
    tasks: [
      { id: 'done', title: 't' },
      { id: 'dead', title: 't', dependsOn: [{ task: 'done' }] },
      { id: 'waits', title: 't', dependsOn: [{ task: 'dead' }] },
    ],
  });
  const done = (await a.tasks.claim())!;
  await a.tasks.complete({ task: 'done', token: done.claim.token, artifacts: [{ name: 'a file' }] });
  const dead = (await a.tasks.claim())!;
  await a.tasks.fail({ task: 'dead', token: dead.claim.token, error: 'e', retryable: false });
  const { id: signal } = await a.signals.send({ type: 's', targets: ['b'] });
  await a.signals.cancel({ id: signal });
  const asked = { title: 't', target: { type: 'phase', id: 'p' }, swarm: 'default' } as const;
  const { id: vote } = await a.votes.propose(asked);
  await a.votes.cancel({ proposal: vote });
  const left = async () => [
    (await a.tasks.list()).tasks.map(({ id }) => id),
    (await a.artifacts.list()).artifacts.length,
    (await a.signals.get({ id: signal })) !== null,
    (await a.votes.get({ proposal: vote })) !== null,
  ];
  const all = [['dead', 'done', 'waits'], 1, true, true];
  clock.advance(10 * dayMs);
  await tidy(rookery);
  await tidy(rookery, { keepEndedMs: 11 * dayMs });
  expect(await left()).toEqual(all);
  await tidy(rookery, { keepEndedMs: 9 * dayMs });
  // What somebody waits for stays, however long ago it failed.
  expect(await left()).toEqual([['dead', 'waits'], 0, false, false]);
  await a.tasks.cancel({ task: 'waits' });
  await tidy(rookery, { keepEndedMs: 9 * dayMs });
  expect(await left()).toEqual([['waits'], 0, false, false]);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});
