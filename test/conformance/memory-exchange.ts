import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { hasLz4 } from '../../src/kernel/vault/codecs.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entriesOf, execute, select } from '../support/statements.ts';

const forbidden = { code: 'FORBIDDEN' };

/** Reading and replacing in one step, kinds of data, statistics, and how values are compressed. */
export function memoryExchangeSuite(harness: Harness): void {
  it('answers what a key held and replaces or deletes it in one step', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a').memory;
    expect(await a.getset({ key: 'k', value: 1 })).toEqual({ value: null, existed: false, revision: 1 });
    expect(await a.getset({ key: 'k', value: null, ttl: 1 })).toEqual({
      value: 1,
      existed: true,
      revision: 2,
    });
    expect(await a.getset({ key: 'k', value: 3 })).toMatchObject({ value: null, existed: true });
    await a.set({ key: 'k', value: 4, ttl: 1 });
    clock.advance(1000);
    expect(await a.getset({ key: 'k', value: 5 })).toMatchObject({ value: null, existed: false });
    await expect(a.getdel({ key: 'k', expectedRevision: 1 })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
    expect(await a.getdel({ key: 'k' })).toMatchObject({ value: 5, revision: 5 });
    expect(await a.getdel({ key: 'k' })).toBeNull();
    expect(await a.get({ key: 'k' })).toBeNull();
  });

  it('replaces for exactly one of many who ask, and shows nobody what they may not read', async () => {
    const rookery = await harness.open();
    const views = Array.from({ length: 20 }, (_, i) => rookery.as(`a${i}`).memory);
    const got = await Promise.all(views.map((memory, i) => memory.getset({ key: 'k', value: i })));
    const left = (await rookery.memory.get({ key: 'k' }))!.value;
    const seen = [...got.map(({ value }) => value), left].filter((value) => value !== null);
    expect([...seen].sort()).toEqual(views.map((_, i) => i).sort());
    const [owner, other] = [rookery.as('owner'), rookery.as('other')];
    await owner.memory.set({ key: 's', value: 'secret', level: 'private' });
    const theirs = { key: 's', level: 'private', audience: 'owner' } as const;
    await expect(other.memory.getset({ ...theirs, value: 1 })).rejects.toMatchObject(forbidden);
    expect(await other.memory.getdel(theirs)).toBeNull();
    expect(await other.memory.strlen(theirs)).toEqual({ length: 0 });
    // Who may write and not read gets nothing out by writing.
    await owner.access.grant({ agent: 'other', acts: ['write'], resource: 'memory', ttl: 60 });
    await other.memory.set({ ...theirs, value: 'changed' });
    await expect(other.memory.getset({ ...theirs, value: 1 })).rejects.toMatchObject(forbidden);
    expect((await owner.memory.get({ key: 's' }))?.value).toBe('changed');
    await expect(other.memory.append({ ...theirs, text: '' })).rejects.toMatchObject(forbidden);
    await owner.memory.set({ key: 's', value: 4242, level: 'private' });
    await expect(other.memory.incr({ ...theirs, by: 0 })).rejects.toMatchObject(forbidden);
    await expect(other.memory.decr({ ...theirs, by: 0 })).rejects.toMatchObject(forbidden);
  });

  it('tells lengths, and keeps what kind of data an item is', async () => {
    const rookery = await harness.open();
    const { memory } = rookery;
    await memory.set({ key: 'text', value: 'äö😀', type: 'cache', ttl: 60 });
    await memory.set({ key: 'list', value: [1, 2] });
    const length = async (key: string) => (await memory.strlen({ key })).length;
    expect([await length('text'), await length('list'), await length('none')]).toEqual([4, 5, 0]);
    expect((await memory.append({ key: 'text', text: '!' })).length).toBe(5);
    expect(await memory.get({ key: 'text' })).toMatchObject({ type: 'cache', value: 'äö😀!' });
    expect((await memory.get({ key: 'list' }))?.type).toBe('data');
    expect((await memory.set({ key: 'text', value: '', type: 'session' })).type).toBe('session');
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await execute(rookery, "UPDATE memory SET type = 'artifact' WHERE key = 'list'");
    expect((await rookery.audit.verify()).findings).toMatchObject([{ kind: 'state-changed' }]);
  });

  it('counts what the caller can read, and everything for an administrator', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a').memory, rookery.as('b').memory];
    const text = 'x'.repeat(5000);
    await a.set({ key: 'private', value: text, level: 'private' });
    await a.set({ key: 'project', value: text, ttl: 1 });
    await a.set({ namespace: 'n', key: 'small', value: 1, encrypt: true });
    await b.set({ key: 'private', value: 1, level: 'private' });
    await b.set({ key: 'gone', value: 1 });
    await b.delete({ key: 'gone' });
    for (let i = 0; i < 3; i++) await a.get({ key: 'private' });
    await b.mget({ keys: ['private', 'project'] });
    const own = { entries: 3, withTtl: 1, compressed: 2, encrypted: 2, accesses: 4 };
    expect(await a.stats()).toMatchObject(own);
    const all = await rookery.memory.stats();
    expect(all).toMatchObject({ entries: 4, withTtl: 1, compressed: 2, encrypted: 3, accesses: 5 });
    expect(all.sizeBytes).toBeGreaterThan(50);
    expect(all.sizeBytes).toBeLessThan(2000);
    expect(await a.stats({ namespace: 'n' })).toMatchObject({ entries: 1, encrypted: 1 });
    clock.advance(1000);
    expect(await a.stats()).toMatchObject({ entries: 2, withTtl: 0 });
    // Written down at close, without a trace in times and revisions, and counted on from there.
    await rookery.close();
    const again = await harness.again({ clock });
    expect((await again.memory.stats()).accesses).toBe(4);
    await again.as('a').memory.get({ key: 'private' });
    expect(await again.as('a').memory.stats()).toMatchObject({ accesses: 4 });
    expect(
      await select(again, "SELECT access_count, revision FROM memory WHERE key = 'private' ORDER BY owner"),
    ).toEqual([
      { access_count: 3, revision: 1 },
      { access_count: 1, revision: 1 },
    ]);
    expect((await again.audit.verify()).findings).toEqual([]);
  });

  it('purges namespaces for the system audience alone', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'root', system: true });
    const [a, root] = [rookery.as('a').memory, rookery.as('root').memory];
    for (const namespace of ['x', 'y'])
      await a.set({ namespace, key: 'k', value: 1, level: namespace === 'x' ? 'private' : 'team' });
    await expect(a.purge({ namespace: 'x' })).rejects.toMatchObject(forbidden);
    expect(await root.purge({ namespace: 'x' })).toEqual({ deleted: 1, more: false });
    expect(await a.get({ namespace: 'x', key: 'k' })).toBeNull();
    expect((await a.get({ namespace: 'y', key: 'k' }))?.value).toBe(1);
    expect(await root.purge({})).toEqual({ deleted: 1, more: false });
    const purges = (await entriesOf(rookery)).filter(({ op }) => op === 'memory.purge');
    expect(purges.map(({ decision, actor }) => [decision, actor])).toEqual([
      ['deny', 'a'],
      ['allow', 'root'],
      ['allow', 'root'],
    ]);
  });

  it('compresses above the chosen length with the chosen codec, and reads what any has written', async () => {
    expect(hasLz4()).toBe(true);
    const value = { text: 'all work and no play '.repeat(20), noise: randomBytes(40).toString('hex') };
    const write = async (key: string, open: typeof harness.open, compression: object) => {
      const rookery = await open({ compression });
      await rookery.memory.set({ key, value });
      await rookery.memory.set({ key: `${key}-sealed`, value, level: 'private' });
    };
    await write('plain', harness.open, {});
    await write('zstd', harness.again, { thresholdBytes: 100 });
    await write('lz4', harness.again, { codec: 'lz4', thresholdBytes: 100 });
    const rookery = await harness.again();
    const rows = await select<{ key: string; sealed: Uint8Array | null }>(
      rookery,
      'SELECT key, sealed FROM memory ORDER BY key',
    );
    expect(rows.map(({ key, sealed }) => [key, sealed && [...sealed.slice(3, 5)]])).toEqual([
      ['lz4', [0, 2]],
      ['lz4-sealed', [1, 2]],
      ['plain', null],
      ['plain-sealed', [1, 0]],
      ['zstd', [0, 1]],
      ['zstd-sealed', [1, 1]],
    ]);
    for (const { key } of rows) expect((await rookery.memory.get({ key }))?.value).toEqual(value);
    for (const compression of [{ codec: 'gzip' as never }, { thresholdBytes: -1 }]) {
      await expect(harness.again({ compression })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    }
  });

  it('gives space back and goes on', async () => {
    const rookery = await harness.open();
    const { engine } = rookery.store;
    await rookery.memory.set({ key: 'k', value: randomBytes(200_000).toString('hex') });
    await rookery.memory.set({ key: 'k', value: 1 });
    await Promise.all([
      engine.optimize({ vacuum: true, analyze: true }),
      rookery.memory.incr({ key: 'k' }),
      engine.optimize({ vacuum: false, analyze: true }),
    ]);
    expect((await rookery.memory.incr({ key: 'k' })).value).toBe(3);
  });
}
