import { writeSync } from 'node:fs';
import { Redis } from 'ioredis';
import { openFolder } from '../../../src/folder.ts';
import type { Engine } from '../../../src/kernel/engine.ts';
import { SqliteEngine } from '../../../src/kernel/engines/sqlite/engine.ts';
import type { Work } from '../../../src/kernel/work.ts';
import { openOver } from '../../../src/rookery.ts';
import { until } from '../../support/until.ts';

/**
 * Writes a few values, prints the name of each once it is acknowledged, and strikes at one point of the way to Redis: the
 * third time it comes there. `redis-first` does it the wrong way round: Redis before the database.
 */
const [path, port, point, victims, redisPid, way] = process.argv.slice(2) as [string, ...string[]];
const writes = 8;
let countdown = 3;

/** Ends what is to be ended: `application`, `redis`, `both` or the connection. */
function strike(here: string): void {
  if (here !== point || --countdown !== 0) return;
  if (victims === 'redis' || victims === 'both') process.kill(Number(redisPid), 'SIGKILL');
  if (victims === 'application' || victims === 'both') process.kill(process.pid, 'SIGKILL');
  if (victims === 'network') client.stream.destroy();
}

const client = new Redis({ port: Number(port), retryStrategy: () => 20, maxRetriesPerRequest: 0 });
client.on('error', () => {}); // it is away: the client tries again
const call = client.call.bind(client);
client.call = (async (...command: Parameters<typeof call>) => {
  const carries = String(command[0]).startsWith('EVAL') && command.length > 10;
  if (carries) strike('before push');
  const answer = await call(...command);
  if (carries) strike('after push');
  return answer;
}) as typeof call;

/** Notes whether a work stores the relay's position. */
function* watched<T>(work: Work<T>, seen: { settles: boolean }): Work<T> {
  let step = work.next();
  while (!step.done) {
    if (step.value.statement.sql.includes('UPDATE relays')) seen.settles = true;
    step = work.next(yield step.value);
  }
  return step.value;
}

const { file, ...secrets } = openFolder(path, {});
const sqlite = new SqliteEngine(file);
const engine = new Proxy(sqlite as Engine, {
  get: (target, name) => {
    const member = Reflect.get(target, name) as unknown;
    if (name !== 'transact') return typeof member === 'function' ? member.bind(target) : member;
    return async <T>(work: () => Work<T>): Promise<T> => {
      const seen = { settles: false };
      strike('before commit');
      const value = await sqlite.transact(() => watched(work(), seen));
      strike('after commit');
      if (seen.settles) strike('after settling');
      return value;
    };
  },
});
const rookery = await openOver({ engine, ...secrets }, { redis: client });
if (way === 'right')
  await until('connected', async () => (await rookery.live.status()).state === 'connected');
for (let i = 0; i < writes; i++) {
  if (way === 'redis-first') await client.set(`rookery:default:memory:project:default/k${i}`, i);
  await rookery.memory.set({ key: `k${i}`, value: i });
  writeSync(1, `k${i}\n`);
  strike('after acknowledgement');
  const { state } = await rookery.live.status();
  // The position is stored with a later commit.
  if (state === 'connected') await rookery.live.passed('default', i + 2, 500);
  if (point === 'after settling') await new Promise((resolve) => setTimeout(resolve, 60));
}
await rookery.close();
client.disconnect();
