import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { denials, entries, errorOf } from '../../support/ledger.ts';
import { eventTypes, finish, missionWith } from '../../support/missions.ts';

/** Missions and sorties: their states, their counts and what the streams tell of them. */
export function lifeSuite(harness: Harness): void {
  it('takes a mission with its sorties from beginning to end [SQ-R26]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 2);
    expect(mission).toMatchObject({
      id: expect.stringMatching(/^msn-[0-9a-z]+$/),
      status: 'pending',
      revision: 1,
    });
    expect(sorties[0]).toMatchObject({
      id: expect.stringMatching(/^srt-[0-9a-z]+$/),
      status: 'pending',
      progress: 0,
    });
    expect(await a.missions.get({ id: mission.id })).toMatchObject({ totalSorties: 2, completedSorties: 0 });

    const begun = (await a.sorties.start({ id: sorties[0]!.id }))!;
    expect(begun.sortie).toMatchObject({
      status: 'in_progress',
      assignedTo: 'spec-a',
      startedAt: expect.any(String),
    });
    expect(begun.mission).toMatchObject({ status: 'in_progress', startedAt: expect.any(String) });
    await a.sorties.progress({ id: sorties[0]!.id, progress: 40, notes: 'half of it' });
    const blocked = (await a.sorties.block({
      id: sorties[0]!.id,
      reason: 'no key',
      blockedBy: 'ops',
      blockerType: 'external',
    }))!;
    expect(blocked.sortie).toMatchObject({
      status: 'blocked',
      blockedReason: 'no key',
      blockedBy: 'ops',
      progress: 40,
    });
    expect((await a.sorties.start({ id: sorties[0]!.id }))!.sortie).toMatchObject({
      status: 'in_progress',
      blockedReason: null,
    });
    const done = (await a.sorties.complete({ id: sorties[0]!.id, result: { commits: 3 } }))!;
    expect(done.sortie).toMatchObject({
      status: 'completed',
      progress: 100,
      result: { commits: 3 },
      completedAt: expect.any(String),
    });
    expect(done.mission).toMatchObject({ totalSorties: 2, completedSorties: 1 });
    expect(await eventTypes(a, 'sortie', sorties[0]!.id)).toEqual([
      'sortie_created',
      'sortie_started',
      'sortie_progress',
      'sortie_blocked',
      'sortie_status_changed',
      'sortie_completed',
    ]);
    await finish(a, sorties[1]!.id);
    const ended = await a.missions.complete({ id: mission.id, result: 'shipped' });
    expect(ended).toMatchObject({
      status: 'completed',
      completedSorties: 2,
      result: 'shipped',
      completedAt: expect.any(String),
    });
    await expect(a.missions.complete({ id: mission.id, result: 'not so' })).rejects.toMatchObject({
      code: 'WRONG_STATE',
    });
    expect(await a.missions.get({ id: mission.id })).toEqual(ended);
    expect(await eventTypes(a, 'mission', mission.id)).toEqual([
      'mission_created',
      'mission_started',
      'mission_completed',
    ]);
    const all = await a.mail.events({ correlationId: mission.id });
    expect(new Set(all.events.map(({ streamType }) => streamType))).toEqual(
      new Set(['mission', 'sortie', 'checkpoint']),
    );
  });

  it('completes a mission only when each sortie is completed or cancelled [SQ-C21]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 3);
    await finish(a, sorties[0]!.id);
    const early = await errorOf(a.missions.complete({ id: mission.id }));
    expect([early.code, early.details]).toMatchObject(['WRONG_STATE', { openSorties: 2 }]);
    expect(await a.missions.get({ id: mission.id })).toMatchObject({
      status: 'in_progress',
      completedAt: null,
    });
    await a.sorties.update({ id: sorties[1]!.id, status: 'cancelled', closeReason: 'duplicate' });
    await a.sorties.start({ id: sorties[2]!.id });
    await a.sorties.update({ id: sorties[2]!.id, status: 'failed' });
    expect((await errorOf(a.missions.update({ id: mission.id, status: 'completed' }))).code).toBe(
      'WRONG_STATE',
    );
    await a.sorties.remove({ id: sorties[2]!.id });
    expect(await a.missions.update({ id: mission.id, status: 'completed' })).toMatchObject({
      status: 'completed',
      totalSorties: 2,
      completedSorties: 1,
    });
    const late = a.sorties.create({ title: 'Too late', missionId: mission.id });
    expect((await errorOf(late)).code).toBe('WRONG_STATE');
    expect((await errorOf(a.sorties.create({ title: 'x', missionId: 'msn-none' }))).code).toBe('NOT_FOUND');
  });

  it('lets nobody but the assigned specialist start a sortie, and a free one whoever comes first', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const b = rookery.as('spec-b');
    const { sorties } = await missionWith(a, 1);
    const refused = await errorOf(b.sorties.start({ id: sorties[0]!.id }));
    expect([refused.code, refused.details]).toMatchObject(['FORBIDDEN', { assignedTo: 'spec-a' }]);
    expect(await denials(rookery, 'spec-b')).toHaveLength(1);
    const { sortie } = await a.sorties.create({ title: 'Free' });
    const both = await Promise.allSettled([a, b].map((view) => view.sorties.start({ id: sortie.id })));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const again = await errorOf(
      a.sorties.start({ id: sorties[0]!.id }).then(() => a.sorties.start({ id: sorties[0]!.id })),
    );
    expect([again.code, again.details]).toMatchObject(['WRONG_STATE', { from: 'in_progress' }]);
  });

  it('refuses states that do not follow from one another, and half-written input', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 1);
    const { id } = sorties[0]!;
    const code = async (call: Promise<unknown>) => (await errorOf(call)).code;
    expect(await code(a.sorties.complete({ id }))).toBe('WRONG_STATE');
    expect(await code(a.sorties.block({ id, reason: 'x' }))).toBe('WRONG_STATE');
    expect(await code(a.missions.update({ id: mission.id, status: 'review' }))).toBe('WRONG_STATE');
    expect(await code(a.sorties.update({ id, assignedTo: null, status: 'in_progress' }))).toBe('WRONG_STATE');
    for (const bad of [{ progress: 101 }, { progress: -1 }, { progress: 'x' }])
      expect((await errorOf(a.sorties.progress({ id, ...bad } as never))).details).toMatchObject({
        field: 'progress',
      });
    expect((await errorOf(a.missions.create({ title: '' }))).details).toMatchObject({ field: 'title' });
    expect(await code(a.sorties.update({ id, title: 'New', expectedRevision: 9 }))).toBe('REVISION_CONFLICT');
    await finish(a, id);
    expect(await code(a.sorties.complete({ id }))).toBe('WRONG_STATE');
    expect(await code(a.sorties.progress({ id, progress: 5 }))).toBe('WRONG_STATE');
    expect(await a.sorties.get({ id })).toMatchObject({ progress: 100, revision: 3 });
    for (const call of [a.sorties.start, a.sorties.complete, a.sorties.update] as const)
      expect(await call({ id: 'srt-none' } as never)).toBeNull();
    expect(await a.missions.update({ id: 'msn-none', title: 'x' })).toBeNull();
  });

  it('goes through review and back, and assigns by naming somebody', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { sortie } = await a.sorties.create({ title: 'Reviewed' });
    const move = async (patch: object) =>
      (await a.sorties.update({ id: sortie.id, ...patch }))!.sortie.status;
    expect(await move({ assignedTo: 'spec-b' })).toBe('assigned');
    expect(await move({ assignedTo: null })).toBe('pending');
    expect(await move({ assignedTo: 'spec-a' })).toBe('assigned');
    await a.sorties.start({ id: sortie.id });
    expect(await move({ status: 'review' })).toBe('review');
    expect(await move({ status: 'in_progress', verdict: 'needs_changes' })).toBe('in_progress');
    expect(await move({ status: 'review' })).toBe('review');
    expect(await move({ status: 'completed' })).toBe('completed');
    expect((await eventTypes(a, 'sortie', sortie.id)).slice(-4)).toEqual([
      'review_started',
      'review_completed',
      'review_started',
      'sortie_completed',
    ]);
  });

  it('counts right whoever completes what at the same time, from two processes', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { mission, sorties } = await missionWith(one.as('spec-a'), 8);
    await Promise.all(sorties.map(({ id }, i) => finish((i % 2 ? one : two).as('spec-a'), id)));
    expect(await one.missions.get({ id: mission.id })).toMatchObject({
      totalSorties: 8,
      completedSorties: 8,
    });
    const { checkpoints } = await one.checkpoints.list({ missionId: mission.id });
    expect(checkpoints.map(({ triggerDetails }) => triggerDetails)).toEqual(['75%', '50%', '25%']);
  });

  it('lists in the order of making, by state, mission and specialist, page by page', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    const { mission, sorties } = await missionWith(a, 5);
    const other = await a.missions.create({ title: 'Other' });
    await a.sorties.start({ id: sorties[3]!.id });
    const ids = (page: { sorties: { id: string }[] }) => page.sorties.map(({ id }) => id);
    const wanted = sorties.map(({ id }) => id);
    const first = await a.sorties.list({ missionId: mission.id, limit: 2 });
    expect([ids(first), first.total]).toEqual([wanted.slice(0, 2), 5]);
    const second = await a.sorties.list({ missionId: mission.id, limit: 2, cursor: first.nextCursor! });
    expect(ids(second)).toEqual(wanted.slice(2, 4));
    expect(ids(await a.sorties.list({ missionId: mission.id, offset: 4 }))).toEqual(wanted.slice(4));
    expect(ids(await a.sorties.list({ status: 'in_progress' }))).toEqual([wanted[3]]);
    expect((await a.sorties.list({ assignedTo: 'spec-b' })).total).toBe(0);
    expect((await a.missions.list({})).missions.map(({ id }) => id)).toEqual([mission.id, other.id]);
    expect(await a.missions.list({ status: 'pending' })).toMatchObject({
      total: 1,
      missions: [{ id: other.id }],
    });
    expect(await a.missions.remove({ id: mission.id })).toEqual({
      removed: true,
      sorties: 5,
      checkpoints: 0,
    });
    expect(await a.sorties.get({ id: wanted[0]! })).toBeNull();
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });

  it('tells of specialists, of what they are on, and lets go of their locks when they complete', async () => {
    const rookery = await harness.open();
    const a = rookery.as('spec-a');
    await a.specialists.register({ id: 'spec-a', name: 'A' });
    const { sorties } = await missionWith(a, 1);
    await a.sorties.start({ id: sorties[0]!.id });
    expect(await a.specialists.get({ id: 'spec-a' })).toMatchObject({ currentSortie: sorties[0]!.id });
    await a.sorties.complete({ id: sorties[0]!.id });
    expect(await a.specialists.get({ id: 'spec-a' })).toMatchObject({ currentSortie: null });
    const { lease } = await a.locks.acquire({ path: 'src/a.ts', chronicle: true });
    const quiet = await a.locks.acquire({ path: 'src/quiet.ts' });
    await a.specialists.heartbeat({ id: 'spec-a', status: 'completed' });
    for (const { id } of [lease, quiet.lease])
      expect(await a.locks.get({ id })).toMatchObject({ status: 'released' });
    expect(await eventTypes(a, 'specialist', 'spec-a')).toEqual([
      'specialist_registered',
      'specialist_completed',
    ]);
    const { events } = await a.mail.eventsOf({ streamType: 'ctk', streamId: 'src/a.ts' });
    expect(
      events.map(({ type, data }) => [type, (data as { release_reason?: string }).release_reason]),
    ).toEqual([
      ['ctk_reserved', undefined],
      ['ctk_released', 'explicit'],
    ]);
    expect(await eventTypes(a, 'ctk', 'src/quiet.ts')).toEqual([]);
    expect(await entries(rookery, 'sorties.start')).not.toHaveLength(0);
  });
}
