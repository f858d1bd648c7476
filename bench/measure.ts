import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One measured line: how long an operation took, and against what it is held. */
export interface Row {
  readonly name: string;
  /** Microseconds an operation, over all callers: 1,000,000 divided by the throughput. */
  readonly microseconds: number;
  /** Throughput relative to the floor, where there is one. */
  readonly ratio?: number;
  readonly target?: number;
  readonly note?: string;
}

/** How much work a run does: 1 is the full bench, less is a quick look that proves it still runs. */
export interface Scale {
  readonly factor: number;
  readonly rounds: number;
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

/**
 * Measures two contenders in turn, A B A B …, and answers the medians: a machine whose speed drifts then moves both.
 */
export async function inTurn(
  rounds: number,
  a: (round: number) => Promise<number>,
  b: (round: number) => Promise<number>,
): Promise<{ a: number; b: number; ratio: number }> {
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round++) pairs.push([await a(round), await b(round)]);
  return {
    a: median(pairs.map(([value]) => value)),
    b: median(pairs.map(([, value]) => value)),
    ratio: median(pairs.map(([first, second]) => second / first)),
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
