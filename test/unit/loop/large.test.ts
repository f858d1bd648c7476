import { expect, it } from 'vitest';
import { openRookery } from '../../../src/rookery.ts';

it('looks at every report of the newest round, however many there are', async () => {
  await using rookery = await openRookery({ path: ':memory:' });
  const report = (agent: string, iteration: number, confidence: number) =>
    rookery.as(agent).loop.reportConfidence({ phase: 'p', iteration, confidence });
  await report('doubtful', 2, 0.1);
  // Later than the doubt, and more than one page.
  await Promise.all(Array.from({ length: 1001 }, (_, i) => report(`sure-${i}`, i < 3 ? 2 : 1, 0.9)));
  await rookery.roles.grant({ agent: 'validator', role: 'validator', swarm: 'default' });
  const { passed, below, agents } = await rookery.as('validator').loop.gate({ phase: 'p' });
  expect({ passed, below, agents: agents.length }).toEqual({ passed: false, below: ['doubtful'], agents: 4 });
});
