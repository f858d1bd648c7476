import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AgentRegistry,
  MemoryStoreAdapter,
  RedisCoordinator,
  SwarmMemoryManager,
} from '../../src/doors/claude-flow/index.ts';
import { freePort } from '../engines/redis.ts';
import { madeSystem, systemAlone } from '../support/claude-flow.ts';
import { temporaryFolder } from '../support/processes.ts';

const environment = process.env;
afterEach(() => {
  process.env = environment;
});

describe('the system without Redis', () => {
  it('begins within 5 s, degraded, and goes on [CF-C25]', async () => {
    const errors: unknown[] = [];
    const system = madeSystem({ redisConfig: { port: await freePort() } });
    system.on('error', (error) => errors.push(error));
    const started = performance.now();
    await system.initialize();
    expect(performance.now() - started).toBeLessThan(5000);
    expect(errors.map(String)).toEqual([expect.stringMatching(/^Error: Redis at localhost:\d+\/0 is away/)]);
    const metrics = await system.getSystemMetrics();
    expect(metrics).toMatchObject({ isInitialized: true, errors: 1 });
    expect(metrics.components.redisCoordinator).toMatchObject({
      isConnected: false,
      coordinationState: { status: 'degraded' },
    });
    const coordinator = system.redisCoordinator!;
    expect(await coordinator.getParticipants()).toEqual([]);
    await expect(coordinator.publish('events', { type: 'agent_event' })).rejects.toThrow(
      'Redis coordinator not connected',
    );
    await coordinator.sendHeartbeat();
    // Consensus is in the store.
    await system.registerAgent({ id: 'voter' });
    const id = await system.requestConsensus('auth', 'phase', 0.9);
    await system.submitVote(id, 'approve', 0.95);
    expect(await coordinator.getConsensus(id)).toMatchObject({ status: 'pending', currentScore: 1 });
    await coordinator.submitVote(id, 'approve', 0.9, 'voter');
    expect(await coordinator.getConsensus(id)).toMatchObject({
      ...{ targetId: 'auth', targetType: 'phase', status: 'achieved', threshold: 0.9 },
      votes: { approve: 2, reject: 0, abstain: 0 },
    });
    await expect(coordinator.submitVote(id, 'reject', 1, 'voter')).rejects.toThrow();
  });

  it('says what was not initialised, and shuts down once', async () => {
    const system = madeSystem();
    const told: string[] = [];
    for (const event of ['initialized', 'shutdown']) system.on(event, () => told.push(event));
    await expect(system.registerAgent({})).rejects.toThrow('Agent registry not initialized');
    await expect(system.getMemoryStats()).rejects.toThrow('Memory manager not initialized');
    await expect(system.requestConsensus('a', 'task')).rejects.toThrow('Redis coordinator not initialized');
    await expect(system.runBenchmarks()).rejects.toThrow('Performance monitoring not enabled');
    expect(() => system.createMemoryAdapter()).toThrow('Memory manager not initialized');
    expect(() => system.memoryAdapter).toThrow('Memory adapter not initialized');
    expect((await system.getSystemMetrics()).isInitialized).toBe(false);
    const begun = await systemAlone({ enablePerformanceMonitoring: false });
    expect(await begun.initialize()).toBe(begun);
    await expect(begun.runBenchmarks()).rejects.toThrow('Performance monitoring not enabled');
    expect(await begun.getAgent('sqlite-system')).toMatchObject({
      type: 'system',
      capabilities: ['memory-management', 'acl-control', 'coordination', 'monitoring'],
    });
    begun.on('shutdown', () => told.push('shutdown'));
    await Promise.all([begun.gracefulShutdown(), begun.gracefulShutdown()]);
    expect(told).toEqual(['shutdown']);
    expect(begun.isShuttingDown).toBe(true);
    // What nobody could close any more is not opened.
    await expect(begun.initialize()).rejects.toThrow('Memory system is shut down');
    const never = madeSystem();
    await never.gracefulShutdown();
    await expect(never.initialize()).rejects.toThrow('Memory system is shut down');
  });

  it('shows no key and no password where the object is logged', () => {
    const secret = 'a key of more than sixteen bytes';
    const options = { encryptionKey: secret, redisConfig: { password: secret } };
    for (const object of [
      madeSystem(options),
      new SwarmMemoryManager(options),
      new RedisCoordinator(options),
    ])
      expect(`${inspect(object)} ${JSON.stringify(object)}`).not.toContain(secret);
  });

  it('lets no call fail, and no other listener miss anything, because a listener throws', async () => {
    const system = madeSystem({ enableRedisCoordination: false });
    const errors: unknown[] = [];
    const heard: unknown[] = [];
    system.on('error', (error) => errors.push(error));
    for (const event of ['initialized', 'memoryOperation', 'agentRegistered', 'shutdown'])
      system
        .on(event, () => {
          throw new Error(`heard ${event}`);
        })
        .on(event, () => heard.push(event));
    await system.initialize();
    await system.memoryAdapter.set('k', 1, { agentId: 'a' });
    expect(await system.memoryAdapter.get('k', { agentId: 'a' })).toBe(1);
    expect((await system.registerAgent({ id: 'b' })).id).toBe('b');
    await system.gracefulShutdown();
    const all = ['agentRegistered', 'initialized', 'memoryOperation', 'memoryOperation', 'agentRegistered'];
    expect(heard).toEqual([...all, 'shutdown']);
    expect(errors.map(String)).toEqual(heard.map((event) => `Error: heard ${event}`));
  });

  it('reads its settings from the environment where no option says otherwise [CF-C31]', async () => {
    const folder = temporaryFolder();
    process.env = {
      ...environment,
      REDIS_HOST: 'redis.example',
      REDIS_PORT: '7777',
      REDIS_PASSWORD: 'word',
      REDIS_DB: '3',
      SQLITE_DB_PATH: join(folder, 'environment.db'),
      SQLITE_ENCRYPTION_KEY: 'your-32-byte-encryption-key',
      SQLITE_COMPRESSION_THRESHOLD: '10',
      SWARM_ID: 'from-environment',
      AGENT_ID: 'agent-of-environment',
      ENABLE_PERFORMANCE_MONITORING: 'false',
      BENCHMARK_OUTPUT_DIR: join(folder, 'reports'),
    };
    const system = await systemAlone();
    expect(system.settings).toMatchObject({
      redisConfig: { host: 'redis.example', port: 7777, password: 'word', db: 3 },
      ...{ swarmId: 'from-environment', agentId: 'agent-of-environment', compressionThreshold: 10 },
      enablePerformanceMonitoring: false,
    });
    expect(madeSystem({ swarmId: 'option', redisConfig: { port: 1 } }).settings).toMatchObject({
      swarmId: 'option',
      redisConfig: { host: 'redis.example', port: 1 },
    });
    await system.memoryAdapter.set('k', 'v'.repeat(50));
    expect(await system.getMemoryStats()).toMatchObject({ compressed_entries: 1 });
    await expect(system.runBenchmarks()).rejects.toThrow('Performance monitoring not enabled');
    await system.gracefulShutdown();
    const dbPath = join(folder, 'environment.db');
    const [wrong, right] = ['another key of length', 'your-32-byte-encryption-key'];
    await expect(systemAlone({ dbPath, encryptionKey: wrong })).rejects.toMatchObject({ code: 'WRONG_KEY' });
    expect(await (await systemAlone({ dbPath, encryptionKey: right })).memoryAdapter.get('k')).toHaveLength(
      50,
    );
    process.env['REDIS_PORT'] = 'six';
    expect(() => madeSystem()).toThrow('REDIS_PORT: a whole number');
    process.env['ENABLE_PERFORMANCE_MONITORING'] = 'true';
    delete process.env['REDIS_PORT'];
    const measuring = await systemAlone({ dbPath: ':memory:' });
    await measuring.runBenchmarks({ testIterations: 5, concurrency: 2 });
    const [report] = readdirSync(join(folder, 'reports'));
    expect(JSON.parse(readFileSync(join(folder, 'reports', report!), 'utf8'))).toMatchObject({
      configuration: { testIterations: 5, concurrency: 2 },
    });
  });

  it('gives every method and property that the seed names [CF-C29]', async () => {
    const system = await systemAlone();
    const own = new RedisCoordinator();
    const named: [object, string][] = [
      [
        system,
        'initialize registerAgent getAgent listAgents grantPermission hasPermission runBenchmarks getSystemMetrics backup optimize gracefulShutdown requestConsensus submitVote createMemoryAdapter getMemoryStats',
      ],
      [
        new SwarmMemoryManager(),
        'get set delete has clear getStats backup optimize vacuum analyze getMetrics clearACLCache close',
      ],
      [
        new MemoryStoreAdapter(),
        'get set delete has clear mget mset keys setex incr decr incrby decrby getset getdel append strlen getStats backup optimize resetMetrics close getMemoryManager getPattern',
      ],
      [
        own,
        'initialize publish subscribe getParticipants requestConsensus submitVote sendHeartbeat coordinateSchemaOperation broadcastMemoryOperation shutdown getMetrics',
      ],
      [
        new AgentRegistry(),
        'registerAgent unregisterAgent updateAgent getAgent listAgents createTeam addAgentToTeam removeAgentFromTeam grantPermission hasPermission getAgentsByCapability getAgentsByType getTeamMembers updatePerformanceMetrics cleanupInactiveAgents exportState importState grantRole revokeRole listRoles',
      ],
    ];
    for (const [object, methods] of named)
      for (const method of methods.split(' '))
        expect((object as Record<string, unknown>)[method], method).toBeTypeOf('function');
    await system.memoryAdapter.set('k', 1);
    const { backupFile, registryFile } = await system.backup(join(temporaryFolder(), 'copy.db'));
    expect(registryFile).toBe(`${backupFile}-registry.json`);
    expect(statSync(backupFile).size).toBeGreaterThan(1000);
    expect(
      JSON.parse(readFileSync(registryFile, 'utf8')).agents.map(({ id }: { id: string }) => id),
    ).toContain('sqlite-system');
    await system.optimize();
  });

  it('measures what the seed prints, on a disk where the database is one, and leaves nothing [CF-C23]', async () => {
    const folder = temporaryFolder();
    const system = await systemAlone({ dbPath: join(folder, 'swarm-memory.db') });
    const before = readdirSync(folder);
    const done: unknown[] = [];
    system.on('benchmarksCompleted', (results) => done.push(results));
    const results = await system.runBenchmarks({ testIterations: 20, concurrency: 5 });
    expect(done).toEqual([results]);
    expect(readdirSync(folder)).toEqual(before);
    expect((await system.getMemoryStats()).total_memory_entries).toBe(0);
    const timings = [
      ...[results.basic_operations, results.encryption_performance!, results.large_data_operations],
      ...[results.ttl_operations, results.namespace_operations],
      ...[results.backup_restore, results.optimization_operations],
    ].flatMap((block) => Object.values(block));
    expect(timings).toHaveLength(18);
    const { acl_performance: acl, compression_performance: compression } = results;
    for (const timing of [...timings, acl.acl_checks, compression!.compress, compression!.decompress]) {
      expect(Object.keys(timing)).toEqual(['min', 'max', 'avg', 'median', 'p95', 'p99']);
      expect(timing.avg).toBeGreaterThan(0);
      expect(timing.min).toBeLessThanOrEqual(timing.median);
      expect(timing.median).toBeLessThanOrEqual(timing.p95);
      expect(timing.p95).toBeLessThanOrEqual(timing.max);
    }
    expect(results.compression_performance!.compression_ratio.avg).toBeGreaterThan(2);
    expect(results.tests.basic_operations).toBe(results.basic_operations);
    expect(acl.cache_hit_rate).toBeGreaterThan(0);
    const without = await system.runBenchmarks({
      ...{ testIterations: 1, enableEncryption: false, enableCompression: false },
    });
    expect([without.encryption_performance, without.compression_performance]).toEqual([null, null]);
    await expect(system.runBenchmarks({ testIterations: 0 })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  it('answers plain SQL by the names of the thirteen logical tables [CF-C24]', async () => {
    const dbPath = join(temporaryFolder(), 'swarm-memory.db');
    await systemAlone({ dbPath });
    const db = new DatabaseSync(dbPath, { readOnly: true });
    const names =
      'agents projects events tasks memory consensus permissions audit_log metrics dependencies conflicts artifacts swarms teams';
    for (const name of names.split(' '))
      expect(db.prepare(`SELECT count(*) AS n FROM ${name}`).get(), name).toMatchObject({
        n: expect.any(Number),
      });
    db.close();
  });
});
