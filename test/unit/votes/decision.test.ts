import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type * as decision from '../../../src/domains/votes/decision.ts';
import {
  type Choice,
  type Count,
  countOf,
  outcome,
  settledOutcome,
  type VotingRule,
} from '../../../src/domains/votes/decision.ts';
import { sabotagedSource } from '../../support/sabotage.ts';
import { allBallots, outcomesOfAllCompletions, rules, said } from '../../support/votes.ts';

const half = { numerator: 1, denominator: 2 };
const count = (accept: number, reject: number, abstain: number, total: number): Count => ({
  ...{ accept, reject, abstain, total },
});

describe('the outcome of a vote', () => {
  it.each<[VotingRule, Count, string]>([
    [{ strategy: 'simple', threshold: null, quorum: half }, count(2, 1, 0, 5), 'accept'],
    [{ strategy: 'simple', threshold: null, quorum: half }, count(2, 2, 0, 5), 'reject'],
    [{ strategy: 'simple', threshold: null, quorum: half }, count(2, 0, 0, 5), 'no_decision'],
    [{ strategy: 'simple', threshold: null, quorum: half }, count(1, 0, 2, 5), 'accept'],
    [{ strategy: 'simple', threshold: null, quorum: half }, count(0, 0, 5, 5), 'no_decision'],
    [{ strategy: 'simple', threshold: null, quorum: half }, count(0, 0, 0, 5), 'no_decision'],
    [{ strategy: 'majority', threshold: null, quorum: half }, count(3, 0, 0, 6), 'reject'],
    [{ strategy: 'majority', threshold: null, quorum: half }, count(4, 2, 0, 6), 'accept'],
    [{ strategy: 'majority', threshold: half, quorum: half }, count(3, 2, 0, 6), 'accept'],
    [{ strategy: 'majority', threshold: half, quorum: half }, count(3, 3, 0, 6), 'reject'],
    [{ strategy: 'weighted', threshold: null, quorum: half }, count(9, 1, 0, 10), 'accept'],
    [{ strategy: 'weighted', threshold: null, quorum: half }, count(9, 1, 1, 11), 'reject'],
    [{ strategy: 'unanimous', threshold: null, quorum: half }, count(4, 0, 0, 4), 'accept'],
    [{ strategy: 'unanimous', threshold: null, quorum: half }, count(3, 0, 1, 4), 'reject'],
    [{ strategy: 'unanimous', threshold: null, quorum: half }, count(1, 0, 0, 4), 'no_decision'],
  ])('%j of %j is %s', (rule, counted, expected) => {
    expect(outcome(rule, counted)).toBe(expected);
  });

  it('takes exactly 2 of 3 for two thirds, at every scale [VO-x1]', () => {
    const twoThirds = { numerator: 2, denominator: 3 };
    const rule: VotingRule = { strategy: 'majority', threshold: twoThirds, quorum: half };
    for (const scale of [1, 7, 333_333, 1_000_000]) {
      expect(outcome(rule, count(2 * scale, scale, 0, 3 * scale))).toBe('accept');
      expect(outcome(rule, count(2 * scale - 1, scale, 1, 3 * scale))).toBe('reject');
    }
  });

  it('is exact at the largest weights there can be', () => {
    const total = 1000 * 1_000_000;
    const threshold = { numerator: 999_999, denominator: 1_000_000 };
    const rule: VotingRule = { strategy: 'majority', threshold, quorum: half };
    const least = (total / 1_000_000) * 999_999;
    expect(outcome(rule, count(least, 0, 0, total))).toBe('accept');
    expect(outcome(rule, count(least - 1, 0, 0, total))).toBe('reject');
    expect(Number.isSafeInteger(total * 1_000_000)).toBe(true);
  });

  const ballots = fc.array(
    fc.record({ weight: fc.integer({ min: 1, max: 1_000_000 }), choice: fc.constantFrom(...said) }),
    { minLength: 1, maxLength: 50 },
  );

  it('depends on the ballots alone, not on their order [VO2, VO6]', () => {
    fc.assert(
      fc.property(ballots, fc.constantFrom(...rules), fc.infiniteStream(fc.nat()), (cast, rule, keys) => {
        const shuffled = cast
          .map((ballot) => ({ ballot, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ ballot }) => ballot);
        expect(countOf(shuffled)).toEqual(countOf(cast));
        expect(outcome(rule, countOf(shuffled))).toBe(outcome(rule, countOf(cast)));
      }),
    );
  });

  it('is the same for weights as for as many electors of weight 1', () => {
    const small = fc.array(
      fc.record({ weight: fc.integer({ min: 1, max: 9 }), choice: fc.constantFrom(...said) }),
    );
    fc.assert(
      fc.property(small, fc.constantFrom(...rules), (cast, rule) => {
        const single = cast.flatMap(({ weight, choice }) => Array(weight).fill({ weight: 1, choice }));
        expect(outcome(rule, countOf(single))).toBe(outcome(rule, countOf(cast)));
      }),
    );
  });
});

