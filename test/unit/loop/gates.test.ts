import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confidenceGate, consensusGate, reaches, type Score } from '../../../src/domains/loop/gates.ts';

const scores = (...values: number[]): Score[] =>
  values.map((confidence, i) => ({ agent: `agent-${i + 1}`, confidence }));

/** The double next to another. */
function beside(value: number, step: 1 | -1): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(step));
  return bits.getFloat64(0);
}

/** Who is let through by an implementation of the gates. */
interface Gates {
  confidence(scores: readonly Score[]): boolean;
  consensus(scores: readonly Score[]): boolean;
}
const own: Gates = {
  confidence: (given) => confidenceGate(given).passed,
  consensus: (given) => consensusGate(given).passed,
};

/** The boundaries that each implementation is asked about: the scores, the gate, and whether it is open. */
const boundaries: [gate: keyof Gates, given: Score[], open: boolean][] = [
  ['confidence', scores(0.75), true],
  ['confidence', scores(beside(0.75, -1)), false],
  ['confidence', scores(0.75, 0.75, 0.75), true],
  ['confidence', scores(0.99, 0.99, 0.74), false],
  ['confidence', scores(0.74, 0.76), false],
  ['confidence', [], false],
  ['consensus', scores(0.9), true],
  ['consensus', scores(beside(0.9, -1)), false],
  ['consensus', scores(0.85, 0.95), true],
  ['consensus', scores(0.8, 1), true],
  ['consensus', scores(0.7, 1, 1), true],
  ['consensus', scores(0.85, 0.9499999999), false],
  ['consensus', scores(0.92), true],
  ['consensus', [], false],
];
const wrongOf = (gates: Gates) => boundaries.filter(([gate, given, open]) => gates[gate](given) !== open);

const mean = (given: readonly Score[]) =>
  given.reduce((sum, { confidence }) => sum + confidence, 0) / given.length;

describe('gates', () => {
  it('open exactly at 0.75 for every agent, and at 0.90 for the mean', () => {
    expect(wrongOf(own)).toEqual([]);
  });

  it('would be told from gates that are off by an epsilon, or that average doubles [sabotage]', () => {
    const offBy = (epsilon: number): Gates => ({
      confidence: (given) =>
        given.length > 0 && given.every(({ confidence }) => confidence >= 0.75 + epsilon),
      consensus: (given) => given.length > 0 && mean(given) >= 0.9 + epsilon,
    });
    const withoutEveryAgent: Gates = { ...own, confidence: (given) => mean(given) >= 0.75 };
    for (const wrong of [offBy(0), offBy(1e-9), offBy(-1e-9), offBy(-1e-12), withoutEveryAgent])
      expect(wrongOf(wrong)).not.toEqual([]);
  });

  it('says who stays below, and what the mean is', () => {
    expect(confidenceGate(scores(0.9, 0.7, 0.8))).toEqual({
      passed: false,
      overall: 0.8,
      threshold: 0.75,
      agents: [
        { agent: 'agent-1', confidence: 0.9, passed: true },
        { agent: 'agent-2', confidence: 0.7, passed: false },
        { agent: 'agent-3', confidence: 0.8, passed: true },
      ],
      below: ['agent-2'],
    });
    expect(consensusGate([])).toMatchObject({ passed: false, overall: null, threshold: 0.9 });
  });

  it('counts an agent once', () => {
    const twice = [...scores(0.9), ...scores(1)];
    expect(() => confidenceGate(twice)).toThrowError(/confidences\.1\.agent: each agent once/);
  });

  it('compare hundredths as integers do', () => {
    const hundredths = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(hundredths, fc.integer({ min: 0, max: 100 }), (given, threshold) => {
        const sum = given.reduce((total, value) => total + value, 0);
        const asked = scores(...given.map((value) => value / 100));
        expect(consensusGate(asked, threshold / 100).passed).toBe(sum >= threshold * given.length);
        const all = given.every((value) => value >= threshold);
        expect(confidenceGate(asked, threshold / 100).passed).toBe(all);
      }),
    );
  });

  it('take any double from 0 to 1, the smallest too', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (a, b) => {
          expect(reaches(a, b)).toBe(a >= b);
        },
      ),
    );
    expect(reaches(Number.MIN_VALUE, 0)).toBe(true);
    expect(reaches(0, Number.MIN_VALUE)).toBe(false);
    expect(reaches(1e-7, 0.0000001)).toBe(true);
  });
});
