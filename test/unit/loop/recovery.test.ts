import { describe, expect, it } from 'vitest';
import { type Progress, recover } from '../../../src/domains/loop/recovery.ts';

const place = { phase: 'auth', swarm: 's' };
type Consensus = NonNullable<Progress['consensus']>;

const consensus = (more: Partial<Consensus>): Consensus => ({
  ...{
    id: 'c',
    seq: 10,
    iteration: 1,
    currentScore: 0.92,
    threshold: 0.9,
    status: 'achieved',
    validators: ['v'],
  },
  ...more,
});
const work = (seq: number, iteration: number) => ({ seq, iteration, agents: ['coder-1'] });

/** Where a loop stood, and what comes next. */
const cases: [
  name: string,
  found: Omit<Progress, 'phase' | 'swarm'>,
  action: string,
  loop: number,
  round: number,
][] = [
  ['nothing', {}, 'start_fresh', 3, 1],
  ['reports of the first round', { work: work(5, 1) }, 'resume_implementation', 3, 1],
  [
    'a consensus at the threshold',
    { consensus: consensus({ currentScore: 0.9 }) },
    'await_product_owner_decision',
    4,
    1,
  ],
  [
    'a consensus at the threshold that nobody has closed',
    { consensus: consensus({ status: 'pending' }), work: work(5, 1) },
    'await_product_owner_decision',
    4,
    1,
  ],
  [
    'a pending consensus below the threshold',
    { consensus: consensus({ status: 'pending', currentScore: 0.89 }), work: work(5, 1) },
    'resume_validation',
    2,
    1,
  ],
  [
    'a consensus that failed, whatever its score',
    { consensus: consensus({ status: 'failed', currentScore: 0.95 }), work: work(5, 1) },
    'resume_implementation',
    3,
    2,
  ],
  [
    'reports of a later round than the consensus',
    { consensus: consensus({ status: 'pending', currentScore: 0.5 }), work: work(12, 2) },
    'resume_implementation',
    3,
    2,
  ],
  [
    'a decision on the consensus',
    { consensus: consensus({}), work: work(5, 1), decision: { seq: 11, iteration: 1 } },
    'start_fresh',
    3,
    2,
  ],
  [
    'reports after a decision',
    { consensus: consensus({}), work: work(12, 2), decision: { seq: 11, iteration: 1 } },
    'resume_implementation',
    3,
    2,
  ],
  [
    'a consensus after a decision on an earlier round',
    { consensus: consensus({ seq: 20, iteration: 2 }), decision: { seq: 11, iteration: 1 } },
    'await_product_owner_decision',
    4,
    2,
  ],
];

describe('recovery of the loop', () => {
  it.each(cases)('goes on after %s', (_, found, action, loop, iteration) => {
    expect(recover({ ...place, ...found })).toMatchObject({ action, loop, context: { ...place, iteration } });
  });

  it('tells who is done', () => {
    const pending = consensus({ status: 'pending', currentScore: 0.5, validators: ['v1', 'v2'] });
    expect(recover({ ...place, consensus: pending }).context).toEqual({
      ...{ ...place, iteration: 1, consensusId: 'c', currentScore: 0.5, threshold: 0.9 },
      completedValidators: ['v1', 'v2'],
    });
    expect(recover({ ...place, work: work(5, 1) }).context.completedAgents).toEqual(['coder-1']);
  });
});
