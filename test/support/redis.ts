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
