import { parseArgs } from 'node:util';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { hasRedis, RedisServer } from '../../test/engines/redis-server.ts';
import { nextMessage, startChild } from '../child.ts';
import { percentile, withFolder } from '../measure.ts';
import { findings, megabytes, sum } from './check.ts';
import { group, type Outcome, stream } from './load.ts';

const usage = `Usage: npm run soak -- [--seconds 180] [--agents 200] [--processes 5] [--no-redis] [--json]

A fleet at work: agents in several processes on one store, with everything at once (memory, mail, locks, signals, tasks),
written to Redis as well, which is killed twice and comes back empty. At the end everything that was acknowledged is
compared with what is there. Exit status 1 when anything was lost or done twice.`;

interface Finished {
  readonly outcome: Outcome;
  readonly metrics: { readonly dualWrites: number; readonly dualWriteFailures: number } | undefined;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '180' },
    agents: { type: 'string', default: '200' },
    processes: { type: 'string', default: '5' },
    redis: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowNegative: true,
});

if (values.help) console.log(usage);
else await withFolder(soak);

async function soak(folder: string): Promise<void> {
  const [seconds, agents, processes] = [values.seconds, values.agents, values.processes].map(Number) as [
    number,
    number,
    number,
  ];
  const redis = values.redis && hasRedis ? await RedisServer.start() : undefined;
  try {
    await using rookery = await openRookery({ path: folder, ...(redis && { redis: redis.url }) });
    await rookery.mail.create({ stream });
    await rookery.mail.join({ stream, group });
    const finished = await run(folder, redis, { seconds, agents, processes });
    const found = await findings(
      rookery,
      finished.map(({ outcome }) => outcome),
    );
    if (redis) found.push(...(await redisFindings(rookery)));
    report(finished, found, { seconds, folder });
  } finally {
    await redis?.stop();
  }
}

async function run(
  folder: string,
  redis: RedisServer | undefined,
  { seconds, agents, processes }: { seconds: number; agents: number; processes: number },
): Promise<Finished[]> {
  const each = String(Math.ceil(agents / processes));
  const workers = Array.from({ length: processes }, (_, i) =>
    startChild('soak/worker.ts', folder, redis?.url ?? '-', String(i), each, String(seconds)),
  );
  try {
    await Promise.all(workers.map((worker) => nextMessage(worker)));
    const outcomes = Promise.all(workers.map((worker) => nextMessage<Finished>(worker)));
    for (const worker of workers) worker.send('go');
    if (redis) await Promise.race([outcomes, restarts(redis, seconds)]);
    return await outcomes;
  } finally {
    for (const worker of workers) worker.kill();
  }
}

/** Kills Redis after a third and after two thirds of the time; it stays away for a moment and comes back empty. */
async function restarts(redis: RedisServer, seconds: number): Promise<void> {
  for (let restart = 1; restart <= 2; restart++) {
    await pause((seconds / 3) * 1000);
    await redis.kill();
    await pause(Math.min(3000, seconds * 20));
    await redis.restart();
    process.stderr.write(`  Redis was killed and is back, empty (${restart} of 2)\n`);
  }
}

/** Redis has caught up with the ledger. */
async function redisFindings(rookery: Rookery): Promise<string[]> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const { lag, filling } = await rookery.live.status();
    if (lag === 0 && !filling) return [];
    await pause(100);
  }
  const { lag, lastError } = await rookery.live.status();
  return [`Redis is ${lag} entries behind 30 s after the end: ${lastError}`];
}

function report(
  finished: readonly Finished[],
  found: readonly string[],
  { seconds, folder }: { seconds: number; folder: string },
): void {
  const outcomes = finished.map(({ outcome }) => outcome);
  const operations = sum(outcomes, (outcome) => outcome.operations);
  const kinds = [...new Set(outcomes.flatMap(({ latencies }) => Object.keys(latencies)))].sort();
  const rows = kinds.map((kind) => {
    const sample = outcomes.flatMap(({ latencies }) => latencies[kind] ?? []);
    return {
      kind,
      p50: percentile(sample, 0.5),
      p95: percentile(sample, 0.95),
      p99: percentile(sample, 0.99),
    };
  });
  const failures = totals(outcomes.map((outcome) => outcome.failures));
  const dual = totals(finished.flatMap(({ metrics }) => (metrics ? [counted(metrics)] : [])));
  const summary = {
    seconds,
    processes: finished.length,
    operations,
    operations_per_second: Math.round(operations / seconds),
    megabytes: megabytes(folder),
    failures,
    dual,
    findings: found,
  };
  process.exitCode = found.length > 0 ? 1 : 0;
  if (values.json) {
    console.log(JSON.stringify({ ...summary, latencies: rows }));
    return;
  }
  console.log('\nms                     p50     p95     p99');
  for (const { kind, p50, p95, p99 } of rows)
    console.log(`${kind.padEnd(20)}${[p50, p95, p99].map((value) => value.toFixed(1).padStart(8)).join('')}`);
  console.log(
    `\n${operations.toLocaleString('en')} operations in ${seconds} s (${summary.operations_per_second}/s), ${summary.megabytes} MB on disk`,
  );
  console.log(`refused: ${JSON.stringify(failures)}\ndual writes: ${JSON.stringify(dual)}`);
  console.log(found.length === 0 ? 'nothing lost, nothing done twice' : found.slice(0, 20).join('\n'));
}

function counted({ dualWrites, dualWriteFailures }: NonNullable<Finished['metrics']>) {
  return { dualWrites, dualWriteFailures };
}

function totals(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const record of records)
    for (const [name, value] of Object.entries(record)) total[name] = (total[name] ?? 0) + value;
  return total;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
