import type { Redis } from 'ioredis';
import { hasRedis, RedisServer } from '../../test/engines/redis-server.ts';
import { type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

export const redisBenches: readonly Bench[] = [
  {
    name: 'memory.set against Redis SET, both durable',
    run(scale) {
      return withRedis(this.name, (redis) =>
        withStore(async ({ rookery }) => {
          const { memory } = rookery.as('coder-1');
          const rows = count(10_000, scale);
          const result = await inTurn(
            scale.rounds,
            (round) =>
              concurrently(callers, rows, (i) => memory.set({ key: `${round}/${i}`, value: noteOf(i) })),
            (round) =>
              concurrently(callers, rows, (i) => redis.set(`${round}/${i}`, JSON.stringify(noteOf(i)))),
          );
          return compared(this.name, result, { floor: 'Redis SET with appendfsync always, 100 callers' });
        }),
      );
    },
  },
  {
    name: 'memory.get against Redis GET',
    run(scale) {
      return withRedis(this.name, (redis) =>
        withStore(async ({ rookery }) => {
          const { memory } = rookery.as('coder-1');
          const keys = count(10_000, scale);
          const key = (i: number) => `task/${i % keys}`;
          await concurrently(callers, keys, (i) => memory.set({ key: key(i), value: noteOf(i) }));
          await concurrently(callers, keys, (i) => redis.set(key(i), JSON.stringify(noteOf(i))));
          const reads = count(30_000, scale);
          const result = await inTurn(
            scale.rounds,
            () => concurrently(callers, reads, (i) => memory.get({ key: key(i) })),
            () =>
              concurrently(callers, reads, async (i) => JSON.parse((await redis.get(key(i)))!) as unknown),
          );
          return compared(this.name, result, { floor: 'Redis GET, 100 callers' });
        }),
      );
    },
  },
];

/** A Redis server of our own, with every write on disk before it is answered. */
async function withRedis<T>(
  name: string,
  use: (redis: Redis) => Promise<T>,
): Promise<T | { name: string; reason: string }> {
  if (!hasRedis) return { name, reason: 'redis-server is not on this machine' };
  const server = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always');
  try {
    return await use(server.client());
  } finally {
    await server.stop();
  }
}
