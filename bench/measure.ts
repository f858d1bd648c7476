import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One measured line: how long an operation took, and against what it is held. */
export interface Row {
  readonly name: string;
  /** Microseconds an operation, over all callers: 1,000,000 divided by the throughput. Absent where nothing is timed. */
  readonly microseconds?: number;
  /** What it is compared with, measured in turn with it. */
  readonly floor?: { readonly name: string; readonly microseconds: number };
  /** What the target speaks of: throughput relative to the floor unless the unit says otherwise. */
  readonly measured?: { readonly value: number; readonly unit: Unit };
  readonly target?: Target;
  readonly note?: string;
}

/** `×` is a ratio; durations are 95th percentiles. */
export type Unit = '×' | 'µs' | 'ms p95' | 'bytes';

export interface Target {
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

export function atLeast(value: number): Target {
  return { bound: 'at least', value };
}

export function atMost(value: number): Target {
  return { bound: 'at most', value };
}

/** A row that could not be measured here, and why. */
export interface NotRun {
  readonly name: string;
  readonly reason: string;
}

/** One measurement that can be chosen by name. */
export interface Bench {
  readonly name: string;
  run(scale: Scale): Promise<Row | NotRun>;
}

/** How much work a run does: 1 is the full bench, less is a quick look that proves it still runs. */
export interface Scale {
  readonly factor: number;
  readonly rounds: number;
  /** Also what takes many minutes and gigabytes. */
  readonly large: boolean;
}

/** Operations for one measurement at this scale. */
export function count(full: number, { factor }: Scale): number {
  return Math.max(20, Math.round(full * factor));
}

/** Runs `operations` calls by `callers` concurrent callers and answers microseconds an operation. */
export async function concurrently(
  callers: number,
  operations: number,
  call: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < operations) await call(next++);
    }),
  );
  return ((performance.now() - started) * 1000) / operations;
}

export interface Compared {
  readonly a: number;
  readonly b: number;
  /** Throughput of `a` relative to `b`: the median of the ratios of each round. */
  readonly ratio: number;
}

/**
 * Measures two contenders in turn, A B A B …, and answers the medians: a machine whose speed drifts then moves both.
 */
export async function inTurn(
  rounds: number,
  a: (round: number) => Promise<number>,
  b: (round: number) => Promise<number>,
): Promise<Compared> {
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round++) pairs.push([await a(round), await b(round)]);
  return {
    a: median(pairs.map(([value]) => value)),
    b: median(pairs.map(([, value]) => value)),
    ratio: median(pairs.map(([first, second]) => second / first)),
  };
}

/** The row of a comparison by throughput. */
export function compared(
  name: string,
  { a, b, ratio }: Compared,
  { floor, target, note }: { floor: string; target?: Target; note?: string },
): Row {
  return {
    name,
    microseconds: a,
    floor: { name: floor, microseconds: b },
    measured: { value: ratio, unit: '×' },
    ...(target && { target }),
    ...(note !== undefined && { note }),
  };
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A temporary folder that is removed afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
