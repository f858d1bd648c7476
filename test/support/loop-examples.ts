import type { Loop2Consensus, Loop3Confidence, Loop4Decision } from '../../src/doors/claude-flow/index.ts';

/** The records of seed 000's examples, by its names. */
export const example1: Loop3Confidence = {
  agentId: 'coder-1',
  confidence: 0.85,
  reasoning: 'All tests passing, security audit clean',
  blockers: [],
  timestamp: 1_760_000_000_000,
  phase: 'auth',
  iteration: 1,
  metadata: { filesModified: ['auth.js', 'auth-middleware.js'], testsRun: 25, testsPassed: 25 },
};

export const example2: Loop2Consensus = {
  consensusId: 'consensus-1',
  phase: 'auth',
  iteration: 1,
  threshold: 0.9,
  currentScore: 0.92,
  validationResults: [
    {
      ...{ validatorId: 'validator-1', validationType: 'security', score: 0.92, phase: 'auth', iteration: 1 },
      issues: [{ severity: 'low', description: 'a weak default', recommendation: 'choose a stronger one' }],
      ...{ recommendations: ['rotate the keys'], timestamp: 1_760_000_000_000 },
    },
    {
      validatorId: 'validator-2',
      validationType: 'performance',
      score: 0.92,
      issues: [],
      recommendations: [],
    },
  ],
  status: 'achieved',
  timestamp: 1_760_000_000_000,
  resolvedAt: 1_760_000_000_500,
};

export const example3: Loop4Decision = {
  decisionId: 'decision-1',
  phase: 'auth',
  iteration: 1,
  decision: 'DEFER',
  reasoning: 'Authentication phase meets requirements. Deferred OAuth2 and rate limiting to backlog.',
  loop3Confidence: 0.87,
  loop2Consensus: 0.92,
  deferredIssues: [
    'Implement OAuth2 integration',
    'Add rate limiting middleware',
    'Session management optimization',
  ],
  timestamp: 1_760_000_000_000,
  nextActions: [
    'Create backlog items for deferred features',
    'Transition to profile management phase',
    'Update project roadmap',
  ],
};

/** What of them may be found nowhere in clear. */
export const hidden: readonly string[] = [
  ...['security audit clean', 'auth-middleware.js', example3.reasoning!],
  ...example3.deferredIssues!,
  ...example3.nextActions!,
];
