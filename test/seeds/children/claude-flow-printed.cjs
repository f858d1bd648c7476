// Seed 001's examples in the order it prints them, as printed: only where the module is required from differs, and
// Redis listens where the environment says. Each example stands in a block of its own, as its names repeat.
const seen = {};
async function main() {
  // ---- Quick start: basic usage, agent registration, performance monitoring
  {
    const { SQLiteMemorySystem } = require('../../../src/doors/claude-flow/index.ts');

    // Initialize the system
    const memorySystem = new SQLiteMemorySystem({
      swarmId: 'my-swarm',
      agentId: 'my-agent',
      dbPath: './swarm-memory.db',
      enableRedisCoordination: true,
      redisConfig: {
        host: 'localhost',
        port: Number(process.env.TEST_REDIS_PORT),
      },
    });
    const fired = [];
    for (const event of [
      'initialized',
      'agentRegistered',
      'memoryOperation',
      'benchmarksCompleted',
      'redisConnected',
    ])
      memorySystem.on(event, () => fired.push(event));

    await memorySystem.initialize();

    // Store data with ACL
    await memorySystem.memoryAdapter.set('secret-key', 'secret-value', {
      agentId: 'agent-1',
      aclLevel: 1, // private
    });

    // Retrieve data
    const value = await memorySystem.memoryAdapter.get('secret-key', {
      agentId: 'agent-1',
    });
    seen.value = value;
    seen.other = await memorySystem.memoryAdapter.get('secret-key', { agentId: 'agent-2' });

    // Register an agent
    const agent = await memorySystem.registerAgent({
      id: 'agent-1',
      name: 'Backend Developer',
      type: 'backend-dev',
      capabilities: ['api', 'database', 'security'],
    });
    seen.agent = agent;

    // Grant permissions
    await memorySystem.grantPermission('agent-1', 'memory', 3, ['read', 'write']);
    seen.may = await memorySystem.hasPermission('agent-1', 'memory', 'read', 3);

    // Run performance benchmarks
    const results = await memorySystem.runBenchmarks({
      testIterations: Number(process.env.TEST_ITERATIONS ?? 1000),
      concurrency: 10,
    });

    console.log('Average SET time:', results.basic_operations.set.avg);
    console.log('Max GET ops/sec:', results.concurrent_operations.concurrent_gets.opsPerSecond);
    seen.results = results;
    seen.stats = await memorySystem.getMemoryStats();
    seen.fired = [...new Set(fired)];
    await memorySystem.gracefulShutdown();
  }

  // ---- Constructor options
  {
    const { SQLiteMemorySystem } = require('../../../src/doors/claude-flow/index.ts');
    const options = {
      swarmId: 'phase-1-foundation-infrastructure',
      agentId: 'sqlite-system',
      dbPath: ':memory:', // or file path
      redisConfig: {
        host: 'localhost',
        port: 6379,
        password: null,
        db: 0,
      },
      encryptionKey: Buffer.from('32-byte-encryption-key'),
      compressionThreshold: 1024,
      enableRedisCoordination: true,
      enablePerformanceMonitoring: true,
    };
    options.redisConfig.port = Number(process.env.TEST_REDIS_PORT);
    const memorySystem = new SQLiteMemorySystem(options);
    await memorySystem.initialize();
    seen.components = Object.keys((await memorySystem.getSystemMetrics()).components);
    await memorySystem.gracefulShutdown();
  }

  // ---- Examples: basic memory operations, agent management, performance testing, debug mode
  {
    process.env.REDIS_PORT = process.env.TEST_REDIS_PORT;
    const { SQLiteMemorySystem } = require('../../../src/doors/claude-flow/index.ts');

    // Initialize system
    const system = new SQLiteMemorySystem();
    await system.initialize();

    // Create memory adapter
    const adapter = system.createMemoryAdapter({
      namespace: 'my-app',
    });

    // Store data
    await adapter.set(
      'user:123',
      {
        name: 'John Doe',
        email: 'john@example.com',
      },
      {
        agentId: 'agent-1',
        aclLevel: 2, // team level
      },
    );

    // Retrieve data
    const user = await adapter.get('user:123', {
      agentId: 'agent-1',
    });
    seen.user = user;

    // Register agents
    const backendDev = await system.registerAgent({
      name: 'Backend Developer',
      type: 'backend-dev',
      capabilities: ['api', 'database'],
    });

    const frontendDev = await system.registerAgent({
      name: 'Frontend Developer',
      type: 'frontend-dev',
      capabilities: ['ui', 'ux'],
    });

    // Create team
    const team = await system.agentRegistry.createTeam({
      name: 'Web Development Team',
      leaderId: backendDev.id,
    });

    // Add agents to team
    await system.agentRegistry.addAgentToTeam(backendDev.id, team.id);
    await system.agentRegistry.addAgentToTeam(frontendDev.id, team.id);
    seen.members = (await system.agentRegistry.getTeamMembers(team.id)).map(({ name, teamId }) => [
      name,
      teamId === team.id,
    ]);

    // Run comprehensive benchmarks
    const results = await system.runBenchmarks({
      testIterations: Number(process.env.TEST_ITERATIONS ?? 5000),
      concurrency: 20,
      enableEncryption: true,
      enableCompression: true,
    });

    // View results
    console.log('Performance Results:');
    console.log('- Average SET time:', results.basic_operations.set.avg, 'ms');
    console.log('- Average GET time:', results.basic_operations.get.avg, 'ms');
    console.log('- Max SET ops/sec:', results.concurrent_operations.concurrent_sets.opsPerSecond);
    console.log('- Max GET ops/sec:', results.concurrent_operations.concurrent_gets.opsPerSecond);
    console.log('- ACL check time:', results.acl_performance.acl_checks.avg, 'ms');
    console.log('- Cache hit rate:', (results.acl_performance.cache_hit_rate * 100).toFixed(1), '%');
    seen.second = results;
    await system.gracefulShutdown();
  }
  {
    const { SQLiteMemorySystem } = require('../../../src/doors/claude-flow/index.ts');
    const system = new SQLiteMemorySystem({
      debug: true,
      logLevel: 'debug',
    });
    await system.initialize();
    await system.memoryAdapter.set('secret-key', 'a-value-to-be-kept', { agentId: 'agent-1', aclLevel: 1 });
    await system.memoryAdapter.get('secret-key', { agentId: 'agent-1' });
    // As a script that never shuts down: the process ends by itself.
  }
}

main().then(() => console.log(`SEEN ${JSON.stringify(seen)}`));
