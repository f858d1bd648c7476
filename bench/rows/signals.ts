import type { Redis } from 'ioredis';
import { openRookery, type View } from '../../src/rookery.ts';
import { hasRedis, RedisServer } from '../../test/engines/redis-server.ts';
import { nextMessage, startChild } from '../child.ts';
import { type Bench, count, type NotRun, percentile, type Row, withFolder } from '../measure.ts';

const targets = ['answerer-1', 'answerer-2', 'answerer-3', 'answerer-4', 'answerer-5'];

/** From the call of `send` until `wait` answers with the acknowledgements of all five targets. */
export const signalBenches: readonly Bench[] = [
  {
    name: 'signal → 5 acknowledgements, same process',
    run(scale) {
      return withFolder(async (path) => {
        await using rookery = await openRookery({ path });
        const signals = count(300, scale);
        const answering = targets.map((target) => answer(rookery.as(target), signals));
        const latencies = await send(rookery.as('issuer'), signals);
        await Promise.all(answering);
        return latencyRow(this.name, latencies);
      });
    },
  },
  {
    name: 'signal → 5 acknowledgements, other process',
    run(scale) {
      return withFolder(async (path) => {
        await using rookery = await openRookery({ path });
        const signals = count(300, scale);
        const answerers = startChild('answerer.ts', path, String(signals), ...targets);
        try {
          await nextMessage(answerers);
          return latencyRow(this.name, await send(rookery.as('issuer'), signals));
        } finally {
          answerers.kill();
        }
      });
    },
  },
  {
    name: 'signal → 5 acknowledgements, other process over Redis',
    async run(scale): Promise<Row | NotRun> {
      if (!hasRedis) return { name: this.name, reason: 'redis-server is not on this machine' };
      const redis = await RedisServer.start();
      try {
        return await withFolder(async (path) => {
          await using rookery = await openRookery({ path, redis: redis.url });
          const signals = count(300, scale);
          const answerers = startChild('redis-answerer.ts', path, redis.url, String(signals), ...targets);
          const heard = await hearingOn(redis.client());
          try {
            await nextMessage(answerers);
            return latencyRow(this.name, await send(rookery.as('issuer'), signals, heard));
          } finally {
            answerers.kill();
          }
        });
      } finally {
        await redis.stop();
      }
    },
  },
];

/**
 * One signal after the other, with a pause between them; answers how many milliseconds each took to be answered. With
 * `heard`, the issuer is told of acknowledgements by it, and asks the store once all have come.
 */
async function send(
  { signals }: View,
  total: number,
  heard?: (signal: string) => Promise<void>,
): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; i < total; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2 + (i % 5)));
    const started = performance.now();
    const { id } = await signals.send({ type: 'status', targets, payload: { round: i } });
    await heard?.(id);
    const answered = await signals.wait({ signal: id, waitMs: heard ? 0 : 10_000 });
    if (answered?.state !== 'complete') throw new Error(`signal ${i} was not answered by all`);
    latencies.push(performance.now() - started);
  }
  return latencies;
}

/** Hears of acknowledgements in Redis; answers how to wait until one signal has those of all targets. */
async function hearingOn(redis: Redis): Promise<(signal: string) => Promise<void>> {
  const acked = new Map<string, number>();
  let news = Promise.withResolvers<void>();
  redis.on('message', (_, message) => {
    const { action, entity_id: signal } = JSON.parse(message) as { action: string; entity_id: string };
    if (action === 'signal_ack_sent') acked.set(signal, (acked.get(signal) ?? 0) + 1);
    news.resolve();
    news = Promise.withResolvers();
  });
  await redis.subscribe('blocking:audit');
  return async (signal) => {
    while ((acked.get(signal) ?? 0) < targets.length) await news.promise;
  };
}

/** Acknowledges signals as they come, so many of them. */
export async function answer({ signals }: View, total: number): Promise<void> {
  for (let [answered, after] = [0, 0]; answered < total; ) {
    const page = await signals.receive({ after, waitMs: 10_000 });
    for (const { id } of page.signals) await signals.acknowledge({ signal: id });
    answered += page.signals.length;
    after = page.next;
  }
}

function latencyRow(name: string, latencies: readonly number[]): Row {
  return {
    name,
    microseconds: percentile(latencies, 0.5) * 1000,
    measured: { value: percentile(latencies, 0.95), unit: 'ms p95' },
    note: 'µs/op is the median; three commits one after the other are part of it: signal, acknowledgements, wait',
  };
}
