import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort, onRedis } from '../engines/redis.ts';
import { run, temporaryFolder } from '../support/processes.ts';
import { dumpOf } from '../support/redis.ts';

const hidden = [
  ...['security audit clean', 'auth-middleware.js', 'Authentication phase meets requirements'],
  ...['Tests passing, security clean', 'Implement OAuth2 integration'],
  ...['Add rate limiting middleware', 'Session management optimization'],
  ...['Create backlog items', 'Transition to profile management phase', 'Update project roadmap'],
];

async function printed(redisPort: number) {
  const path = join(temporaryFolder(), 'cfn-loop-memory.db');
  const env = { SQLITE_DB_PATH: path, TEST_REDIS_PORT: String(redisPort) };
  const child = await run('test/seeds/children/loop-printed.mjs', [], env);
  expect(child.stderr).not.toMatch(/Error|0\.85|audit clean|Authentication phase/);
  const lines = child.stdout.trim().split('\n');
  expect(lines[0]).toBe('Consensus achieved: 0.92');
  return { path, answer: JSON.parse(lines.at(-1)!) };
}

const example1 = {
  ...{ agentId: 'coder-1', confidence: 0.85, reasoning: 'All tests passing, security audit clean' },
  ...{ blockers: [], timestamp: expect.any(Number), phase: 'auth', iteration: 1 },
  metadata: { filesModified: ['auth.js', 'auth-middleware.js'], testsRun: 25, testsPassed: 25 },
};

function assertAnswers(answer: Record<string, never>): void {
  expect(answer).toMatchObject({
    consensus: {
      consensusId: 'consensus-1',
      currentScore: 0.92,
      validationResults: [{ validatorId: 'validator-1' }],
    },
    confidences: [example1],
    ...{ others: [], hidden: [], unknown: null, migrated: [] },
    history: [{ eventType: 'terminate' }, { eventType: 'confidence_update' }, { eventType: 'spawn' }],
    lifecycle: {
      lifecycleEvents: 3,
      agentRegistrations: 1,
      confidenceUpdates: 1,
      agentTerminations: 1,
      errors: 0,
    },
    decisions: [{ decision: 'DEFER', loop3Confidence: 0.87, loop2Consensus: 0.92 }],
  });
}

function found(path: string): string[] {
  const files = [path, `${path}-wal`].filter(existsSync);
  const bytes = Buffer.concat(files.map((file) => readFileSync(file)));
  return hidden.filter((phrase) => bytes.includes(phrase));
}

onRedis('seed 000, examples 1 to 4 as printed, with Redis', (server) => {
  it('[CF-C01, CF-C04, CF-C05, CF-C06, CF-C08]', async () => {
    const client = server().client();
    await client.set('existing', 'untouched');
    const { path, answer } = await printed(server().port);
    assertAnswers(answer);
    expect(answer.afterOne).toMatchObject({
      dualWrites: 1,
      redisWrites: 1,
      sqliteWrites: 1,
      dualWriteFailures: 0,
    });
    expect(answer.metrics).toMatchObject({ dualWrites: 7, redisWrites: 7, dualWriteFailures: 0 });
    const dump = await dumpOf(client);
    const texts = [...dump.values()].join('\n');
    expect(hidden.filter((phrase) => texts.includes(phrase))).toEqual([]);
    expect(dump.get('existing')).toBe('untouched');
    expect(dump.has('cfn/phase-auth/loop3/confidence/coder-1')).toBe(true);
    expect(found(path)).toEqual([]);
  });
});

it('seed 000, examples 1 to 4 as printed, with Redis unreachable [CF-C01, CF-C04, CF-C05, CF-C06, CF-C08]', async () => {
  const { path, answer } = await printed(await freePort());
  assertAnswers(answer);
  expect(answer.metrics).toMatchObject({
    dualWrites: 7,
    sqliteWrites: 7,
    redisWrites: 0,
    dualWriteFailures: 7,
  });
  expect(found(path)).toEqual([]);
});
