import { openRookery } from '../../src/rookery.ts';
import { hasRedis, RedisServer } from '../../test/engines/redis-server.ts';
import { atMost, type Bench, concurrently, count, type NotRun, type Row, withFolder } from '../measure.ts';
import { callers, noteOf } from '../stores.ts';

/** From the call until the value is on disk and in Redis; the two halves apart. The target of seed 000 is 60 ms. */
export const dualWriteBenches: readonly Bench[] = (['project', 'private'] as const).map((level) => ({
  name: `dual write, ${level}, ${callers} callers`,
  async run(scale): Promise<Row | NotRun> {
    if (!hasRedis) return { name: this.name, reason: 'redis-server is not on this machine' };
    const redis = await RedisServer.start();
    try {
      return await withFolder(async (path) => {
        await using rookery = await openRookery({ path, redis: redis.url, dualWrite: true });
        const { memory } = rookery.as('coder-1');
        const write = (round: string) => (i: number) =>
          memory.set({ key: `${round}/${i}`, value: noteOf(i), level });
        await concurrently(callers, count(1000, scale), write('warm'));
        const microseconds = await concurrently(callers, count(20_000, scale), write('measured'));
        const { dualWriteLatency, redisLatency, sqliteLatency, dualWriteFailures } = rookery.live.metrics()!;
        const halves = `store ${sqliteLatency.p95.toFixed(2)} ms, Redis ${redisLatency.p95.toFixed(2)} ms p95`;
        return {
          name: this.name,
          microseconds,
          measured: { value: dualWriteLatency.p95, unit: 'ms p95' },
          target: atMost(5),
          note: `${halves}; ${dualWriteFailures} failed`,
        };
      });
    } finally {
      await redis.stop();
    }
  },
}));
