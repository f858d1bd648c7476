// Example 5 of seed 000 and its migration step, as printed: only where the module is imported from differs. `redis` is what
// the test supplies.
import { Redis } from 'ioredis';
import { BlockingCoordinationManager, CFNLoopMemoryManager } from '../../../src/doors/claude-flow/index.ts';

const redis = new Redis({ port: Number(process.env.TEST_REDIS_PORT), retryStrategy: () => 50 });
redis.on('error', () => {});

const memoryManager = new CFNLoopMemoryManager({
  redisClient: redis,
  swarmId: 'phase-1-auth',
  projectId: 'ecommerce-platform',
  debug: true,
});
await memoryManager.initialize();

// Initialize coordinator with CFN memory manager
const coordinator = new BlockingCoordinationManager({
  redisClient: redis,
  coordinatorId: 'coordinator-1',
  cfnMemoryManager: memoryManager, // Enable audit trail
  swarmId: 'phase-1-auth',
  phase: 'auth',
});

// Acknowledge signal (automatically logs to audit trail)
const signal = {
  signalId: 'signal-123',
  type: 'completion',
  source: 'coordinator-2',
  targets: ['coordinator-1'],
  timestamp: Date.now(),
};

const ack = await coordinator.acknowledgeSignal(signal);
// Audit log entry created: action='signal_ack_sent', risk_level='low'

const again = await coordinator.acknowledgeSignal(signal);

const cfnMemoryManager = memoryManager;
const migrated = new BlockingCoordinationManager({
  redisClient: redis,
  coordinatorId: 'coord-1',
  cfnMemoryManager: cfnMemoryManager, // Add this line
});
const metrics = coordinator.getHookMetrics();

for (const open of [coordinator, migrated, memoryManager]) await open.shutdown();
redis.disconnect();
console.log(JSON.stringify({ ack, again, metrics }));
