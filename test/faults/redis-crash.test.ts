import { expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { onRedis, type RedisServer } from '../engines/redis.ts';
import { ended, memory, start, temporaryFolder } from '../support/processes.ts';
import { problemsOf } from '../support/redis.ts';

/** The way of a write: commit, acknowledgement, relay, stored position. */
const points = [
  'before commit',
  'after commit',
  'after acknowledgement',
  'before push',
  'after push',
  'after settling',
] as const;
const victims = ['application', 'redis', 'both', 'network'] as const;

type Cell = readonly [(typeof points)[number], (typeof victims)[number]];

/** With ROOKERY_FAULTS=all every cell; else each point and each victim at least once. */
const everything = process.env['ROOKERY_FAULTS'] === 'all';
const cells: readonly Cell[] = everything
  ? points.flatMap((point) => victims.map((victim): Cell => [point, victim]))
  : [
      ['before commit', 'application'],
      ['after commit', 'both'],
      ['after acknowledgement', 'application'],
      ['before push', 'redis'],
      ['after push', 'application'],
      ['after push', 'network'],
      ['after settling', 'both'],
    ];

/** What is wrong after the fault, once everything is up again. */
async function problemsAfter([point, victim]: Cell, server: RedisServer, way = 'right'): Promise<string[]> {
  const client = server.client();
  await client.flushall();
  const path = temporaryFolder(memory);
  const args = [path, String(server.port), point, victim, String(server.pid), way];
  const child = start('test/faults/children/dual-writer.ts', args);
  const acknowledged: string[] = [];
  for await (const line of child.lines) acknowledged.push(line);
  await ended(child.process);
  const dies = victim === 'application' || victim === 'both';
  const problems: string[] = [];
  if ((child.process.signalCode === 'SIGKILL') !== dies) problems.push(`no fault: ${child.stderr()}`);
  if (victim === 'redis' || victim === 'both') await server.restart();
  await using rookery = await openRookery({ path, redis: server.url });
  for (const key of acknowledged)
    if (!(await rookery.memory.get({ key }))) problems.push(`${key} was acknowledged and is lost`);
  return [...problems, ...(await problemsOf(rookery, client))];
}

onRedis('a fault on the way to Redis', (server) => {
  it.each(cells)('%s, of the %s, loses and repeats nothing [DW1] [DW2] [DW3] [DW4]', async (...cell) => {
    expect(await problemsAfter(cell, server())).toEqual([]);
  });

  it('shows what is nowhere, if Redis comes before the database [DW-x1]', async () => {
    const problems = await problemsAfter(['before commit', 'application'], server(), 'redis-first');
    expect(problems.join('\n')).toContain('is in Redis and not in the store');
  });
});
