// Examples 1 to 4 of seed 000 and its migration step, as printed: only where the module is imported from differs. `redis` is
// what the test supplies, and between the examples validators record what example 2 reads.
import { Redis } from 'ioredis';
import {
  ACLLevel,
  AgentLifecycleSQLiteManager,
  CFNLoopMemoryManager,
} from '../../../src/doors/claude-flow/index.ts';

const redis = new Redis({ port: Number(process.env.TEST_REDIS_PORT), retryStrategy: () => 50 });
redis.on('error', () => {});

// Initialize manager
const memoryManager = new CFNLoopMemoryManager({
  redisClient: redis,
  swarmId: 'phase-1-auth',
  projectId: 'ecommerce-platform',
  debug: true,
});

await memoryManager.initialize();

// Store agent confidence
await memoryManager.storeLoop3Confidence(
  {
    agentId: 'coder-1',
    confidence: 0.85,
    reasoning: 'All tests passing, security audit clean',
    blockers: [],
    timestamp: Date.now(),
    phase: 'auth',
    iteration: 1,
    metadata: {
      filesModified: ['auth.js', 'auth-middleware.js'],
      testsRun: 25,
      testsPassed: 25,
    },
  },
  {
    agentId: 'coder-1',
    aclLevel: ACLLevel.PRIVATE, // Agent-only access
    ttl: 86400, // 24 hour retention
  },
);
const afterOne = memoryManager.getMetrics();

for (const [i, currentScore] of [0.91, 0.92].entries()) {
  await memoryManager.storeLoop2Consensus(
    {
      consensusId: `consensus-${i}`,
      phase: 'auth',
      iteration: 1,
      threshold: 0.9,
      currentScore,
      validationResults: [
        {
          validatorId: 'validator-1',
          validationType: 'security',
          score: currentScore,
          issues: [{ severity: 'low', description: 'a weak default' }],
          recommendations: ['rotate the keys'],
          timestamp: 1_760_000_000_000,
          phase: 'auth',
          iteration: 1,
        },
      ],
      status: 'achieved',
      timestamp: 1_760_000_000_000,
    },
    { agentId: 'validator-1', aclLevel: ACLLevel.SWARM },
  );
}

// Product Owner retrieves consensus for decision
const consensus = await memoryManager.getLoop2Consensus('auth', {
  agentId: 'product-owner',
  aclLevel: ACLLevel.SWARM, // Swarm-level access
});

if (consensus && consensus.currentScore >= 0.9) {
  console.log('Consensus achieved:', consensus.currentScore);
  console.log('Validation results:', consensus.validationResults);
}

// Product Owner makes GOAP decision
await memoryManager.storeLoop4Decision(
  {
    decisionId: `decision-${Date.now()}`,
    phase: 'auth',
    iteration: 1,
    decision: 'DEFER', // Approve work, defer enhancements
    reasoning: 'Authentication phase meets requirements. Deferred OAuth2 and rate limiting to backlog.',
    loop3Confidence: 0.87,
    loop2Consensus: 0.92,
    deferredIssues: [
      'Implement OAuth2 integration',
      'Add rate limiting middleware',
      'Session management optimization',
    ],
    timestamp: Date.now(),
    nextActions: [
      'Create backlog items for deferred features',
      'Transition to profile management phase',
      'Update project roadmap',
    ],
  },
  {
    agentId: 'product-owner',
    aclLevel: ACLLevel.SYSTEM, // System-level decision
    encrypt: true, // Encrypt decision rationale
  },
);

// Initialize lifecycle manager
const lifecycleManager = new AgentLifecycleSQLiteManager({
  redisClient: redis,
  cfnMemoryManager: memoryManager,
  swarmId: 'phase-1-auth',
  projectId: 'ecommerce-platform',
});

// Register agent spawn
await lifecycleManager.registerAgentSpawn({
  agentId: 'coder-1',
  name: 'Backend Developer',
  type: 'backend-dev',
  swarmId: 'phase-1-auth',
  projectId: 'ecommerce-platform',
  capabilities: ['api', 'database', 'security'],
  aclLevel: ACLLevel.TEAM,
});

// Update confidence during execution
await lifecycleManager.updateAgentConfidence('coder-1', 0.85, 'Tests passing, security clean', 'auth', 1);

const confidences = await memoryManager.getLoop3Confidence('auth', { agentId: 'coder-1' });

// Register termination
await lifecycleManager.registerAgentTermination('coder-1', 'Phase complete, agent no longer needed');

// Migration, phase 1: Add CFN memory manager (optional)
const cfnMemoryManager = new CFNLoopMemoryManager({
  redisClient: redis,
  swarmId: 'my-swarm',
});
await cfnMemoryManager.initialize();

console.log(
  JSON.stringify({
    consensus,
    confidences,
    history: await lifecycleManager.getAgentLifecycleHistory('coder-1'),
    lifecycle: lifecycleManager.getMetrics(),
    others: await memoryManager.getLoop3Confidence('auth', { agentId: 'coder-2' }),
    decisions: await memoryManager.getLoop4DecisionHistory('auth', { agentId: 'product-owner' }),
    hidden: await memoryManager.getLoop4DecisionHistory('auth', { agentId: 'coder-1' }),
    unknown: await memoryManager.getLoop2Consensus('profile', { agentId: 'product-owner' }),
    migrated: await cfnMemoryManager.getLoop3Confidence('auth', { agentId: 'coder-1' }),
    afterOne,
    metrics: memoryManager.getMetrics(),
  }),
);
await cfnMemoryManager.shutdown();
await memoryManager.shutdown();
redis.disconnect();
