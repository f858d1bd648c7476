import {
  type Choice,
  type Count,
  countOf,
  type Decision,
  type Fraction,
  outcome,
  type VotingRule,
} from '../../src/domains/votes/decision.ts';

/** What an elector may have done by the close. */
export const said = ['accept', 'reject', 'abstain', null] as const satisfies (Choice | null)[];

const of = (numerator: number, denominator: number): Fraction => ({ numerator, denominator });

/** Rules with the fractions that exact and careless arithmetic tell apart, and the ends of what may be asked for. */
export const rules: readonly VotingRule[] = [of(1, 2), of(1, 1_000_000), of(2, 3), of(1, 1)].flatMap(
  (quorum) => [
    { strategy: 'simple', threshold: null, quorum },
    { strategy: 'unanimous', threshold: null, quorum },
    ...[null, of(1, 2), of(2, 3), of(5, 7)].map((threshold) => ({
      strategy: 'majority' as const,
      threshold,
      quorum,
    })),
    ...[of(9, 10), of(1, 3), of(2, 3), of(1, 1)].map((threshold) => ({
      strategy: 'weighted' as const,
      threshold,
      quorum,
    })),
  ],
);

/** The outcomes of all ways in which the missing electors could still vote, or not. */
export function outcomesOfAllCompletions(
  rule: VotingRule,
  weights: readonly number[],
  choices: readonly (Choice | null)[],
): Set<Decision> {
  const missing = weights.filter((_, i) => choices[i] === null);
  let counts: Count[] = [countOf(weights.map((weight, i) => ({ weight, choice: choices[i]! })))];
  for (const weight of missing) {
    counts = counts.flatMap((count) =>
      said.map((choice) => (choice === null ? count : { ...count, [choice]: count[choice] + weight })),
    );
  }
  return new Set(counts.map((count) => outcome(rule, count)));
}

/** Every way in which some electors may have voted so far. */
export function* allBallots(electors: number): Generator<(Choice | null)[]> {
  const ways = said.length ** electors;
  for (let way = 0; way < ways; way++)
    yield Array.from({ length: electors }, (_, i) => said[Math.floor(way / said.length ** i) % said.length]!);
}