type Settled = typeof settledOutcome;

/** Ballots that were decided although another completion would have come out otherwise, or not although none would. */
function wrongAbout(
  settled: Settled,
  weights: readonly number[],
  checked: readonly VotingRule[] = rules,
): string[] {
  const wrong: string[] = [];
  for (const choices of allBallots(weights.length)) {
    const counted = countOf(weights.map((weight, i) => ({ weight, choice: choices[i] as Choice | null })));
    for (const rule of checked) {
      const possible = outcomesOfAllCompletions(rule, weights, choices);
      const only = possible.size === 1 ? [...possible][0] : undefined;
      if (settled(rule, counted) !== only) wrong.push(`${JSON.stringify(rule)} ${choices}`);
    }
  }
  return wrong;
}

describe('an early decision', () => {
  it('is taken exactly when no completion of the ballots can change it, up to 7 electors [VO4]', () => {
    for (let electors = 1; electors <= 4; electors++)
      expect(wrongAbout(settledOutcome, Array(electors).fill(1))).toEqual([]);
    // Of seven, equal ballots in another order are the same count: 120 of the 16,384 have to be looked at.
    const weights = Array(7).fill(1);
    const wrong: string[] = [];
    for (const choices of allBallots(7)) {
      const order = choices.map((choice) => said.indexOf(choice));
      if (order.some((place, i) => i > 0 && place < order[i - 1]!)) continue;
      const counted = countOf(choices.map((choice) => ({ weight: 1, choice })));
      for (const rule of rules) {
        const possible = outcomesOfAllCompletions(rule, weights, choices);
        const only = possible.size === 1 ? [...possible][0] : undefined;
        if (settledOutcome(rule, counted) !== only) wrong.push(`${JSON.stringify(rule)} ${choices}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('is taken exactly then with weights too [VO4]', () => {
    for (const weights of [
      [1, 2, 3],
      [5, 1, 1, 1],
      [3, 3, 2, 1],
      [1, 1_000_000, 999_999],
    ])
      expect(wrongAbout(settledOutcome, weights)).toEqual([]);
  });

  it.each([
    [
      'a vote too early',
      'const missing = count.total - weightCast(count);',
      'const missing = Math.max(0, count.total - weightCast(count) - 1);',
    ],
    ['without those who never vote', 'now === allReject && now === allAccept', 'allReject === allAccept'],
    ['on a tie', 'if (count.accept <= count.reject)', 'if (count.accept < count.reject)'],
  ])('would be noticed when taken %s [VO4 sabotage]', async (_, text, by) => {
    const twin = await sabotagedSource<typeof decision>('domains/votes/decision.ts', { text, by });
    const found = [3, 4].flatMap((electors) => wrongAbout(twin.settledOutcome, Array(electors).fill(1)));
    expect(found.length).toBeGreaterThan(0);
  });
});
