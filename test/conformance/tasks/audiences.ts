import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { claim, drain } from '../../support/tasks.ts';

export function audienceSuite(harness: Harness): void {
  it('shows and hands out a task to its audience alone; everybody else gets a miss', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'mate', team: 'red' });
    await rookery.fleet.register({ id: 'owner', team: 'red' });
    const [owner, mate, other] = [rookery.as('owner'), rookery.as('mate'), rookery.as('other')];
    // Many that the reader may not see come first: a page counts only what it may.
    for (let i = 0; i < 6; i++)
      await owner.tasks.create({ id: `a${i}`, title: `secret ${i}`, level: 'team', priority: 1 });
    await owner.tasks.create({ id: 'b-own', title: 'own', level: 'private' });
    await owner.tasks.create({ id: 'c-all', title: 'all', priority: 9 });
    expect((await other.tasks.list({ limit: 1 })).tasks.map(({ id }) => id)).toEqual(['c-all']);
    expect((await mate.tasks.list({ limit: 100 })).tasks).toHaveLength(7);
    const page = await mate.tasks.list({ limit: 4, status: 'pending' });
    expect(page.nextCursor).toBe('a3');
    expect(
      (await mate.tasks.list({ limit: 4, cursor: 'a3', status: 'pending' })).tasks.map(({ id }) => id),
    ).toEqual(['a4', 'a5', 'c-all']);
    expect(await other.tasks.get({ task: 'a0' })).toBeNull();
    const missing = { code: 'NOT_FOUND', message: 'task not found' };
    await expect(other.tasks.cancel({ task: 'a0' })).rejects.toMatchObject(missing);
    await expect(other.tasks.cancel({ task: 'none' })).rejects.toMatchObject(missing);
    await expect(other.tasks.complete({ task: 'a0', token: 1 })).rejects.toMatchObject(missing);
    await expect(other.tasks.create({ title: 't', level: 'team', audience: 'red' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await drain(other)).toEqual(['c-all']);
    expect(await drain(mate)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5']);
    expect(await drain(owner)).toEqual(['b-own']);

    // A grant to read shows it; one to write the whole audience beside it opens claims, too. That alone does not: a
    // claim shows the task.
    const grant = { agent: 'other', resource: 'tasks' as const, level: 'team' as const, ttl: 60 };
    await owner.tasks.create({ id: 'd', title: 'd', level: 'team' });
    await owner.access.grant({ ...grant, agent: 'writer', acts: ['write'] });
    expect(await rookery.as('writer').tasks.claim()).toBeNull();
    await owner.access.grant({ ...grant, acts: ['read'] });
    expect(await other.tasks.get({ task: 'd' })).toMatchObject({ title: 'd' });
    expect(await other.tasks.claim()).toBeNull();
    await expect(other.tasks.cancel({ task: 'd' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await owner.access.grant({ ...grant, acts: ['write'] });
    const { held } = await claim(other);
    await other.tasks.complete(held);
  });
}
