import { expect, it } from 'vitest';
import * as product from '../../src/rookery.ts';
import { finish, missionWith } from '../support/missions.ts';
import { ended, memory, start, temporaryFolder } from '../support/processes.ts';
import { sabotagedSource } from '../support/sabotage.ts';

const everything = process.env['ROOKERY_FAULTS'] === 'all';

/** What holds of a mission at any moment: its counts are those of its sorties, no stream has a hole. */
async function consistent(path: string): Promise<{ completed: number; status: string | undefined }> {
  await using rookery = await product.openRookery({ path });
  const [mission] = (await rookery.missions.list({})).missions;
  const sorties = (await rookery.sorties.list({})).sorties;
  const completed = sorties.filter(({ status }) => status === 'completed').length;
  expect(mission?.totalSorties ?? 0).toBe(sorties.length);
  expect(mission?.completedSorties ?? 0).toBe(completed);
  const shares = mission ? (await rookery.checkpoints.list({ missionId: mission.id })).checkpoints : [];
  expect(shares.map(({ triggerDetails }) => triggerDetails).reverse()).toEqual(
    ['25%', '50%', '75%'].slice(0, Math.min(completed, 3)),
  );
  const last = new Map<string, number>();
  for (const event of (await rookery.mail.events({ limit: 1000 })).events) {
    const stream = `${event.streamType}/${event.streamId}`;
    expect(event.sequence).toBe((last.get(stream) ?? 0) + 1);
    last.set(stream, event.sequence);
  }
  expect(await rookery.audit.verify({})).toMatchObject({ ok: true, findings: [] });
  return { completed, status: mission?.status };
}

it('goes on after kill -9 between any two steps of a mission', { timeout: 600_000 }, async () => {
  const path = temporaryFolder(memory);
  const acknowledged: string[] = [];
  for (let lives = 0; lives < 40; lives++) {
    const child = start('test/faults/children/mission.ts', [path]);
    let seen = 0;
    for await (const line of child.lines) {
      acknowledged.push(line);
      if (++seen === (everything ? 1 : 6)) child.process.kill('SIGKILL');
    }
    const status = await ended(child.process);
    const { completed } = await consistent(path);
    const told = acknowledged.filter((line) => line.startsWith('completed')).length;
    expect(completed).toBeGreaterThanOrEqual(told);
    if (status === 0) break;
    expect(status).toBeNull();
  }
  expect(acknowledged.at(-1)).toBe('mission completed');
  expect(await consistent(path)).toEqual({ completed: 4, status: 'completed' });
});

type Check = (rookery: product.Rookery) => Promise<unknown>;

const checks = {
  async completion(rookery) {
    const a = rookery.as('spec-a');
    const { mission } = await missionWith(a, 1);
    await a.sorties.start({ id: (await a.sorties.list({})).sorties[0]!.id });
    await a.missions.complete({ id: mission.id }).catch(() => {});
    return (await a.missions.get({ id: mission.id }))!.status !== 'completed';
  },
  async dryRun(rookery) {
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 1);
    await a.sorties.start({ id: sorties[0]!.id });
    await a.checkpoints.create({ missionId: mission.id });
    await a.sorties.progress({ id: sorties[0]!.id, progress: 90 });
    const before = await rookery.mail.statistics({});
    await a.checkpoints.recover({ missionId: mission.id, dryRun: true });
    const { progress } = (await a.sorties.get({ id: sorties[0]!.id }))!;
    return progress === 90 && (await rookery.mail.statistics({})).total === before.total;
  },
  async lockConflict(rookery) {
    const a = rookery.as('spec-a');
    const { mission } = await missionWith(a, 1);
    const { lease } = await a.locks.acquire({ path: 'src/a.ts' });
    await a.checkpoints.create({ missionId: mission.id });
    await a.locks.release({ lease: lease.id });
    const theirs = (await rookery.as('spec-b').locks.acquire({ path: 'src/a.ts' })).lease;
    const found = (await a.checkpoints.recover({ missionId: mission.id }))!;
    return found.restored.locks === 0 && (await a.locks.get({ id: theirs.id }))!.status === 'active';
  },
  async finished(rookery) {
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 1);
    const { checkpoint } = await a.checkpoints.create({ missionId: mission.id });
    await finish(a, sorties[0]!.id);
    await a.checkpoints.recover({ id: checkpoint.id });
    return (await a.sorties.get({ id: sorties[0]!.id }))!.status === 'completed';
  },
} satisfies Record<string, Check>;

const folder = 'domains/missions';
const twins: [
  what: string,
  check: keyof typeof checks,
  changes: { in: string; text: string; by: string }[],
][] = [
  [
    'the look for open sorties',
    'completion',
    [{ in: `${folder}/model.ts`, text: 'if (unsettled === 0) return;', by: 'if (unsettled >= 0) return;' }],
  ],
  [
    'the difference between a dry run and a real one',
    'dryRun',
    [{ in: `${folder}/recovery.ts`, text: '!this.how.dryRun', by: 'true' }],
  ],
  [
    'the look at who holds a lock now',
    'lockConflict',
    [{ in: `${folder}/recovery-decisions.ts`, text: "standing.state === 'held' && !force", by: 'false' }],
  ],
  [
    'the rule that what is finished stays finished',
    'finished',
    [
      {
        in: `${folder}/recovery-decisions.ts`,
        text: "current.status === 'completed' || current.status === 'cancelled'",
        by: 'false',
      },
    ],
  ],
];

async function run(open: typeof product.openRookery, check: Check): Promise<unknown> {
  const rookery = await open({ path: ':memory:' });
  try {
    return await check(rookery);
  } finally {
    await rookery.close();
  }
}

it.each(Object.entries(checks))('the check of %s holds', async (_, check) => {
  expect(await run(product.openRookery, check)).toBe(true);
});

it.each(twins)('would not hold without %s', { timeout: 60_000 }, async (_, check, changes) => {
  const twin = await sabotagedSource<typeof product>('rookery.ts', ...changes);
  expect(await run(twin.openRookery, checks[check])).toBe(false);
});
