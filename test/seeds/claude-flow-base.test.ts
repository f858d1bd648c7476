import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as fleet from '../../src/domains/fleet/operations.ts';
import * as memory from '../../src/domains/memory/operations.ts';
import { Actors } from '../../src/doors/claude-flow/actors.ts';
import { keyMaterialOf } from '../../src/doors/claude-flow/key-material.ts';
import { ACLLevel, levelFrom, numberOf } from '../../src/doors/claude-flow/levels.ts';
import { type OpenStoreOptions, SharedStore } from '../../src/doors/claude-flow/store.ts';
import { temporaryFolder } from '../support/processes.ts';

const printedKey = () => Buffer.from('32-byte-encryption-key');
const denied = new Error('Access denied');

async function opened(options: Partial<OpenStoreOptions> = {}) {
  const store = await SharedStore.open({ dbPath: ':memory:', ...options });
  const actors = (swarmId: string, projectId?: string) =>
    new Actors(store.rookery, { agentId: 'keeper', swarmId, projectId });
  return { store, actors, [Symbol.asyncDispose]: () => store.release() };
}

it('reads levels as numbers and names, and refuses everything else [CF-R06]', () => {
  expect(ACLLevel).toEqual({ PRIVATE: 1, TEAM: 2, SWARM: 3, PROJECT: 4, SYSTEM: 5 });
  expect([1, 2, 3, 4, 5].map((level) => levelFrom(level))).toEqual([
    'private',
    'team',
    'swarm',
    'project',
    'system',
  ]);
  expect(['Private', 'TEAM', 'public', 'system'].map((level) => levelFrom(level))).toEqual([
    'private',
    'team',
    'project',
    'system',
  ]);
  expect([4, 5, 6].map((level) => levelFrom(level, 'legacy-6'))).toEqual(['project', 'project', 'system']);
  for (const bad of [0, 6, 1.5, -1, '1', 'root', '', null, undefined, {}, Number.NaN, '__proto__']) {
    expect(() => levelFrom(bad)).toThrow(new RangeError('Invalid aclLevel'));
  }
  expect(numberOf('project')).toBe(4);
});

it('stretches a short key with a salt in the file, and opens with that key alone [CF-C24] [CF-R27]', async () => {
  const dbPath = join(temporaryFolder(), 'swarm-memory.db');
  const keys = { agentId: 'a', swarmId: 's' };
  {
    await using first = await opened({ dbPath, encryptionKey: printedKey() });
    await first.actors('s').invoke(memory.set, keys, { key: 'k', value: 'v', level: 'private' });
  }
  expect(existsSync(`${dbPath}.key`)).toBe(false);
  for (const encryptionKey of [Buffer.from('32-byte-encryption-kez'), Buffer.alloc(32, 1)]) {
    await expect(opened({ dbPath, encryptionKey })).rejects.toMatchObject({ code: 'WRONG_KEY' });
  }
  await expect(opened({ dbPath })).rejects.toMatchObject({ code: 'WRONG_KEY' });
  await using again = await opened({ dbPath, encryptionKey: '32-byte-encryption-key' });
  expect(await again.actors('s').invoke(memory.get, keys, { key: 'k' })).toMatchObject({ value: 'v' });
});

it('refuses fewer than 16 bytes with a way to make a good key, and writes nothing', async () => {
  const dbPath = join(temporaryFolder(), 'swarm-memory.db');
  const error = await opened({ dbPath, encryptionKey: Buffer.alloc(15) }).catch((thrown: Error) => thrown);
  expect(String(error)).toMatch(/^Error: Invalid key length: 15 bytes, at least 16 .*randomBytes\(32\)/);
  expect(existsSync(dbPath)).toBe(false);
});

it('refuses another key before anything is written, where 32 bytes or a key file made the store', async () => {
  const dbPath = join(temporaryFolder(), 'swarm-memory.db');
  await (await opened({ dbPath })).store.release();
  expect(statSync(`${dbPath}.key`).mode & 0o777).toBe(0o600);
  const before = statSync(dbPath).mtimeMs;
  await expect(opened({ dbPath, encryptionKey: printedKey() })).rejects.toMatchObject({ code: 'WRONG_KEY' });
  expect(statSync(dbPath).mtimeMs).toBe(before);
  expect(keyMaterialOf(undefined, { SQLITE_ENCRYPTION_KEY: 'from the environment' })).toBe(
    'from the environment',
  );
});

it('opens a file once however many use it, and a memory database for each', async () => {
  const dbPath = join(temporaryFolder(), 'swarm-memory.db');
  const [one, two] = await Promise.all([opened({ dbPath }), opened({ dbPath })]);
  expect(one.store.rookery).toBe(two.store.rookery);
  await one.store.release();
  await one.store.release();
  const third = two.store.share();
  await two.store.release();
  await third.rookery.memory.set({ key: 'k', value: 1 });
  await third.release();
  await expect(third.rookery.memory.get({ key: 'k' })).rejects.toMatchObject({ code: 'CLOSED' });
  await using a = await opened();
  await using b = await opened();
  expect(a.store.rookery).not.toBe(b.store.rookery);
});

it('makes agents in the place of who names them, and members of nothing else [CF-R02] [CF-R14]', async () => {
  await using shared = await opened();
  const actors = shared.actors('alpha');
  await actors.settle();
  await actors.settle();
  const a = { agentId: 'a' };
  await actors.invoke(memory.set, a, { key: 'k', value: 1, level: 'swarm' });
  expect(await actors.administer(fleet.get, { id: 'a' })).toMatchObject({ swarm: 'alpha', type: 'coder' });
  expect(await actors.belongs(a, 'swarm', 'alpha')).toBe(true);
  expect(await actors.belongs(a, 'swarm', 'beta')).toBe(false);
  await expect(
    actors.invoke(memory.set, a, { key: 'k', value: 2, level: 'swarm', audience: 'beta' }),
  ).rejects.toThrow(denied);
  const elsewhere = { agentId: 'a', projectId: 'other' };
  await expect(actors.invoke(memory.set, elsewhere, { key: 'k', value: 3 })).rejects.toThrow(denied);
  expect(await shared.store.rookery.as('z', { project: 'other' }).fleet.get({ id: 'a' })).toBeNull();
  const other = shared.actors('gamma', 'other');
  await other.invoke(memory.set, a, { key: 'k', value: 4 });
  expect(await actors.invoke(memory.get, elsewhere, { key: 'k' })).toMatchObject({ value: 4 });
});

it('binds the ids of the system and the product owner when a swarm is made [CF-R07]', async () => {
  await using shared = await opened();
  const actors = shared.actors('alpha');
  await actors.settle();
  const write = (agentId: string) =>
    actors.invoke(memory.set, { agentId }, { key: agentId, value: 1, level: 'system' });
  await expect(write('a')).rejects.toThrow(denied);
  await expect(write('keeper')).rejects.toThrow(denied);
  await write('system');
  await write('product-owner');
  expect(await actors.invoke(memory.get, { agentId: 'product-owner' }, { key: 'system' })).toMatchObject({
    value: 1,
  });
  expect(await actors.invoke(memory.get, { agentId: 'keeper' }, { key: 'system' })).toBeNull();
});
