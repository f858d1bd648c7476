import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, it } from 'vitest';
import {
  ACLLevel,
  MemoryStoreAdapter,
  type MemoryStoreOptions,
  SwarmMemoryManager,
  type SwarmMemoryOptions,
} from '../../src/doors/claude-flow/index.ts';
import { hasLz4 } from '../../src/kernel/vault/codecs.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/processes.ts';
import { entriesOf } from '../support/statements.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const object of opened.splice(0)) await object.close();
});

function swarmMemory(options: SwarmMemoryOptions = {}): SwarmMemoryManager {
  const made = new SwarmMemoryManager(options);
  opened.push(made);
  return made;
}

function memoryStore(options: MemoryStoreOptions = {}): MemoryStoreAdapter {
  const made = new MemoryStoreAdapter(options);
  opened.push(made);
  return made;
}

const file = () => join(temporaryFolder(), 'swarm-memory.db');
const denied = 'Access denied';
const [a1, a2, a3] = ['agent-1', 'agent-2', 'agent-3'].map((agentId) => ({ agentId }));

it('keeps a private entry for its owner alone, over a restart with the same key [CF-C20] [CF-R27]', async () => {
  const dbPath = file();
  const first = swarmMemory({ dbPath, swarmId: 'my-swarm' });
  const stored = await first.set('secret-key', 'secret-value', { ...a1, aclLevel: 1 });
  expect(stored).toEqual({
    ...{ id: 'default:secret-key', key: 'secret-key', value: 'secret-value', aclLevel: 1, version: 1 },
    ...{ projectId: 'default', scope: 'private:agent-1' },
  });
  expect(await first.get('secret-key', a1)).toBe('secret-value');
  expect(await first.get('secret-key', a2)).toBeNull();
  expect(await first.has('secret-key', a2)).toBe(false);
  expect(await first.delete('secret-key', a2)).toBe(false);
  const bytes = Buffer.concat([readFileSync(dbPath), readFileSync(`${dbPath}-wal`)]);
  expect(bytes.includes('secret-value')).toBe(false);
  await first.close();
  const second = swarmMemory({ dbPath, swarmId: 'my-swarm' });
  expect(await second.get('secret-key', a1)).toBe('secret-value');
  expect(await second.delete('secret-key', a1)).toBe(true);
  expect(await second.get('secret-key', a1)).toBeNull();
});

it('scopes a key by audience: nobody overwrites a private one [CF-C21] [CF-R10] [CF-R11]', async () => {
  const memory = swarmMemory({ swarmId: 's' });
  await memory.set('k', 'one', { ...a1, aclLevel: ACLLevel.PRIVATE });
  await memory.set('k', 'two', { ...a2, aclLevel: 'private' });
  await memory.set('k', 'swarm', { ...a2, aclLevel: ACLLevel.SWARM });
  expect(await memory.get('k', a1)).toBe('one');
  expect(await memory.get('k', a2)).toBe('two');
  expect(await memory.get('k', a3)).toBe('swarm');
  expect(await memory.get('k', { ...a1, aclLevel: 3 })).toBe('swarm');
  expect(await memory.get('k', { ...a3, aclLevel: 1 })).toBeNull();
  // Another swarm on the same store has its own.
  const { store } = await memory.session();
  const other = swarmMemory({ store, swarmId: 'other' });
  await other.set('k', 'elsewhere', { agentId: 'b-1', aclLevel: 3 });
  expect(await memory.get('k', a3)).toBe('swarm');
  expect(await other.get('k', { agentId: 'b-1' })).toBe('elsewhere');
  await expect(other.set('k', 'x', { ...a1, aclLevel: 3 })).rejects.toThrow(denied);
});

