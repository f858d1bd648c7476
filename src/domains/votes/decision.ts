/**
 * The rule of a vote as a pure function of weights, in integers only. Weights are at most 10^6, electors 1,000 and the
 * parts of a fraction 10^6, so no product exceeds 10^15, which a JavaScript number holds exactly.
 */
export interface Fraction {
  readonly numerator: number;
  readonly denominator: number;
}

export type Strategy = 'simple' | 'majority' | 'weighted' | 'unanimous';
export type Choice = 'accept' | 'reject' | 'abstain';
export type Decision = 'accept' | 'reject' | 'no_decision';

export interface VotingRule {
  readonly strategy: Strategy;
  /** Null: the strategy's own. */
  readonly threshold: Fraction | null;
  readonly quorum: Fraction;
}

/** Weights: of the ballots for each choice, and of the whole electorate. */
export interface Count {
  readonly accept: number;
  readonly reject: number;
  readonly abstain: number;
  readonly total: number;
}

export interface Weighed {
  readonly weight: number;
  readonly choice: Choice | null;
}

/** The count of an electorate with its ballots, in any order. */
export function countOf(electors: Iterable<Weighed>): Count {
  const count = { accept: 0, reject: 0, abstain: 0, total: 0 };
  for (const { weight, choice } of electors) {
    count.total += weight;
    if (choice !== null) count[choice] += weight;
  }
  return count;
}

export function weightCast({ accept, reject, abstain }: Count): number {
  return accept + reject + abstain;
}

/**
 * The outcome of ballots at the close. No decision without the quorum, which abstentions help to reach, nor when all
 * abstained. Otherwise it is accepted or rejected; a tie rejects, whatever the strategy.
 */
export function outcome(rule: VotingRule, count: Count): Decision {
  if (!reaches(weightCast(count), rule.quorum, count.total)) return 'no_decision';
  if (count.accept + count.reject === 0) return 'no_decision';
  if (count.accept <= count.reject) return 'reject';
  return isCarried(rule, count) ? 'accept' : 'reject';
}

function isCarried({ strategy, threshold }: VotingRule, count: Count): boolean {
  switch (strategy) {
    case 'simple':
      return true;
    case 'majority':
      return threshold ? reaches(count.accept, threshold, count.total) : 2 * count.accept > count.total;
    case 'weighted':
      return reaches(count.accept, threshold ?? seedThreshold, weightCast(count));
    case 'unanimous':
      return count.accept === count.total;
  }
}

/** Seed 000 accepts at 0.90. */
export const seedThreshold: Fraction = { numerator: 9, denominator: 10 };

/** Whether a part is at least a fraction of the whole. */
function reaches(part: number, { numerator, denominator }: Fraction, whole: number): boolean {
  return part * denominator >= numerator * whole;
}

/**
 * The outcome that no missing ballot can change any more; undefined while one could. Missing electors may accept, reject,
 * abstain or never vote. More acceptance never harms a proposal and more rejection never helps it, so three of all
 * completions bound the others: nobody else votes, all reject, all accept.
 */
export function settledOutcome(rule: VotingRule, count: Count): Decision | undefined {
  const missing = count.total - weightCast(count);
  const now = outcome(rule, count);
  if (missing === 0) return now;
  const allReject = outcome(rule, { ...count, reject: count.reject + missing });
  const allAccept = outcome(rule, { ...count, accept: count.accept + missing });
  return now === allReject && now === allAccept ? now : undefined;
}
