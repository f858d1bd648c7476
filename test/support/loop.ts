import type { Domains } from '../../src/rookery.ts';

type Input<Verb extends keyof Domains['loop']> = NonNullable<Parameters<Domains['loop'][Verb]>[0]>;
export type Agreement = Input<'recordConsensus'>;
export type Result = NonNullable<Agreement['validationResults']>[number];

/** Records of the loop as seed 000 prints them, in the words of the operations. */
export const report: Input<'reportConfidence'> = {
  ...{ phase: 'auth', iteration: 1, confidence: 0.85, timestamp: 1_760_000_000_000 },
  reasoning: 'All tests passing, security audit clean',
  blockers: [],
  metadata: { filesModified: ['auth.js', 'auth-middleware.js'], testsRun: 25, testsPassed: 25 },
};

export const result = (validator: string, score = 0.92): Result => ({
  validator,
  validationType: 'security',
  score,
  issues: [],
  recommendations: ['rotate the keys'],
});

export const agreement: Agreement = {
  ...{
    phase: 'auth',
    id: 'consensus-1',
    iteration: 1,
    threshold: 0.9,
    currentScore: 0.92,
    status: 'achieved',
  },
  timestamp: 1_760_000_000_000,
  validationResults: [result('validator-1'), result('validator-2')],
};

export const ruling: Input<'decide'> = {
  ...{ phase: 'auth', id: 'decision-1', iteration: 1, decision: 'DEFER' },
  reasoning: 'Authentication phase meets requirements. Deferred OAuth2 and rate limiting to backlog.',
  ...{ loop3Confidence: 0.87, loop2Consensus: 0.92, timestamp: 1_760_000_000_000 },
  deferredIssues: [
    'Implement OAuth2 integration',
    'Add rate limiting middleware',
    'Session management optimization',
  ],
  nextActions: ['Create backlog items for deferred features', 'Update project roadmap'],
};