it('lets team, swarm and project select only what the agent belongs to [CF-R09] [CF-R14]', async () => {
  const memory = swarmMemory({ swarmId: 's' });
  const { store } = await memory.session();
  await store.rookery.fleet.register({ id: 'in-red', team: 'red', swarm: 's' });
  const red = { agentId: 'in-red', teamId: 'red' };
  await memory.set('k', 'red', { ...red, aclLevel: 2 });
  expect(await memory.get('k', red)).toBe('red');
  expect(await memory.get('k', { ...a1, teamId: 'red' })).toBeNull();
  expect(await memory.get('k', { ...a1, teamId: 'red', aclLevel: 2 })).toBeNull();
  await expect(memory.set('k', 'x', { ...a1, teamId: 'red', aclLevel: 2 })).rejects.toThrow(denied);
  await memory.set('k', 'all', { ...a1, aclLevel: 'public' });
  expect(await memory.get('k', a1)).toBe('all');
  for (const select of [{ teamId: 'red' }, { swarmId: 't' }, { projectId: 'p' }]) {
    expect(await memory.get('k', { ...a1, ...select })).toBeNull();
    expect(await memory.has('k', { ...a1, ...select })).toBe(false);
  }
  for (const select of [
    { swarmId: 't', aclLevel: 3 },
    { projectId: 'p', aclLevel: 4 },
  ])
    await expect(memory.set('k', 'x', { ...a1, ...select })).rejects.toThrow(denied);
  const refused = (await entriesOf(store.rookery)).filter(({ op }) => op === 'fleet.foreignProject');
  expect(refused).toMatchObject([{ actor: 'agent-1', decision: 'deny' }]);
  // The owner reads its own after it has left, and no longer writes there.
  await store.rookery.fleet.update({ id: 'in-red', team: null });
  expect(await memory.get('k', red)).toBe('red');
  await expect(memory.set('k', 'x', { ...red, aclLevel: 2 })).rejects.toThrow(denied);
  await expect(memory.set('k', 1, { ...a1, aclLevel: 6 })).rejects.toThrow(
    new RangeError('Invalid aclLevel'),
  );
  const legacy = swarmMemory({ store, aclScheme: 'legacy-6' });
  expect((await legacy.set('l', 1, { ...a1, aclLevel: 5 })).aclLevel).toBe(ACLLevel.PROJECT);
});

it('tells events of keys and levels, and never of a value or of what may not be known [CF-R12] [CF-R26]', async () => {
  const memory = swarmMemory();
  const told: unknown[] = [];
  for (const event of ['initialized', 'get', 'set', 'delete', 'accessDenied', 'aclCacheCleared', 'closed'])
    memory.on(event, (data) => told.push([event, data]));
  await memory.set('k', 'the-secret', { ...a1, aclLevel: 1 });
  await memory.get('k', a1);
  await memory.get('k', a2);
  await memory.get('none', a2);
  await expect(memory.set('k', 'x', { ...a1, aclLevel: 5 })).rejects.toThrow(denied);
  memory.clearACLCache();
  await memory.close();
  expect(JSON.stringify(told)).not.toContain('the-secret');
  const seen = { key: 'k', namespace: 'default', agentId: 'agent-1', aclLevel: 1 };
  expect(told).toEqual([
    ['initialized', { dbPath: ':memory:' }],
    ['set', seen],
    ['get', seen],
    ['get', { ...seen, agentId: 'agent-2', aclLevel: null }],
    ['get', { ...seen, agentId: 'agent-2', key: 'none', aclLevel: null }],
    ['accessDenied', { key: 'k', agentId: 'agent-1', aclLevel: 5, context: { namespace: undefined } }],
    ['aclCacheCleared', undefined],
    ['closed', undefined],
  ]);
});

it('clears for the system role alone, and the id without a role never is it', async () => {
  const memory = swarmMemory();
  for (const [i, aclLevel] of [1, 2, 3, 4].entries())
    await memory.set(`k${i}`, i, { ...a1, aclLevel, namespace: i === 0 ? 'mine' : 'default' });
  const message = 'System-level access required for clear operation';
  await expect(memory.clear()).rejects.toThrow(message);
  await expect(memory.clear(a1)).rejects.toThrow(message);
  expect(await memory.clear({ agentId: 'system', namespace: 'default' })).toBe(3);
  expect(await memory.get('k0', { ...a1, namespace: 'mine' })).toBe(0);
  expect(await memory.clear({ agentId: 'product-owner' })).toBe(1);
  // Bound once: a role that was taken away is not given back by the next opening.
  const { store } = await memory.session();
  await store.rookery.roles.revoke({ agent: 'system', role: 'system', swarm: 'default' });
  await expect(memory.clear({ agentId: 'system' })).rejects.toThrow(message);
  await expect(swarmMemory({ store }).clear({ agentId: 'system' })).rejects.toThrow(message);
});

