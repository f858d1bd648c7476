import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort, onRedis } from '../engines/redis.ts';
import { ended, root, startProgram, temporaryFolder } from '../support/processes.ts';

const printed = readFileSync(join(root, 'test/seeds/children/claude-flow-printed.cjs'), 'utf8');
const specifier = "'../../../src/doors/claude-flow/index.ts'";
const door = join(root, 'src/doors/claude-flow/index.ts');

interface Seen {
  readonly value: string;
  readonly other: null;
  readonly agent: Readonly<Record<string, unknown>>;
  readonly may: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: results of a benchmark as JSON
  readonly results: any;
  // biome-ignore lint/suspicious/noExplicitAny: results of a benchmark as JSON
  readonly second: any;
  readonly stats: Readonly<Record<string, number>>;
  readonly fired: readonly string[];
  readonly components: readonly string[];
  readonly user: unknown;
  readonly members: readonly unknown[];
}

/** Runs the seed's examples in a folder of their own, as CommonJS or as a module. */
async function run(form: 'require' | 'import', redisPort: number) {
  const folder = temporaryFolder();
  const script = join(folder, form === 'require' ? 'printed.cjs' : 'printed.mjs');
  const line = /^ *const \{ SQLiteMemorySystem \} = require\(.*\);$/gm;
  writeFileSync(
    script,
    form === 'require'
      ? printed.replaceAll(specifier, `'${door}'`)
      : `import { SQLiteMemorySystem } from '${door}';\n${printed.replaceAll(line, '')}`,
  );
  const program = ['/bin/sh', '-c', `cd '${folder}' && exec '${process.execPath}' '${script}'`];
  const child = startProgram(program, { TEST_REDIS_PORT: String(redisPort), TEST_ITERATIONS: '30' });
  const lines: string[] = [];
  for await (const text of child.lines) lines.push(text);
  expect(await ended(child.process), child.stderr()).toBe(0);
  const seen = JSON.parse(lines.at(-1)!.replace('SEEN ', '')) as Seen;
  const bytes = ['swarm-memory.db', 'swarm-memory.db.key'].map((name) => readFileSync(join(folder, name)));
  return { seen, lines, errors: child.stderr(), bytes: Buffer.concat(bytes) };
}

function check({ seen, lines, errors, bytes }: Awaited<ReturnType<typeof run>>): void {
  expect(seen.value).toBe('secret-value');
  expect(seen.other).toBeNull();
  expect(seen.agent).toMatchObject({
    ...{
      id: 'agent-1',
      name: 'Backend Developer',
      type: 'backend-dev',
      status: 'active',
      swarmId: 'my-swarm',
    },
    ...{ capabilities: ['api', 'database', 'security'], teamId: null, aclLevel: 2 },
    performanceMetrics: { tasksCompleted: 0, averageConfidence: 0, responseTime: 0, errorRate: 0 },
  });
  expect(seen.may).toBe(true);
  for (const results of [seen.results, seen.second]) {
    expect(results.basic_operations.set.avg).toBeGreaterThan(0);
    expect(results.concurrent_operations.concurrent_gets.opsPerSecond).toBeGreaterThan(0);
    expect(results.acl_performance.cache_hit_rate).toBeGreaterThan(0);
    expect(results.acl_performance.cache_hit_rate).toBeLessThanOrEqual(1);
    expect(results.configuration.testIterations).toBe(30);
  }
  expect(seen.second.concurrent_operations.concurrent_sets.workers).toBe(20);
  // One private entry: the benchmark left nothing behind.
  expect(seen.stats).toMatchObject({ total_memory_entries: 1, encrypted_entries: 1 });
  expect(seen.fired).toEqual(
    expect.arrayContaining(['initialized', 'agentRegistered', 'memoryOperation', 'benchmarksCompleted']),
  );
  expect([...seen.components].sort()).toEqual([
    ...['agentRegistry', 'memoryAdapter', 'memoryManager', 'redisCoordinator'],
  ]);
  expect(seen.user).toEqual({ name: 'John Doe', email: 'john@example.com' });
  expect(seen.members).toEqual(
    expect.arrayContaining([
      ['Backend Developer', true],
      ['Frontend Developer', true],
    ]),
  );
  expect(seen.members).toHaveLength(2);
  expect(lines.slice(0, -1).join('\n')).not.toMatch(/NaN|undefined/);
  expect(errors).toMatch(/debug SQLiteMemorySystem: set in swarm-memory at level 1/);
  expect(errors + lines.join('\n')).not.toContain('a-value-to-be-kept');
  expect(bytes.includes('secret-value')).toBe(false);
}

/** Five systems and four benchmarks in one process: seconds on a quiet machine, a minute on a busy one. */
const timeoutMs = 150_000;

onRedis('seed 001 as printed, with Redis', (server) => {
  it(
    'runs with require [CF-R01] [CF-C20] [CF-C22] [CF-C23] [CF-C24] [CF-C26] [CF-C27] [CF-C28] [CF-C29] [CF-C30]',
    async () => {
      const outcome = await run('require', server().port);
      check(outcome);
      expect(outcome.seen.fired).toContain('redisConnected');
    },
    timeoutMs,
  );
});

it(
  'runs seed 001 as printed with import, where no Redis listens, and the process ends by itself [CF-C25]',
  async () => {
    const outcome = await run('import', await freePort());
    check(outcome);
    expect(outcome.seen.fired).not.toContain('redisConnected');
    expect(outcome.errors).toMatch(/Redis at localhost:\d+\/0 is away/);
  },
  timeoutMs,
);
