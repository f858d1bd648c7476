import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { ACLLevel, CFNLoopMemoryManager } from '../../src/doors/claude-flow/index.ts';
import { freePort, onRedis, type RedisServer } from '../engines/redis.ts';
import { ManualClock } from '../support/clock.ts';
import { type AuditRow, audits, freshPath, inFile, opened, pathOf, rows } from '../support/loop-door.ts';
import { example1, example2, example3, hidden } from '../support/loop-examples.ts';
import { ended, start } from '../support/processes.ts';
import { dumpOf } from '../support/redis.ts';
import { until } from '../support/until.ts';

const day = 86_400_000;
const key = 'cfn/phase-auth/loop3/confidence/coder-1';
const denied = new Error('Access denied');
const owner = { agentId: 'product-owner', aclLevel: ACLLevel.SYSTEM };
/** The cases that do not look into Redis: with one, and with one that cannot be reached. */
function cases(port: () => Promise<number> | number): void {
  const redis = async () => ({ redisClient: { port: await port() } });

  it('[CF-C01] a confidence is its agent’s alone, and nowhere in clear', async () => {
    await using manager = await opened(await redis());
    const options = { agentId: 'coder-1', aclLevel: ACLLevel.PRIVATE, ttl: 86400 };
    expect(await manager.storeLoop3Confidence(example1, options)).toBeUndefined();
    expect(await manager.getLoop3Confidence('auth', { agentId: 'coder-1' })).toStrictEqual([example1]);
    expect(await manager.getLoop3Confidence('auth', { agentId: 'coder-2' })).toStrictEqual([]);
    const foreign = manager.storeLoop3Confidence(example1, { agentId: 'coder-2' });
    await expect(foreign).rejects.toThrow(denied);
    expect(inFile(pathOf(manager), hidden)).toEqual([]);
    expect(manager.getMetrics().dualWriteLatency.avg).toBeGreaterThan(0);
  });

  it('[CF-C03] validators read through their role, and each read is audited', async () => {
    await using manager = await opened(await redis());
    await using other = await opened({ ...(await redis()), sqliteDbPath: pathOf(manager), swarmId: 'other' });
    await manager.storeLoop3Confidence(example1, { agentId: 'coder-1' });
    const read = (agentId: string) =>
      manager.getLoop3Confidence('auth', { agentId, aclLevel: ACLLevel.SWARM });
    expect(await read('validator-1')).toEqual([]);
    expect(await other.grantRole('validator-2', 'validator')).toMatchObject({ swarmId: 'other' });
    expect(await read('validator-2')).toEqual([]);
    expect(audits(manager, 'role_grant_read')).toEqual([]);
    const role = await manager.grantRole('validator-1', 'validator', {
      grantedBy: 'system',
      reason: 'reviews',
    });
    expect(await read('validator-1')).toStrictEqual([example1]);
    expect(audits(manager, 'role_grant_read')).toMatchObject([
      { category: 'cfn-loop', entity_id: role.id, metadata: JSON.stringify({ owner: 'coder-1', key }) },
    ]);
    const self = manager.grantRole('validator-3', 'validator', { grantedBy: 'validator-3' });
    await expect(self).rejects.toThrow(denied);
    expect(await manager.listRoles('validator-1')).toMatchObject([{ role: 'validator', reason: 'reviews' }]);
    expect(await manager.revokeRole('validator-1', 'validator')).toBe(true);
    expect(await read('validator-1')).toEqual([]);
  });

  it('[CF-C04] the newest consensus, with one row for each vote', async () => {
    await using manager = await opened(await redis());
    await manager.storeLoop2Consensus({ ...example2, consensusId: 'older' }, { agentId: 'validator-1' });
    await manager.storeLoop2Consensus(example2, { agentId: 'validator-1', aclLevel: ACLLevel.SWARM });
    const asked = { agentId: 'product-owner', aclLevel: ACLLevel.SWARM };
    expect(await manager.getLoop2Consensus('auth', asked)).toStrictEqual(example2);
    expect(await manager.getLoop2Consensus('profile', asked)).toBeNull();
    expect(audits(manager, 'validator_vote').map(({ risk_level }) => risk_level)).toEqual(
      Array(2).fill(['medium', 'low']).flat(),
    );
    const votes = rows(
      manager,
      "SELECT validator FROM loop_votes WHERE consensus = 'consensus-1' ORDER BY position",
    );
    expect(votes).toMatchObject([{ validator: 'validator-1' }, { validator: 'validator-2' }]);
  });

  it('[CF-C05] a decision is for the system, leaves tasks, and lives for 365 days', async () => {
    const clock = new ManualClock();
    await using manager = await opened({ ...(await redis()), clock });
    await manager.storeLoop4Decision(example3, { ...owner, encrypt: true });
    expect(await manager.getLoop4DecisionHistory('auth', owner)).toStrictEqual([example3]);
    expect(await manager.getLoop4DecisionHistory('auth', { agentId: 'coder-1' })).toStrictEqual([]);
    expect(audits(manager, 'loop4_decision')).toMatchObject([{ risk_level: 'medium', category: 'cfn-loop' }]);
    expect(rows(manager, "SELECT id FROM tasks WHERE type = 'backlog'")).toHaveLength(3);
    expect(inFile(pathOf(manager), hidden)).toEqual([]);
    const second = { ...example3, decisionId: 'decision-2', decision: 'ESCALATE' as const };
    await manager.storeLoop4Decision(second, owner);
    expect((await manager.getLoop4DecisionHistory('auth', owner))[0]).toStrictEqual(second);
    expect(audits(manager, 'loop4_decision')[1]).toMatchObject({ risk_level: 'high' });
    clock.advance(364 * day);
    expect(await manager.getLoop4DecisionHistory('auth', owner)).toHaveLength(2);
    clock.advance(2 * day);
    expect(await manager.getLoop4DecisionHistory('auth', owner)).toEqual([]);
  });

  it('[CF-C10] levels 1, 2 and 5 are not in the file in clear, levels 3 and 4 are', async () => {
    await using manager = await opened(await redis());
    const words = (aclLevel: number) => `what is said at level ${aclLevel}`;
    const levels = [ACLLevel.PRIVATE, ACLLevel.TEAM, ACLLevel.SWARM];
    for (const aclLevel of levels) {
      const result = { ...example2.validationResults[1]!, recommendations: [words(aclLevel)] };
      const consensus = { ...example2, consensusId: `c${aclLevel}`, validationResults: [result] };
      await manager.storeLoop2Consensus(consensus, { agentId: 'validator-1', aclLevel });
    }
    await manager.storeLoop4Decision(example3, owner);
    await expect(manager.storeLoop4Decision(example3, { agentId: 'coder-1', aclLevel: 5 })).rejects.toThrow(
      denied,
    );
    expect(inFile(pathOf(manager), [...levels.map(words), ...hidden])).toEqual([words(3)]);
    const bad = manager.storeLoop2Consensus(example2, { agentId: 'validator-1', aclLevel: 6 });
    await expect(bad).rejects.toThrow(new RangeError('Invalid aclLevel'));
  });

  it('[CF-C11] audit rows stay as they are, and one that is removed by force is found', async () => {
    const manager = await opened(await redis());
    await manager.storeLoop3Confidence(example1);
    const { rookery } = manager.session().store;
    expect(await rookery.audit.verify()).toMatchObject({ ok: true });
    for (const sql of ["UPDATE audit_log SET action = 'x'", 'DELETE FROM audit_log'])
      expect(() => rows(manager, sql)).toThrow(/append-only/);
    const db = new DatabaseSync(pathOf(manager));
    db.exec("DROP TRIGGER audit_log_no_delete; DELETE FROM audit_log WHERE action = 'loop3_confidence'");
    db.close();
    expect(await rookery.audit.verify()).toMatchObject({ ok: false });
    await manager.shutdown();
  });

  it('[CF-C12] a whole loop leaves audit rows, and is recovered by another process', async () => {
    await using manager = await opened(await redis());
    const recovered = async () => (await manager.recoverCFNLoopState('auth')).action;
    expect(await manager.recoverCFNLoopState('auth')).toMatchObject({ loop: 3, action: 'start_fresh' });
    await manager.storeLoop3Confidence(example1);
    await manager.storeLoop3Confidence({ ...example1, agentId: 'coder-2', confidence: 0.9 });
    expect(await recovered()).toBe('resume_implementation');
    const pending = { ...example2, status: 'pending' as const, currentScore: 0.5, resolvedAt: undefined };
    await manager.storeLoop2Consensus(pending, { agentId: 'validator-1' });
    expect(await manager.recoverCFNLoopState('auth')).toMatchObject({
      ...{ loop: 2, action: 'resume_validation' },
      context: { phase: 'auth', completedValidators: ['validator-1', 'validator-2'] },
    });
    await manager.storeLoop2Consensus(example2, { agentId: 'validator-1' });
    expect(await recovered()).toBe('await_product_owner_decision');
    await manager.storeLoop4Decision(example3, owner);
    expect(await recovered()).toBe('start_fresh');
    const actions = rows<AuditRow>(
      manager,
      "SELECT action FROM audit_log WHERE category = 'cfn-loop' ORDER BY seq",
    );
    expect(actions.map(({ action }) => action)).toEqual([
      ...['loop3_confidence', 'loop3_confidence', 'loop2_consensus', 'validator_vote', 'validator_vote'],
      ...['loop2_consensus', 'loop4_decision'],
    ]);
  });

  it('refuses what cannot be, and says which field', async () => {
    await using manager = await opened(await redis());
    for (const confidence of [-0.1, 1.1, Number.NaN]) {
      const refused = manager.storeLoop3Confidence({ ...example1, confidence });
      await expect(refused).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field: 'confidence' },
      });
    }
    expect(await manager.getLoop3Confidence('auth', { agentId: 'coder-1' })).toEqual([]);
    expect(manager.getMetrics()).toMatchObject({ dualWrites: 0, dualWriteFailures: 0 });
    const closed = new CFNLoopMemoryManager({ swarmId: 's' });
    await expect(closed.getLoop2Consensus('auth')).rejects.toThrow('SQLite database not initialized');
    const short = new CFNLoopMemoryManager({
      swarmId: 's',
      sqliteDbPath: freshPath(),
      encryptionKey: 'short',
    });
    await expect(short.initialize()).rejects.toThrow(/^Invalid key length/);
  });
}

