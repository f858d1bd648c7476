import { expect, it } from 'vitest';
import { type Level, levels } from '../../src/kernel/access/model.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { execute, select } from '../support/statements.ts';

/** An agent that belongs to an audience of every level. */
async function memberOfAll(rookery: Rookery) {
  await rookery.fleet.register({ id: 'owner', team: 'red', swarm: 'one', system: true });
  return rookery.as('owner');
}

/** Who sees, finds and changes what: scoped keys, denials and lists. */
export function memoryAudienceSuite(harness: Harness): void {
  it('gives each agent its own private key under one name', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.memory.set({ key: 'k', value: 'of a', level: 'private' });
    await b.memory.set({ key: 'k', value: 'of b', level: 'private' });
    expect((await a.memory.get({ key: 'k' }))?.value).toBe('of a');
    expect((await b.memory.get({ key: 'k' }))?.value).toBe('of b');
    expect(await b.memory.get({ key: 'k', level: 'private', audience: 'a' })).toBeNull();
    await expect(
      b.memory.set({ key: 'k', value: 'forged', level: 'private', audience: 'a' }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await a.memory.get({ key: 'k' }))?.value).toBe('of a');
  });

  it('finds the nearest: private, team, swarm, project, system', async () => {
    const rookery = await harness.open();
    const owner = await memberOfAll(rookery);
    for (const level of [...levels].reverse()) await owner.memory.set({ key: 'k', value: level, level });
    for (const level of levels) {
      expect((await owner.memory.get({ key: 'k', level }))?.value).toBe(level);
      expect((await owner.memory.get({ key: 'k' }))?.level).toBe(level);
      const { keys } = await owner.memory.keys();
      expect(keys.map((head) => head.level)).toEqual([level]);
      const { seq } = (await owner.memory.get({ key: 'k' }))!;
      expect((await owner.memory.get({ key: 'k', asOf: seq + 1000 }))?.level).toBe(level);
      expect((await owner.memory.delete({ key: 'k' })).deleted).toBe(true);
    }
    expect(await owner.memory.get({ key: 'k' })).toBeNull();
  });

  it('shares a team, swarm or system key with its members and nobody else', async () => {
    const rookery = await harness.open();
    const owner = await memberOfAll(rookery);
    await rookery.fleet.register({ id: 'mate', team: 'red', swarm: 'one', system: true });
    await rookery.fleet.register({ id: 'stranger', team: 'blue', swarm: 'two' });
    const [mate, stranger] = [rookery.as('mate'), rookery.as('stranger')];
    for (const level of ['team', 'swarm', 'system'] satisfies Level[]) {
      await owner.memory.set({ key: level, value: 'shared', level });
      expect((await mate.memory.get({ key: level }))?.value, level).toBe('shared');
      expect(await stranger.memory.get({ key: level }), level).toBeNull();
      expect((await mate.memory.set({ key: level, value: 'changed', level })).owner).toBe('owner');
      const audience = { team: 'red', swarm: 'one' }[level as string];
      const place = { key: level, level, ...(audience && { audience }) };
      expect(await stranger.memory.get(place), level).toBeNull();
      expect(await stranger.memory.history(place)).toEqual({ revisions: [] });
      expect(await stranger.memory.delete(place)).toEqual({ deleted: false, revision: null });
    }
    await owner.memory.set({ key: 'p', value: 'all', level: 'project' });
    expect((await stranger.memory.get({ key: 'p' }))?.value).toBe('all');
    expect((await stranger.memory.keys()).keys.map(({ key }) => key)).toEqual(['p']);
  });

  it('has a team of one for an agent without a team', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const head = await a.memory.set({ key: 'k', value: 1, level: 'team' });
    expect(head).toMatchObject({ level: 'team', scope: 'solo:a' });
    expect(await b.memory.get({ key: 'k' })).toBeNull();
    await rookery.fleet.register({ id: 'c', team: 'a' });
    expect(await rookery.as('c').memory.get({ key: 'k' })).toBeNull();
  });

  it('lets an owner read its own after leaving, and nothing else of what it left', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', team: 'red' });
    await rookery.fleet.register({ id: 'b', team: 'red' });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const place = { level: 'team', audience: 'red' } as const;
    await a.memory.set({ key: 'of-a', value: 1, level: 'team' });
    await b.memory.set({ key: 'of-b', value: 2, level: 'team' });
    // A key that was b's and then a's: the older revision stays b's.
    await b.memory.set({ key: 'both', value: 'b', level: 'team' });
    await b.memory.delete({ key: 'both' });
    await a.memory.set({ key: 'both', value: 'a', level: 'team' });
    await rookery.fleet.update({ id: 'a', team: null });
    expect((await a.memory.get({ key: 'of-a' }))?.value).toBe(1);
    expect((await a.memory.get({ key: 'of-a', ...place }))?.value).toBe(1);
    expect(await a.memory.get({ key: 'of-b' })).toBeNull();
    expect(await a.memory.get({ key: 'of-b', ...place })).toBeNull();
    expect((await a.memory.keys()).keys.map(({ key }) => key)).toEqual(['both', 'of-a']);
    const { revisions } = await a.memory.history({ key: 'both', ...place });
    expect(revisions.map(({ value }) => value)).toEqual(['a']);
    expect(await a.memory.get({ key: 'both', ...place, asOf: revisions[0]!.seq - 2 })).toBeNull();
    const asMember = await b.memory.history({ key: 'both', ...place });
    expect(asMember.revisions.map(({ value }) => value)).toEqual(['a', null, 'b']);
    for (const change of [
      () => a.memory.set({ key: 'of-a', value: 3, ...place }),
      () => a.memory.delete({ key: 'of-a' }),
      () => a.memory.incr({ key: 'of-a', ...place }),
      () => a.memory.expire({ key: 'of-a', ttl: 1, ...place }),
      () => a.memory.clear(place),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    expect((await b.memory.get({ key: 'of-a' }))?.value).toBe(1);
  });

  it('opens a granted part of an audience, whole names only [KV-x4]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    for (const namespace of ['acme', 'acme-corp']) {
      await a.memory.set({ namespace, key: 'k', value: namespace, level: 'private' });
    }
    await a.access.grant({
      ...{ agent: 'b', acts: ['read'], resource: 'memory', level: 'private', prefix: 'acme', ttl: 60 },
    });
    const place = { key: 'k', level: 'private', audience: 'a' } as const;
    expect((await b.memory.get({ namespace: 'acme', ...place }))?.value).toBe('acme');
    expect(await b.memory.get({ namespace: 'acme-corp', ...place })).toBeNull();
    const inGranted = await b.memory.keys({ namespace: 'acme', level: 'private', audience: 'a' });
    expect(inGranted.keys).toHaveLength(1);
    const beside = await b.memory.keys({ namespace: 'acme-corp', level: 'private', audience: 'a' });
    expect(beside.keys).toEqual([]);
    await expect(b.memory.set({ namespace: 'acme', value: 1, ...place })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });

  it('lists keys in order, each once, page by page', async () => {
    const a = (await harness.open()).as('a');
    const names = ['b', 'a/1', 'a/2', 'ab', 'Z', 'é', '\u{1f600}', '\uffff', 'a*'];
    await a.memory.mset({ entries: names.map((key) => ({ key, value: 1 })) });
    await a.memory.set({ key: 'b', value: 2, level: 'private' });
    // By code point, on every engine.
    const sorted = ['Z', 'a*', 'a/1', 'a/2', 'ab', 'b', 'é', '\uffff', '\u{1f600}'];
    for (const limit of [1, 2, 4, 9, 1000]) {
      const seen: string[] = [];
      let cursor = '';
      for (;;) {
        const page = await a.memory.keys({ limit, cursor });
        expect(page.keys.length).toBeLessThanOrEqual(limit);
        seen.push(...page.keys.map(({ key }) => key));
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
      }
      expect(seen, `pages of ${limit}`).toEqual(sorted);
    }
    expect((await a.memory.keys({ level: 'private' })).keys.map(({ key }) => key)).toEqual(['b']);
  });

  it('lists the keys that match a pattern', async () => {
    const { memory } = await harness.open();
    const names = ['a', 'ab', 'abc', 'a.b', 'x[1]', 'é'];
    await memory.mset({ entries: names.map((key) => ({ key, value: 1 })) });
    const expected: Record<string, string[]> = {
      '*': ['a', 'a.b', 'ab', 'abc', 'x[1]', 'é'],
      'a*': ['a', 'a.b', 'ab', 'abc'],
      'a?': ['ab'],
      'a.b': ['a.b'],
      '*b*': ['a.b', 'ab', 'abc'],
      '?': ['a', 'é'],
      'x[1]': ['x[1]'],
      'x[*': ['x[1]'],
      '**c': ['abc'],
      nothing: [],
    };
    for (const [pattern, keys] of Object.entries(expected)) {
      const found = await memory.keys({ pattern });
      expect(
        found.keys.map(({ key }) => key),
        pattern,
      ).toEqual(keys);
    }
  });

  it('finds the nearest of a key that lies across the pages it reads, and reads a bounded number of them', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await a.memory.set({ key: 'm', value: 1 });
    await a.memory.set({ key: 'm', value: 2, level: 'team' });
    const fill = (first: string, count: number) =>
      execute(
        rookery,
        `INSERT INTO memory (project_id, namespace, key, scope, level, owner, author, revision, seq, created_at,
           updated_at, value)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
         SELECT 'default', 'default', '${first}' || CAST(100000 + n AS TEXT), 'project', 'project', 'x', 'x', 1, 1, 1, 1, '1'
         FROM numbers`,
      );
    // The store is read a thousand rows at a time: the two rows of "m" are the last of one page and the first of the next.
    await fill('a', 999);
    const { keys } = await a.memory.keys({ pattern: '*m' });
    expect(keys.map(({ key, level }) => [key, level])).toEqual([['m', 'team']]);
    await fill('b', 10_500);
    const first = await a.memory.keys({ pattern: '*m' });
    expect(first).toEqual({ keys: [], nextCursor: expect.stringMatching(/^b/) });
    const second = await a.memory.keys({ pattern: '*m', cursor: first.nextCursor! });
    expect(second.keys.map(({ key }) => key)).toEqual(['m']);
    expect(second.nextCursor).toBeNull();
  });

  it('notes reads of closed audiences once a minute, and those of open ones never', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await a.memory.set({ key: 'k', value: 1, level: 'private' });
    await a.memory.set({ key: 'p', value: 1 });
    const reads = async () =>
      (
        await select<{ operation: string }>(
          rookery,
          "SELECT operation FROM audit_log WHERE agent_id = 'a' AND operation IN ('memory.get', 'memory.keys')",
        )
      ).map(({ operation }) => operation);
    await a.memory.get({ key: 'p' });
    expect(await reads()).toEqual([]);
    for (let i = 0; i < 5; i++) await a.memory.get({ key: 'k' });
    await a.memory.keys();
    expect(await reads()).toEqual(['memory.get', 'memory.keys']);
  });
}
