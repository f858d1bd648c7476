/** Milliseconds over the calls of one kind. */
export interface Timing {
  readonly min: number;
  readonly max: number;
  readonly avg: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
}

/** Times calls one after the other. */
export async function timed(rounds: number, call: (round: number) => unknown): Promise<Timing> {
  const durations: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const answer = call(round);
    if (answer instanceof Promise) await answer;
    durations.push(performance.now() - started);
  }
  return summarised(durations);
}

export interface Throughput {
  /** Milliseconds for all calls. */
  readonly totalTime: number;
  readonly opsPerSecond: number;
  readonly workers: number;
}

/** Lets `workers` callers share `rounds` calls, each beginning its next when its last has ended. */
export async function together(
  rounds: number,
  workers: number,
  call: (round: number) => Promise<unknown>,
): Promise<Throughput> {
  let next = 0;
  const worker = async () => {
    while (next < rounds) await call(next++);
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: workers }, worker));
  const totalTime = performance.now() - started;
  return { totalTime, opsPerSecond: (rounds / totalTime) * 1000, workers };
}

export function summarised(durations: readonly number[]): Timing {
  const sorted = [...durations].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const sum = sorted.reduce((total, duration) => total + duration, 0);
  return {
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
    avg: sorted.length === 0 ? 0 : sum / sorted.length,
    median: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
  };
}