it('measures what it stores, and encrypts and compresses as told [CF-R05] [CF-R29]', async () => {
  expect(hasLz4()).toBe(true);
  const dbPath = file();
  const memory = swarmMemory({ dbPath, compressionThreshold: 100 });
  const text = 'abc'.repeat(100);
  await memory.set('private', text, { ...a1, aclLevel: 1, encrypt: false });
  await memory.set('swarm', text, { ...a1, aclLevel: 3, ttl: 0, compress: false });
  await memory.set('forced', 'x', { ...a1, aclLevel: 4, encrypt: true, ttl: 0, type: 'artifact' });
  for (let i = 0; i < 6; i++) await memory.get('swarm', a1);
  expect(await memory.getStats()).toMatchObject({
    ...{ total_memory_entries: 3, avg_access_count: 2, entries_with_ttl: 1 },
    ...{ compressed_entries: 1, encrypted_entries: 2 },
  });
  expect(memory.getMetrics()).toMatchObject({
    operations: 9,
    encryptionOperations: 2,
    compressionOperations: 1,
    aclCacheSize: 1,
  });
  const metrics = memory.getMetrics();
  expect(metrics.cacheHitRate).toBeCloseTo(metrics.cacheHits / (metrics.cacheHits + metrics.cacheMisses));
  expect(metrics.averageAccessTime).toBeGreaterThan(0);
  await memory.optimize();
  expect(memory.getMetrics().aclCacheSize).toBe(0);
  await memory.close();
  const db = new DatabaseSync(dbPath, { readOnly: true });
  const rows = db.prepare('SELECT key, type, access_count, sealed FROM memory ORDER BY key').all();
  db.close();
  expect(
    rows.map(({ sealed, ...row }) => ({ ...row, header: [...((sealed ?? []) as Uint8Array)].slice(3, 5) })),
  ).toEqual([
    { key: 'forced', type: 'artifact', access_count: 0, header: [1, 0] },
    { key: 'private', type: 'data', access_count: 0, header: [1, 2] },
    { key: 'swarm', type: 'data', access_count: 6, header: [] },
  ]);
});

