import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { type Bench, compared, concurrently, count, inTurn, withFolder } from '../measure.ts';
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

/** A Redis server of our own on a free port, with every write on disk before it is answered. */
async function withRedis<T>(
  name: string,
  use: (redis: Redis) => Promise<T>,
): Promise<T | { name: string; reason: string }> {
  return await withFolder(async (folder) => {
    const port = await freePort();
    const settings = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const server = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...settings],
      { stdio: 'ignore' },
    );
    try {
      await once(server, 'spawn');
    } catch {
      return { name, reason: 'redis-server is not on this machine' };
    }
    const redis = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null });
    redis.on('error', () => {}); // it is not up yet: the client tries again
    try {
      await redis.ping();
      return await use(redis);
    } finally {
      redis.disconnect();
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
    }
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
