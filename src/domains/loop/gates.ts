import { invalid } from '../../kernel/errors.ts';

/**
 * The gates, as pure functions. A score is a double that stands for the decimal it was written as: the mean of 0.85 and
 * 0.95 is 0.9 exactly, while doubles make it 0.8999999999999999. So scores are compared as decimals, with integers of
 * any size: no rounding, and no epsilon that would let something through.
 */
export const confidenceThreshold = 0.75;
export const consensusThreshold = 0.9;

export interface Score {
  readonly agent: string;
  readonly confidence: number;
}

export interface Verdict {
  readonly passed: boolean;
  /** The mean, for people; `passed` was decided on the exact one. Null where there is no score. */
  readonly overall: number | null;
  readonly threshold: number;
  readonly agents: readonly (Score & { readonly passed: boolean })[];
  /** Who stays below the threshold. */
  readonly below: readonly string[];
}

/** Loop 3: open when every agent, and with that the mean, reaches the threshold. Closed while nobody has reported. */
export function confidenceGate(scores: readonly Score[], threshold: number = confidenceThreshold): Verdict {
  const verdict = weigh(scores, threshold);
  return { ...verdict, passed: verdict.passed && verdict.below.length === 0 };
}

/** Loop 2: open when the mean of the scores reaches the threshold. */
export function consensusGate(scores: readonly Score[], threshold: number = consensusThreshold): Verdict {
  return weigh(scores, threshold);
}

/** Whether a score reaches a threshold, both as the decimals they were written as. */
export function reaches(score: number, threshold: number): boolean {
  return meanReaches([decimal(score)], decimal(threshold));
}

function weigh(scores: readonly Score[], threshold: number): Verdict {
  assertOnce(scores);
  const decimals = scores.map(({ confidence }) => decimal(confidence));
  const limit = decimal(threshold);
  const agents = scores.map((score, i) => ({ ...score, passed: meanReaches([decimals[i]!], limit) }));
  return {
    passed: scores.length > 0 && meanReaches(decimals, limit),
    overall: scores.length === 0 ? null : meanOf(decimals),
    threshold,
    agents,
    below: agents.filter(({ passed }) => !passed).map(({ agent }) => agent),
  };
}

/** An agent counts once, however often it speaks. */
function assertOnce(scores: readonly Score[]): void {
  const seen = new Set<string>();
  for (const [i, { agent }] of scores.entries()) {
    if (seen.has(agent)) throw invalid(`confidences.${i}.agent`, 'each agent once');
    seen.add(agent);
  }
}

/** digits / 10^places. */
interface Decimal {
  readonly digits: bigint;
  readonly places: number;
}

/** The shortest decimal that reads as this double, which is the one it was written as up to 15 digits. */
function decimal(value: number): Decimal {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), places: fraction.length - Number(exponent) };
}

function meanReaches(values: readonly Decimal[], threshold: Decimal): boolean {
  const places = Math.max(threshold.places, ...values.map((value) => value.places));
  return sum(values, places) >= BigInt(values.length) * scaled(threshold, places);
}

const shownPlaces = 15;

function meanOf(values: readonly Decimal[]): number {
  const places = Math.max(...values.map((value) => value.places));
  const shown =
    (sum(values, places) * 10n ** BigInt(shownPlaces)) / (BigInt(values.length) * 10n ** BigInt(places));
  return Number(shown) / 10 ** shownPlaces;
}

function sum(values: readonly Decimal[], places: number): bigint {
  return values.reduce((total, value) => total + scaled(value, places), 0n);
}

function scaled({ digits, places }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(to - places);
}
