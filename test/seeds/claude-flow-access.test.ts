import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { AccessCache } from '../../src/doors/claude-flow/access-cache.ts';
import { Actors } from '../../src/doors/claude-flow/actors.ts';
import { MemoryStoreAdapter, SwarmMemoryManager } from '../../src/doors/claude-flow/index.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { run, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const object of opened.splice(0)) await object.close();
});

async function stores(): Promise<[one: Rookery, two: Rookery]> {
  const path = temporaryFolder();
  const both = [await openRookery({ path }), await openRookery({ path })] as const;
  opened.push(...both);
  await both[0].fleet.register({ id: 'a', team: 'red' });
  return [...both];
}

/** Whether an agent is in the team red, asked through a cache. */
function asking(rookery: Rookery, cache: AccessCache): () => Promise<boolean> {
  const actors = new Actors(rookery, { agentId: 'keeper', swarmId: 'default' });
  return () =>
    cache.decide('a in red', async () => ({
      decision: await actors.belongs({ agentId: 'a' }, 'team', 'red'),
    }));
}

it('keeps a decision until the policy changes: at once in this process, soon in another [CF-R13]', async () => {
  const [one, two] = await stores();
  const cache = new AccessCache(one.store.policy, 'default', 300_000);
  const isMember = asking(one, cache);
  expect([await isMember(), await isMember(), await isMember()]).toEqual([true, true, true]);
  expect([cache.hits, cache.misses]).toEqual([2, 1]);
  await one.fleet.update({ id: 'a', team: null });
  expect(await isMember()).toBe(false);
  await one.fleet.update({ id: 'a', team: 'red' });
  expect(await isMember()).toBe(true);
  await two.fleet.update({ id: 'a', team: null });
  await until('the other process is heard', async () => !(await isMember()), 1000);
});

it('would keep what was revoked if nothing told it that the policy has changed', async () => {
  const [one] = await stores();
  const deaf = new AccessCache({ current: () => 1 } as never, 'default', 300_000);
  const isMember = asking(one, deaf);
  expect(await isMember()).toBe(true);
  await one.fleet.update({ id: 'a', team: null });
  expect(await isMember()).toBe(true);
});

it('keeps a decision no longer than it was told to, nor one that was made while the policy changed', async () => {
  const [one] = await stores();
  const brief = new AccessCache(one.store.policy, 'default', 0);
  const isMember = asking(one, brief);
  expect([await isMember(), await isMember()]).toEqual([true, true]);
  expect(brief.hits).toBe(0);
  const cache = new AccessCache(one.store.policy, 'default', 300_000);
  const ends = () => cache.decide('ends', async () => ({ decision: true, lastsMs: 0 }));
  const moves = () =>
    cache.decide('moves', async () => {
      await one.fleet.update({ id: 'a', team: null });
      return { decision: true };
    });
  for (const ask of [ends, ends, moves, moves]) await ask();
  expect(cache.hits).toBe(0);
  cache.clear();
  expect(cache.size).toBe(0);
});

it('decides each read and write by what the store says then, whatever is kept', async () => {
  const memory = new SwarmMemoryManager({ swarmId: 's' });
  opened.push(memory);
  const { store } = await memory.session();
  await store.rookery.fleet.register({ id: 'a', team: 'red', swarm: 's' });
  await store.rookery.fleet.register({ id: 'b', team: 'red', swarm: 's' });
  await memory.set('k', 1, { agentId: 'a', aclLevel: 2 });
  expect(await memory.get('k', { agentId: 'b', teamId: 'red' })).toBe(1);
  await store.rookery.fleet.update({ id: 'b', status: 'suspended' });
  expect(await memory.get('k', { agentId: 'b' })).toBeNull();
  expect(await memory.get('k', { agentId: 'b', teamId: 'red' })).toBeNull();
  await expect(memory.set('k', 2, { agentId: 'b', aclLevel: 4 })).rejects.toThrow('Access denied');
});

it('is one memory for two processes on a file, and keeps secrets out of every byte of it [CF-C32]', async () => {
  const folder = temporaryFolder();
  const dbPath = join(folder, 'swarm-memory.db');
  const child = 'test/seeds/children/claude-flow-counter.ts';
  const both = await Promise.all([run(child, [dbPath, '25']), run(child, [dbPath, '25'])]);
  const counts = both.flatMap(({ stdout }) => JSON.parse(stdout) as number[]);
  expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  // Neither process closed its store: what they wrote is still there, and nowhere in clear.
  const memory = new MemoryStoreAdapter({ dbPath });
  opened.push(memory);
  expect(await memory.get('n')).toBe(50);
  for (const name of readdirSync(folder))
    expect(readFileSync(join(folder, name)).includes('what-nobody-may-see'), name).toBe(false);
  expect(both.map(({ stderr }) => stderr).join('')).toBe('');
});
