import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { denials, errorOf } from '../../support/ledger.ts';
import { eventTypes, finish, missionWith } from '../../support/missions.ts';
import { entriesOf, select } from '../../support/statements.ts';

/** Everything of the tables that a recovery could change. */
async function everything(rookery: Parameters<typeof select>[0]): Promise<unknown> {
  const tables = [
    'missions',
    'sorties',
    'checkpoints',
    'messages',
    'locks',
    'events',
    'mailboxes',
    'specialists',
  ];
  const rows = [];
  for (const table of tables) rows.push(await select(rookery, `SELECT * FROM ${table} ORDER BY id`));
  return rows;
}

/** Recovery: what comes back, what does not, and what is said of it. */
export function recoverySuite(harness: Harness): void {
  async function crashed(clock = new ManualClock()) {
    const rookery = await harness.open({ clock });
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 3);
    await a.sorties.start({ id: sorties[0]!.id });
    await a.sorties.progress({ id: sorties[0]!.id, progress: 60, notes: 'nearly' });
    const lock = (await a.locks.acquire({ path: 'src/a.ts', ttlMs: 60_000 })).lease;
    const message = await a.messages.send({ mailbox: 'team', content: 'do it' });
    const { checkpoint } = await a.checkpoints.create({ missionId: mission.id });
    await a.sorties.update({ id: sorties[0]!.id, status: 'failed', progressNotes: 'crashed' });
    await a.locks.release({ lease: lock.id });
    await rookery.as('spec-b').messages.markRead({ id: message.id });
    return { clock, rookery, a, mission, sorties, lock, message, checkpoint };
  }

  it('brings sorties, locks and messages back, and counts what it did [SQ-R27]', async () => {
    const { rookery, a, mission, sorties, message, checkpoint } = await crashed();
    const before = await everything(rookery);
    const entries = (await entriesOf(rookery)).length;
    const dry = (await a.checkpoints.recover({ id: checkpoint.id, dryRun: true }))!;
    expect(await everything(rookery)).toEqual(before);
    expect(await entriesOf(rookery)).toHaveLength(entries);
    const real = (await a.checkpoints.recover({ id: checkpoint.id }))!;
    expect(real).toEqual({ ...dry, dryRun: false });
    expect(real).toMatchObject({
      success: true,
      checkpointId: checkpoint.id,
      missionId: mission.id,
      recoveryContext: checkpoint.recoveryContext,
      restored: { sorties: 3, locks: 1, messages: 1 },
      errors: [],
      warnings: [],
    });
    expect(await a.sorties.get({ id: sorties[0]!.id })).toMatchObject({
      status: 'in_progress',
      progress: 60,
      progressNotes: 'nearly',
      completedAt: null,
    });
    expect((await a.locks.list({ holder: 'spec-a' })).locks).toMatchObject([
      { resources: [{ path: 'src/a.ts' }] },
    ]);
    expect(await a.messages.get({ id: message.id })).toMatchObject({ status: 'pending', readAt: null });
    const { consumedAt } = (await a.checkpoints.get({ id: checkpoint.id }))!;
    expect(consumedAt).not.toBeNull();
    expect(
      (await eventTypes(a, 'mission', mission.id)).filter((type) => type === 'fleet_recovered'),
    ).toHaveLength(1);

    const again = (await a.checkpoints.recover({ missionId: mission.id }))!;
    expect(again).toEqual(real);
    expect((await a.locks.list({ holder: 'spec-a' })).locks).toHaveLength(1);
    expect(await a.checkpoints.get({ id: checkpoint.id })).toMatchObject({ consumedAt });
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });

  it('asks the lock table who holds what, and takes nothing from anybody unless forced [SQ-R28]', async () => {
    const { rookery, a, lock, checkpoint } = await crashed();
    const b = rookery.as('spec-b');
    const theirs = (await b.locks.acquire({ path: './src//a.ts' })).lease;
    for (const dryRun of [true, false]) {
      const found = (await a.checkpoints.recover({ id: checkpoint.id, dryRun }))!;
      expect(found).toMatchObject({ success: true, restored: { sorties: 3, locks: 0, messages: 1 } });
      expect(found.warnings).toEqual([expect.stringContaining(`Lock ${lock.id} conflicts`)]);
      expect(found.recoveryContext.blockers).toContain('Lock conflict on src/a.ts (held by spec-b)');
    }
    expect(await b.locks.get({ id: theirs.id })).toMatchObject({ status: 'active' });
    const weak = rookery.as('spec-a', { rights: ['read', 'write'] });
    expect((await errorOf(weak.checkpoints.recover({ id: checkpoint.id, force: true }))).code).toBe(
      'FORBIDDEN',
    );
    expect(await denials(rookery, 'spec-a')).toHaveLength(1);
    const forced = (await a.checkpoints.recover({ id: checkpoint.id, force: true }))!;
    expect(forced).toMatchObject({ success: true, restored: { locks: 1 }, warnings: [] });
    expect(await b.locks.get({ id: theirs.id })).toMatchObject({ status: 'force_released' });
    const held = (await a.locks.list({ path: 'src/a.ts' })).locks;
    expect(held).toMatchObject([{ holder: 'spec-a' }]);
    expect(held[0]!.token).toBeGreaterThan(theirs.token);
  });

  it('leaves what ran out, what somebody waits for, and what was finished since', async () => {
    const { clock, rookery, a, sorties, lock, checkpoint } = await crashed();
    await finish(a, sorties[1]!.id);
    await a.sorties.update({ id: sorties[2]!.id, status: 'cancelled' });
    clock.advance(60_000);
    const found = (await a.checkpoints.recover({ id: checkpoint.id }))!;
    expect(found).toMatchObject({ success: true, restored: { sorties: 1, locks: 0, messages: 1 } });
    expect(found.warnings).toEqual([
      `Sortie ${sorties[1]!.id} is completed since, left as it is`,
      `Sortie ${sorties[2]!.id} is cancelled since, left as it is`,
      `Lock ${lock.id} expired, skipping re-acquisition`,
    ]);
    expect(found.recoveryContext.blockers).toContain('Expired lock on src/a.ts (held by spec-a)');
    expect(await a.sorties.get({ id: sorties[1]!.id })).toMatchObject({ status: 'completed' });
    const held = await rookery.as('spec-b').locks.acquire({ path: 'src/late.ts', ttlMs: null });
    const late = await a.checkpoints.create({
      missionId: checkpoint.missionId,
      activeLocks: [
        {
          id: 'lock_x',
          file: 'src/late.ts',
          heldBy: 'spec-a',
          acquiredAt: new Date(clock.now()).toISOString(),
          timeoutMs: null,
        },
      ],
    });
    const waiting = rookery
      .as('spec-c')
      .locks.acquire({ path: 'src/late.ts', waitMs: 60_000 }, { signal: AbortSignal.timeout(30_000) });
    const conflicting = (await a.checkpoints.recover({ id: late.checkpoint.id }))!;
    expect(conflicting.warnings.at(-1)).toContain('held by spec-b');
    await rookery.as('spec-b').locks.release({ lease: held.lease.id });
    expect((await waiting).lease.holder).toBe('spec-c');
  });

  it('says what went wrong, restores the rest, and does not call that recovered', async () => {
    const { rookery, a, mission, sorties, checkpoint } = await crashed();
    await a.sorties.remove({ id: sorties[2]!.id });
    const weak = rookery.as('spec-c', { rights: ['read', 'write'] });
    for (const dryRun of [true, false]) {
      const found = (await weak.checkpoints.recover({ id: checkpoint.id, dryRun }))!;
      expect(found).toMatchObject({ success: false, restored: { sorties: 2, locks: 0, messages: 1 } });
      expect(found.errors).toEqual([
        `Sortie ${sorties[2]!.id} does not exist any more`,
        expect.stringContaining('needs the right "act-as"'),
      ]);
    }
    expect(await a.sorties.get({ id: sorties[0]!.id })).toMatchObject({ status: 'in_progress' });
    expect(await a.checkpoints.get({ id: checkpoint.id })).toMatchObject({ consumedAt: null });
    expect(await eventTypes(a, 'mission', mission.id)).not.toContain('fleet_recovered');
    expect(await a.checkpoints.recover({ id: 'chk-none' })).toBeNull();
    expect(await a.checkpoints.recover({ missionId: 'msn-none' })).toBeNull();
    expect((await errorOf(a.checkpoints.recover({}))).details).toMatchObject({ field: 'id' });
  });

  it('keeps the counts of a mission right through a recovery', async () => {
    const { rookery, a, mission, sorties, checkpoint } = await crashed();
    await finish(a, sorties[1]!.id);
    await a.checkpoints.recover({ id: checkpoint.id });
    expect(await a.missions.get({ id: mission.id })).toMatchObject({ totalSorties: 3, completedSorties: 1 });
    await a.sorties.complete({ id: sorties[0]!.id });
    await finish(a, sorties[2]!.id);
    expect(await a.missions.complete({ id: mission.id })).toMatchObject({
      status: 'completed',
      completedSorties: 3,
    });
    // The last one of a finished mission can still be looked into.
    expect(await a.checkpoints.recover({ missionId: mission.id })).toMatchObject({ success: true });
    expect(await a.missions.get({ id: mission.id })).toMatchObject({
      status: 'completed',
      completedSorties: 3,
    });
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });

  it('finds missions of which nothing was heard for a time', async () => {
    const { clock, rookery, a, mission, checkpoint } = await crashed();
    await a.missions.create({ title: 'Not begun' });
    expect((await a.missions.stalled({})).missions).toEqual([]);
    clock.advance(300_001);
    expect((await a.missions.stalled({})).missions).toMatchObject([
      {
        missionId: mission.id,
        missionTitle: 'Ship it',
        inactivityDurationMs: 300_001,
        checkpointId: checkpoint.id,
        checkpointProgress: 0,
      },
    ]);
    expect((await a.missions.stalled({ thresholdMs: 300_001 })).missions).toEqual([]);
    await rookery
      .as('spec-b')
      .mail.append({ stream: 'team', events: [{ type: 'note', data: 1, correlationId: mission.id }] });
    expect((await a.missions.stalled({})).missions).toEqual([]);
  });

  it('takes a checkpoint back from a copy of it', async () => {
    const { rookery, a, mission, checkpoint } = await crashed();
    expect((await errorOf(a.checkpoints.adopt({ checkpoint }))).details).toMatchObject({ field: 'id' });
    await a.checkpoints.remove({ id: checkpoint.id });
    expect(await a.checkpoints.adopt({ checkpoint })).toEqual(checkpoint);
    expect(await a.checkpoints.recover({ id: checkpoint.id })).toMatchObject({ success: true });
    const foreign = { ...checkpoint, id: 'chk-other', missionId: 'msn-none' };
    expect((await errorOf(a.checkpoints.adopt({ checkpoint: foreign }))).code).toBe('NOT_FOUND');
    await a.missions.remove({ id: mission.id });
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });
}