describe('seed 000 with Redis unreachable', () => cases(freePort));

onRedis('seed 000 with Redis', (server) => {
  cases(() => server().port);
  redisCases(server);
});

/** What is seen in Redis, and what happens when it or the database is away. */
function redisCases(server: () => RedisServer): void {
  it('[CF-C01, CF-C05] Redis holds the keys for their time, and nothing in clear', async () => {
    const client = server().client();
    await client.flushall();
    await using manager = await opened({ redisClient: client });
    await manager.storeLoop3Confidence(example1, { agentId: 'coder-1', ttl: 86400 });
    expect(manager.getMetrics()).toMatchObject({ dualWrites: 1, redisWrites: 1, sqliteWrites: 1 });
    expect(await client.ttl(key)).toBeGreaterThan(86_300);
    expect(await client.ttl(key)).toBeLessThanOrEqual(86_400);
    await manager.storeLoop4Decision(example3, owner);
    const texts = [...(await dumpOf(client)).values()].join('\n');
    expect(hidden.filter((phrase) => texts.includes(phrase))).toEqual([]);
  });

  it('[CF-C02] what was acknowledged survives kill -9, and an empty Redis', async () => {
    const path = freshPath();
    const child = start('test/seeds/children/loop-writer.ts', [path, String(server().port)]);
    expect((await child.lines.next()).value).toBe('stored');
    child.process.kill('SIGKILL');
    await ended(child.process);
    await server().client().flushall();
    await using manager = await opened({ redisClient: server().client(), sqliteDbPath: path });
    expect(await manager.getLoop3Confidence('auth', { agentId: 'coder-1' })).toStrictEqual([example1]);
  });

  it('[CF-C09] Redis away: stores go on, are counted and told, and Redis catches up by itself', async () => {
    const client = server().client();
    await client.flushall();
    await using manager = await opened({ redisClient: client, dualWriteTimeout: 2000 });
    const told: unknown[] = [];
    manager.on('dualWriteFailure', (failure) => told.push(failure));
    await server().kill();
    await until('the client has noticed', () => client.status !== 'ready');
    await manager.storeLoop3Confidence(example1);
    const { sqliteLatency, redisLatency, dualWriteLatency, ...counts } = manager.getMetrics();
    expect(counts).toEqual({ dualWrites: 1, dualWriteFailures: 1, redisWrites: 0, sqliteWrites: 1 });
    for (const latency of [sqliteLatency, redisLatency, dualWriteLatency])
      expect(Object.keys(latency).sort()).toEqual(['avg', 'p50', 'p95', 'p99']);
    expect(told).toMatchObject([{ key, store: 'redis', error: expect.any(Error) }]);
    await server().restart();
    await until('Redis has it', async () => (await client.exists(key)) === 1);
  });

  it('[CF-C09] a database that refuses: the store rejects, and Redis has nothing of it', async () => {
    const client = server().client();
    await client.flushall();
    await using manager = await opened({ redisClient: client });
    const told: unknown[] = [];
    manager.on('dualWriteFailure', (failure) => told.push(failure));
    const refusal = { message: 'attempt to write a readonly database' };
    const db = new DatabaseSync(pathOf(manager));
    db.exec(`CREATE TRIGGER read_only BEFORE INSERT ON loop_confidences
      BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END`);
    await expect(manager.storeLoop3Confidence(example1)).rejects.toMatchObject({ cause: refusal });
    expect(manager.getMetrics()).toMatchObject({ dualWrites: 1, dualWriteFailures: 1, sqliteWrites: 0 });
    expect(told).toMatchObject([{ key, store: 'sqlite', error: { cause: refusal } }]);
    db.exec('DROP TRIGGER read_only');
    db.close();
    await manager.storeLoop2Consensus(example2, { agentId: 'validator-1' });
    expect([
      await client.exists(key),
      await manager.getLoop3Confidence('auth', { agentId: 'coder-1' }),
    ]).toEqual([0, []]);
  });

  it('[CF-C12] 100 stores one after the other, all in both places', async () => {
    const client = server().client();
    await client.flushall();
    await using manager = await opened({ redisClient: client });
    for (let iteration = 0; iteration < 100; iteration++)
      await manager.storeLoop3Confidence({ ...example1, iteration });
    const { dualWriteLatency, redisLatency, sqliteLatency, ...counts } = manager.getMetrics();
    expect(counts).toEqual({ dualWrites: 100, dualWriteFailures: 0, redisWrites: 100, sqliteWrites: 100 });
    for (const { avg, p50, p95, p99 } of [dualWriteLatency, redisLatency, sqliteLatency])
      expect([avg > 0, p50 <= p95, p95 <= p99]).toEqual([true, true, true]);
    const limit = process.env['ROOKERY_FAULTS'] === 'all' ? [60, 10, 50] : [600, 100, 500];
    expect(dualWriteLatency.p95).toBeLessThan(limit[0]!);
    expect(redisLatency.p95).toBeLessThan(limit[1]!);
    expect(sqliteLatency.p95).toBeLessThan(limit[2]!);
    expect(await manager.getLoop3Confidence('auth', { agentId: 'coder-1' })).toHaveLength(100);
  });
}
