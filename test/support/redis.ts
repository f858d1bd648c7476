import type { Redis } from 'ioredis';
import type { Rookery } from '../../src/rookery.ts';
import { until } from './until.ts';

/** Sequence numbers of the entries in the feed, in the order of the stream. */
export async function feedOf(client: Redis, project = 'default'): Promise<number[]> {
  const entries = await client.xrange(`rookery:${project}:feed`, '-', '+');
  return entries.map(([id]) => Number(id.split('-')[0]));
}

/** From one number to another, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Resolves once Redis has everything that the store has recorded, and its hot keys. */
export async function relayed(rookery: Rookery): Promise<number> {
  let head = 0;
  await until('relayed', async () => {
    const status = await rookery.live.status();
    head = status.head;
    return status.lag === 0 && !status.filling && status.state === 'connected' && head > 0;
  });
  return head;
}

/** Every key with everything it holds, as text. */
export async function dumpOf(client: Redis): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const key of await client.keys('*')) {
    const type = await client.type(key);
    const read = { string: 'get', hash: 'hgetall', stream: 'xrange' }[type] ?? 'dump';
    const value = await client.call(read, key, ...(type === 'stream' ? ['-', '+'] : []));
    all.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return all;
}

const hot = 'rookery:default:memory:project:default/';

/**
 * What is wrong with the copy of a store that only has items of the level project, once it has come to rest: gaps,
 * repetitions and disorder of the feed, and hot keys that are not what the store has.
 */
export async function problemsOf(rookery: Rookery, client: Redis): Promise<string[]> {
  const head = await relayed(rookery);
  const feed = await feedOf(client);
  const problems: string[] = [];
  if (JSON.stringify(feed) !== JSON.stringify(range(1, head)))
    problems.push(`the feed has ${feed.length} entries, ${feed[0]} to ${feed.at(-1)} of ${head}`);
  const shown = new Set((await client.keys(`${hot}*`)).map((key) => key.slice(hot.length)));
  const { keys } = await rookery.memory.keys({ limit: 1000 });
  const names = keys.map(({ key }) => key);
  const values = names.length > 0 ? (await rookery.memory.mget({ keys: names })).values : [];
  const hots = names.length > 0 ? await client.mget(names.map((name) => hot + name)) : [];
  names.forEach((name, i) => {
    shown.delete(name);
    const stored = JSON.stringify((values[i] as { value: unknown }).value);
    if (hots[i] !== stored) problems.push(`${name} is ${hots[i]} in Redis and ${stored} in the store`);
  });
  for (const name of shown) problems.push(`${name} is in Redis and not in the store`);
  return problems;
}
