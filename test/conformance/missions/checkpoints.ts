import { expect, it } from 'vitest';
import { limits } from '../../../src/kernel/limits.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { errorOf } from '../../support/ledger.ts';
import { eventTypes, finish, missionWith } from '../../support/missions.ts';
import { select } from '../../support/statements.ts';

const day = 86_400_000;

/** Checkpoints: when they are made, what is in them, how long they stay. */
export function checkpointSuite(harness: Harness): void {
  it('makes one by itself at a quarter, a half and three quarters, each once [SQ-C21]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 4);
    const made: (string | undefined)[] = [];
    for (const { id } of sorties)
      made.push((await finish(a, id)).checkpoint?.triggerDetails as string | undefined);
    expect(made).toEqual(['25%', '50%', '75%', undefined]);
    const { checkpoints, total } = await a.checkpoints.list({ missionId: mission.id });
    expect(total).toBe(3);
    expect(
      checkpoints.map(({ progressPercent, trigger, createdBy }) => [progressPercent, trigger, createdBy]),
    ).toEqual([
      [75, 'progress', 'spec-a'],
      [50, 'progress', 'spec-a'],
      [25, 'progress', 'spec-a'],
    ]);
    expect(checkpoints[0]!.sorties.map(({ status }) => status)).toEqual([
      'completed',
      'completed',
      'completed',
      'pending',
    ]);
    // More work lowers the share; reaching it again is no news.
    await a.sorties.create({ title: 'More', missionId: mission.id });
    const more = await a.sorties.create({ title: 'Even more', missionId: mission.id });
    expect((await finish(a, more.sortie.id)).checkpoint).toBeNull();
    const leap = await missionWith(a, 2, 'Leap');
    expect((await finish(a, leap.sorties[0]!.id)).checkpoint).toMatchObject({ triggerDetails: '50%' });
    expect(await eventTypes(a, 'checkpoint', checkpoints[0]!.id)).toEqual(['checkpoint_created']);
  });

  it('takes sorties, locks and unread messages as they are, and tells in words where things stand', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 2);
    await a.sorties.start({ id: sorties[0]!.id });
    await a.sorties.progress({ id: sorties[0]!.id, progress: 30, notes: 'parser done' });
    const { lease } = await a.locks.acquire({ path: 'src/a.ts', ttlMs: 60_000 });
    await rookery.as('spec-b').locks.acquire({ path: 'src/elsewhere.ts' });
    const onFile = await rookery.as('spec-b').locks.acquire({ path: './src/Ship it/0.ts', purpose: 'read' });
    const sent = await a.messages.send({
      mailbox: 'team',
      content: 'look',
      metadata: { subject: 'Look here' },
    });
    const read = await a.messages.send({ mailbox: 'team', content: 'old' });
    await rookery.as('spec-b').messages.markRead({ id: read.id });
    await a.messages.send({ mailbox: 'inbox/spec-a', content: 'private' });
    clock.advance(5000);
    const { checkpoint } = await a.checkpoints.create({
      missionId: mission.id,
      triggerDetails: { why: 'lunch' },
      ttlHours: 2,
    });
    expect(checkpoint).toMatchObject({
      id: expect.stringMatching(/^chk-[0-9a-z]+$/),
      trigger: 'manual',
      triggerDetails: { why: 'lunch' },
      progressPercent: 0,
      createdBy: 'spec-a',
      consumedAt: null,
      version: '1.0.0',
      sorties: [
        {
          id: sorties[0]!.id,
          status: 'in_progress',
          assignedTo: 'spec-a',
          progress: 30,
          progressNotes: 'parser done',
        },
        { id: sorties[1]!.id, status: 'pending' },
      ],
      pendingMessages: [
        { id: sent.id, from: 'spec-a', to: ['team'], subject: 'Look here', delivered: false },
      ],
      recoveryContext: {
        lastAction: 'Sortie "Part 0" in_progress, 30 %: parser done',
        nextSteps: ['Continue sortie "Part 0" (spec-a), 30 %', 'Start sortie "Part 1" (spec-a), 0 %'],
        filesModified: ['src/Ship it/0.ts'],
        missionSummary: 'Ship it: 0 of 2 sorties completed (0 %)',
        elapsedTimeMs: 5000,
      },
    });
    expect(new Set(checkpoint.activeLocks.map(({ id }) => id))).toEqual(new Set([lease.id, onFile.lease.id]));
    expect(Date.parse(checkpoint.expiresAt!) - Date.parse(checkpoint.timestamp)).toBe(2 * 3_600_000);
    expect(await a.checkpoints.get({ id: checkpoint.id })).toEqual(checkpoint);
    expect(await a.checkpoints.latest({ missionId: mission.id })).toEqual(checkpoint);
    expect((await errorOf(a.checkpoints.create({ missionId: 'msn-none' }))).code).toBe('NOT_FOUND');
    expect(
      (await errorOf(a.checkpoints.create({ missionId: mission.id, trigger: 'lunch' } as never))).details,
    ).toMatchObject({
      field: 'trigger',
    });
  });

  it('keeps secrets out of what it remembers', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { token } = await rookery.token.create({ agent: 'spec-a' });
    const { mission, sorties } = await missionWith(a, 1);
    await a.sorties.progress({
      id: sorties[0]!.id,
      progress: 10,
      notes: `signed in with ${token}, password=hunter2!`,
    });
    const { checkpoint } = await a.checkpoints.create({
      missionId: mission.id,
      metadata: { api_key: 'abcdef', nested: [{ sessionToken: 'x', token: 'y', tokens: 3 }] },
      recoveryContext: {
        lastAction: 'curl -H "Authorization: Bearer abcdefghijkl"',
        nextSteps: ['postgres://u:pw@host/db'],
      },
    });
    const text = JSON.stringify(checkpoint);
    for (const secret of [token, 'hunter2', 'abcdef', ':pw@', '"y"']) expect(text).not.toContain(secret);
    expect(checkpoint.sorties[0]!.progressNotes).toBe('signed in with [redacted], password=[redacted]');
    expect(checkpoint.metadata).toMatchObject({ nested: [{ tokens: 3 }] });
    const rows = await select<{ n: number }>(
      rookery,
      `SELECT count(*) AS n FROM checkpoints WHERE sorties LIKE '%hunter%'`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('refuses one that is too large; the work it was the occasion of goes on', async () => {
    const rookery = await harness.open({ durability: 'relaxed' });
    const a = rookery.as('spec-a');
    const mission = await a.missions.create({ title: 'Large' });
    const files = Array.from({ length: 900 }, (_, i) => `src/${'long'.repeat(15)}/${i}.ts`);
    const ids: string[] = [];
    for (let i = 0; i < 17; i++)
      ids.push((await a.sorties.create({ title: `S${i}`, missionId: mission.id, files })).sortie.id);
    const refused = await errorOf(a.checkpoints.create({ missionId: mission.id }));
    expect([refused.code, refused.details]).toMatchObject([
      'TOO_LARGE',
      { limitBytes: limits.checkpointBytes },
    ]);
    for (const id of ids.slice(0, 5)) await finish(a, id);
    expect((await a.checkpoints.list({ missionId: mission.id })).total).toBe(0);
    expect(await a.missions.get({ id: mission.id })).toMatchObject({ completedSorties: 5 });
    expect((await eventTypes(a, 'mission', mission.id)).at(-1)).toBe('checkpoint_refused');
  });

  it('removes what is old, never the newest few, and keeps at most a hundred', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock, durability: 'relaxed' });
    const a = rookery.as('spec-a');
    const { mission } = await missionWith(a, 1);
    const make = async (more: object = {}) =>
      (await a.checkpoints.create({ missionId: mission.id, ...more })).checkpoint.id;
    const ids = [
      await make(),
      await make(),
      await make({ ttlHours: 1 }),
      await make(),
      await make(),
      await make(),
    ];
    clock.advance(2 * 3_600_000);
    const expired = await a.checkpoints.prune({ dryRun: true });
    expect(expired.details).toEqual([{ id: ids[2], missionId: mission.id }]);
    expect((await a.checkpoints.list({ missionId: mission.id })).total).toBe(6);
    clock.advance(8 * day);
    const pruned = await a.checkpoints.prune({});
    expect(pruned).toMatchObject({ deleted: 3, more: false, freedBytes: expect.any(Number) });
    expect(pruned.freedBytes).toBeGreaterThan(0);
    expect((await a.checkpoints.list({ missionId: mission.id })).checkpoints.map(({ id }) => id)).toEqual(
      ids.slice(3).reverse(),
    );
    expect(await a.checkpoints.prune({ missionId: 'msn-none' })).toMatchObject({ deleted: 0 });

    for (let i = 0; i < 98; i++) await make();
    const { dropped } = await a.checkpoints.create({ missionId: mission.id });
    expect(dropped).toEqual([{ id: ids[4], missionId: mission.id }]);
    expect((await a.checkpoints.list({ missionId: mission.id })).total).toBe(100);
    expect(await a.checkpoints.remove({ id: ids[5]! })).toEqual({ removed: true, missionId: mission.id });
    expect(await a.checkpoints.remove({ id: ids[5]! })).toEqual({ removed: false, missionId: null });
    expect(await a.checkpoints.count({})).toEqual({ checkpoints: 99 });

    const { missions } = await a.missions.list({});
    for (const { id } of (await a.sorties.list({ missionId: missions[0]!.id })).sorties) await finish(a, id);
    await a.missions.complete({ id: mission.id });
    clock.advance(29 * day);
    await a.checkpoints.prune({ keepPerMission: 0 });
    expect((await a.checkpoints.list({ missionId: mission.id })).total).toBe(1);
    clock.advance(day);
    expect(await a.checkpoints.prune({ keepPerMission: 0 })).toMatchObject({ deleted: 1 });
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });
}