it('round-trips every kind of value and every type [CF-R25]', async () => {
  const memory = swarmMemory();
  const values = ['42', 42, true, null, { name: 'John Doe', list: [1, [2]] }, ''];
  for (const type of ['state', 'data', 'cache', 'session', 'artifact'] as const) {
    for (const value of values) {
      await memory.set('k', value, { ...a1, type });
      expect(await memory.get('k', a1)).toEqual(value);
    }
  }
  await expect(memory.set('k', undefined)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await expect(memory.set('k', 1, { type: 'file' as never })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
});

it('lets entries live for their time on the clock of the store [CF-R04]', async () => {
  const clock = new ManualClock();
  const memory = swarmMemory({ clock });
  const adapted = memoryStore({ memoryManager: memory, defaultTTL: 10 });
  await memory.set('day', 1);
  await memory.set('ever', 1, { ttl: 0 });
  await adapted.set('ten', 1);
  await adapted.setex('one', 1, 1);
  clock.advance(1000);
  expect(await adapted.mget(['one', 'ten'])).toEqual([null, 1]);
  clock.advance(9000);
  expect(await adapted.get('ten')).toBeNull();
  expect(await memory.get('day')).toBe(1);
  clock.advance(86_390_000);
  expect([await memory.get('day'), await memory.get('ever')]).toEqual([null, 1]);
});

it('counts exactly with 50 in parallel, and changes nothing where one value is bad [CF-C32]', async () => {
  const clock = new ManualClock();
  const store = memoryStore({ clock });
  const results = await Promise.all(Array.from({ length: 50 }, () => store.incr('n')));
  expect([...results].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  await expect(store.mset({ a: 1, b: Number.NaN })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect(await store.keys()).toEqual(['n']);
  await store.set('t', 'text');
  await expect(store.incr('t')).rejects.toMatchObject({ code: 'NOT_A_NUMBER' });
  expect(await store.get('t')).toBe('text');
  await store.setex('k', 1, 'v');
  await store.set('ever', 'v', { ttl: 0 });
  clock.advance(1100);
  expect([await store.get('k'), await store.get('ever')]).toEqual([null, 'v']);
});

it('sets several from a map, for as long as its manager says', async () => {
  const clock = new ManualClock();
  const store = memoryStore({ memoryManager: swarmMemory({ clock, defaultTTL: 60 }) });
  expect(await store.mset(new Map([['a', 1]]))).toHaveLength(1);
  await store.getset('b', 2);
  expect(await store.mget(['a', 'b'])).toEqual([1, 2]);
  await store.set('ever', 1, { ttl: 0 });
  clock.advance(30_000);
  for (const key of ['a', 'new', 'ever']) await store.incr(key);
  await store.append('text', 'x');
  clock.advance(31_000);
  expect((await store.keys()).sort()).toEqual(['ever', 'new', 'text']);
  await store.append('text', 'y');
  clock.advance(30_000);
  expect(await store.keys()).toEqual(['ever']);
});

it('does what the adapter of the seed documents, in one namespace', async () => {
  const store = memoryStore({ namespace: 'my-app' });
  const told: string[] = [];
  for (const event of [
    'adapterInitialized',
    'setItem',
    'deleteItem',
    'backup',
    'optimized',
    'adapterClosed',
    'get',
  ])
    store.on(event, () => told.push(event));
  const set = await store.mset([
    ['a', 1],
    ['b', 'x'],
  ]);
  expect(set.map(({ key, value, id, version }) => [key, value, id, version])).toEqual([
    ['a', 1, 'my-app:a', 1],
    ['b', 'x', 'my-app:b', 1],
  ]);
  expect(await store.mset({})).toEqual([]);
  expect(await store.mget(['b', 'none', 'a'])).toEqual(['x', null, 1]);
  expect(await store.incrby('a', 4)).toBe(5);
  expect(await store.decr('a')).toBe(4);
  expect(await store.decrby('a', 2)).toBe(2);
  expect(await store.append('b', 'yz')).toBe(3);
  expect(await store.strlen('b')).toBe(3);
  expect(await store.getset('b', [1])).toBe('xyz');
  expect(await store.keys()).toEqual(['b', 'a']);
  expect(await store.keys({ pattern: 'a*' })).toEqual(['a']);
  await store.set('other', 1, { namespace: 'elsewhere' });
  expect(await store.getPattern('*')).toEqual({ a: 2, b: [1] });
  expect(await store.getdel('b')).toEqual([1]);
  expect(await store.getdel('b')).toBeNull();
  expect(await store.has('a')).toBe(true);
  expect(await store.delete('a')).toBe(true);
  expect(await store.delete('a')).toBe(false);
  await expect(store.clear()).rejects.toThrow('System-level access required');
  expect(await store.clear({ agentId: 'system' })).toBe(0);
  expect(await store.clear({ agentId: 'system', clearAll: true })).toBe(1);
  expect(await store.getStats()).toMatchObject({
    total_memory_entries: 0,
    adapter: { namespace: 'my-app', swarmId: 'default', deletes: 2 },
    performance: { operations: expect.any(Number) },
  });
  expect((await store.getStats()).adapter.hitRate).toBeGreaterThan(0.5);
  store.resetMetrics();
  expect((await store.getStats()).adapter.hitRate).toBe(0);
  await store.optimize();
  const backup = await store.backup(temporaryFolder());
  expect(backup).toMatch(/memory-store-backup-my-app-[\dTZ.-]+\.db$/);
  await store.close();
  expect(told).toEqual([
    ...['adapterInitialized', 'setItem', 'deleteItem', 'optimized', 'backup', 'adapterClosed'],
  ]);
});

it('keeps keys, lists and patterns within what the agent may read [CF-R12]', async () => {
  const store = memoryStore();
  await store.set('mine', 1, { ...a1, aclLevel: 1 });
  await store.set('k', 'private', { ...a1, aclLevel: 1 });
  await store.set('k', 'public', { ...a1, aclLevel: 4 });
  expect(await store.keys(a1)).toEqual(['k', 'mine']);
  expect(await store.keys(a2)).toEqual(['k']);
  expect(await store.getPattern('*', a2)).toEqual({ k: 'public' });
  expect(await store.mget(['mine', 'k'], a2)).toEqual([null, 'public']);
  const elsewhere = { ...a2, projectId: 'p' };
  expect(await store.mget(['mine', 'k'], elsewhere)).toEqual([null, null]);
  expect(await store.keys(elsewhere)).toEqual([]);
  expect(await store.getdel('k', elsewhere)).toBeNull();
  expect(await store.strlen('k', elsewhere)).toBe(0);
});

it('backs up what can be opened again, with the key in use beside it where nobody gave one', async () => {
  const folder = temporaryFolder();
  for (const [name, options] of Object.entries({
    memory: {},
    file: { dbPath: join(folder, 'file.db') },
    given: { dbPath: join(folder, 'given.db'), encryptionKey: 'sixteen bytes and more' },
  })) {
    const memory = swarmMemory(options);
    await memory.set('k', name, { ...a1, aclLevel: 1 });
    const copy = await memory.backup(join(folder, 'copies', `${name}.db`));
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const { dbPath: _, ...key } = options as SwarmMemoryOptions;
    expect(await swarmMemory({ dbPath: copy, ...key }).get('k', a1)).toBe(name);
  }
  expect(readdirSync(join(folder, 'copies')).filter((name) => name.endsWith('.db.key'))).toEqual([
    'file.db.key',
    'memory.db.key',
  ]);
});
