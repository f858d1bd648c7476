import { expect, it } from 'vitest';
import type { View } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { everything } from '../support/disk-contents.ts';
import { enqueue } from '../support/locks.ts';
import { entriesOf, execute } from '../support/statements.ts';

const secret = 'a-secret-that-must-not-be-found';

async function seenBy(view: View) {
  const { conflicts } = await view.conflicts.list();
  return conflicts.map(({ origin, resource, agents, occurrences }) =>
    [origin, resource, agents.join('+'), occurrences].join(' '),
  );
}

/** The contract of conflicts, on any engine. */
export function conflictsSuite(harness: Harness): void {
  it('notes a refused lock in the commit of the refusal, once for the same agents and thing', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b, c] = [rookery.as('a'), rookery.as('b'), rookery.as('c')];
    await a.locks.acquire({ paths: ['f', 'g'], ttlMs: 600_000 });
    const refuse = (view: View, ...paths: string[]) =>
      expect(view.locks.acquire({ paths })).rejects.toMatchObject({ code: 'LOCK_HELD' });
    await refuse(b, 'f');
    expect(await seenBy(c)).toEqual(['lock f a+b 1']);
    const before = (await entriesOf(rookery)).length;
    for (let i = 0; i < 20; i++) await refuse(b, 'f');
    // Within a moment it is one meeting; nothing is written for the others.
    expect(await seenBy(c)).toEqual(['lock f a+b 1']);
    clock.advance(1000);
    await Promise.all([refuse(b, 'f'), refuse(b, 'f'), refuse(b, 'f')]);
    expect(await seenBy(c)).toEqual(['lock f a+b 2']);
    expect((await entriesOf(rookery)).length).toBe(before);
    await refuse(c, 'g');
    // The holder itself is no other agent.
    await expect(a.locks.acquire({ path: 'f' })).rejects.toMatchObject({ code: 'LOCK_HELD' });
    expect(await seenBy(c)).toEqual(['lock f a+b 2', 'lock g a+c 1']);

    const [first] = (await b.conflicts.list({ of: 'b' })).conflicts;
    expect(first).toMatchObject({ type: 'resource', kind: 'lock', severity: 'low', status: 'open' });
    expect(await a.conflicts.resolve({ id: first!.id, resolution: 'took turns' })).toMatchObject({
      status: 'resolved',
      resolvedBy: 'a',
      resolution: 'took turns',
    });
    await expect(a.conflicts.resolve({ id: first!.id, resolution: 'again' })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
    await refuse(b, 'f');
    expect((await a.conflicts.list({ status: 'open', type: 'resource' })).conflicts).toHaveLength(2);
    expect((await a.conflicts.list({ limit: 1 })).nextCursor).not.toBeNull();
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    await execute(rookery, "UPDATE conflicts SET resolution = 'nothing happened' WHERE status = 'resolved'");
    expect(await rookery.audit.verify()).toMatchObject({ ok: false, findings: [{ kind: 'state-changed' }] });
  });

  it('notes an expected revision that another agent changed, of keys, streams and tasks', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const stale = { code: 'REVISION_CONFLICT' };
    await a.memory.set({ key: 'k', value: 1 });
    await expect(b.memory.set({ key: 'k', value: 2, expectedRevision: 0 })).rejects.toMatchObject({
      ...stale,
      details: { field: 'expectedRevision', expected: 0, actual: 1 },
    });
    // One's own change, or a key that never was, is no conflict.
    await expect(a.memory.set({ key: 'k', value: 2, expectedRevision: 0 })).rejects.toMatchObject(stale);
    await expect(b.memory.set({ key: 'n', value: 2, expectedRevision: 4 })).rejects.toMatchObject(stale);
    await a.mail.append({ stream: 's', events: [{ type: 'n', data: 1 }] });
    const late = { stream: 's', events: [{ type: 'n', data: 2 }], expectedHead: 0 };
    await expect(b.mail.append(late)).rejects.toMatchObject({ ...stale, details: { actual: 1 } });
    await a.tasks.create({ id: 't', title: 't' });
    await a.tasks.update({ task: 't', title: 'u' });
    const update = { task: 't', title: 'v', expectedRevision: 1 };
    await expect(b.tasks.update(update)).rejects.toMatchObject(stale);
    expect(await seenBy(a)).toEqual(['revision default/k a+b 1', 'revision s a+b 1', 'revision t a+b 1']);
    const { conflicts } = await a.conflicts.list();
    expect(conflicts.map(({ type, kind }) => `${type} ${kind}`)).toEqual([
      'version memory',
      'version mail',
      'version task',
    ]);
  });

  it('tells of a conflict to the agents in it and to the audience of the thing, and to nobody else', async () => {
    const rookery = await harness.open();
    for (const id of ['a', 'b', 'mate']) await rookery.fleet.register({ id, team: 'red' });
    const [a, b, mate, other] = ['a', 'b', 'mate', 'other'].map((id) => rookery.as(id)) as [
      View,
      View,
      View,
      View,
    ];
    await a.memory.set({ key: 'plan', value: 1, level: 'team' });
    const stale = { key: 'plan', value: 2, level: 'team' as const, expectedRevision: 0 };
    await expect(b.memory.set(stale)).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
    for (const view of [a, b, mate]) expect(await seenBy(view)).toEqual(['revision default/plan a+b 1']);
    expect(await seenBy(other)).toEqual([]);
    const { id } = (await a.conflicts.list()).conflicts[0]!;
    expect(await other.conflicts.get({ id })).toBeNull();
    await expect(other.conflicts.resolve({ id, resolution: 'r' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'conflict not found',
    });
    // Who may write there by a grant, and does not belong there, learns of its own part only.
    await a.access.grant({
      agent: 'other',
      acts: ['write'],
      resource: 'memory',
      level: 'team',
      ttl: 60,
    });
    await expect(other.memory.set({ ...stale, audience: 'red' })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
    expect(await seenBy(other)).toEqual(['revision default/plan other 1']);
    // Nor by asking for who else could be in it.
    const asked = async (of: string) => (await other.conflicts.list({ of })).conflicts.length;
    expect([await asked('a'), await asked('other')]).toEqual([0, 1]);
    expect((await mate.conflicts.list({ of: 'other' })).conflicts).toMatchObject([
      { agents: ['a', 'other'] },
    ]);

    const reported = await a.conflicts.record({
      type: 'priority',
      resource: 'release',
      agents: ['b', 'other', 'b'],
      description: secret,
      severity: 'high',
      level: 'private',
    });
    expect(reported).toMatchObject({ agents: ['b', 'other'], origin: 'report', kind: '' });
    expect(await other.conflicts.get({ id: reported.id })).toMatchObject({
      agents: ['b', 'other'],
      description: secret,
    });
    expect(await mate.conflicts.get({ id: reported.id })).toBeNull();
    await b.conflicts.resolve({ id: reported.id, resolution: secret });
    expect(await a.conflicts.get({ id: reported.id })).toMatchObject({ resolution: secret });
    const disk = await everything(rookery, harness.engine);
    expect(disk.includes(secret)).toBe(false);
    expect(disk.includes(Buffer.from(secret).toString('hex'))).toBe(false);
    await expect(
      a.conflicts.record({ type: 'data', agents: ['b'], level: 'team', audience: 'blue' }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(a.conflicts.record({ type: 'war', agents: ['b'] } as never)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'type' },
    });
    await expect(a.conflicts.record({ type: 'data', agents: [] })).rejects.toMatchObject({
      details: { field: 'agents' },
    });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('finds agents that wrote over each other, or wait for each other, and records each once', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    for (const id of ['a', 'b']) await rookery.fleet.register({ id, team: 'red' });
    const [a, b, c] = [rookery.as('a'), rookery.as('b'), rookery.as('c')];
    await a.memory.set({ key: 'old', value: 1 });
    clock.advance(60_001);
    await b.memory.set({ key: 'old', value: 2 });
    await a.memory.set({ key: 'blind', value: 1 });
    await b.memory.mset({ entries: [{ key: 'blind', value: 2 }] });
    await a.memory.set({ key: 'looked', value: 1 });
    await b.memory.set({ key: 'looked', value: 2, expectedRevision: 1 });
    await a.memory.set({ key: 'own', value: 1 });
    await a.memory.set({ key: 'own', value: 2 });
    await a.memory.incr({ key: 'counter' });
    await b.memory.incr({ key: 'counter' });
    await a.memory.set({ key: 'team', value: 1, level: 'team' });
    await b.memory.set({ key: 'team', value: 2, level: 'team' });
    await a.locks.acquire({ path: 'f' });
    await enqueue(rookery, b, { path: 'f' });
    const found = async (view: View, input = {}) =>
      (await view.conflicts.detect(input)).conflicts
        .map(
          ({ origin, resource, agents, severity }) => `${origin} ${resource} ${agents.join('+')} ${severity}`,
        )
        .sort();
    expect(await found(c)).toEqual(['waits f a+b low', 'writes default/blind a+b high']);
    expect(await found(a)).toEqual(['writes default/team a+b high']);
    expect(await found(a)).toEqual([]);
    expect(await found(a, { windowMs: 120_000 })).toEqual(['writes default/old a+b high']);
    expect(await seenBy(c)).toHaveLength(3);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });
}
