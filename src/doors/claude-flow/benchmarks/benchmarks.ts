import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalid } from '../../../kernel/errors.ts';
import { type BenchmarkTests, type Configuration, measureAll } from './measuring.ts';
import { Scratch } from './scratch.ts';

/** Defaults: 1000 calls of each kind, 10 callers at once, with encryption and compression. */
export type BenchmarkOptions = { readonly [Option in keyof Configuration]?: Configuration[Option] };

export interface BenchmarkResults extends BenchmarkTests {
  readonly timestamp: number;
  readonly configuration: Configuration;
  readonly tests: BenchmarkTests;
  readonly summary: {
    readonly totalTime: number;
    readonly averageSetTime: number;
    readonly averageGetTime: number;
    readonly maxSetOpsPerSecond: number;
    readonly maxGetOpsPerSecond: number;
    readonly aclCacheHitRate: number;
  };
}

export interface BenchmarkPlace {
  readonly dbPath: string;
  /** Where reports go; none are written without it. */
  readonly outputDir?: string | undefined;
}

/**
 * Measures what seed 001 lists, with the classes that programs use, in a database of its own that is removed afterwards.
 * Beside a database file every set is on disk before it counts.
 */
export class PerformanceBenchmarks {
  readonly #place: BenchmarkPlace;

  constructor(place: BenchmarkPlace) {
    this.#place = place;
  }

  async run(options: BenchmarkOptions = {}): Promise<BenchmarkResults> {
    const configuration = configurationFrom(options);
    const started = performance.now();
    const scratch = new Scratch(this.#place.dbPath);
    try {
      const tests = await measureAll(scratch, configuration);
      const results = resultsOf(tests, configuration, performance.now() - started);
      this.#report(results);
      return results;
    } finally {
      await scratch.remove();
    }
  }

  #report({ tests: _, ...report }: BenchmarkResults): void {
    const { outputDir } = this.#place;
    if (outputDir === undefined) return;
    mkdirSync(outputDir, { recursive: true });
    const time = new Date(report.timestamp).toISOString().replace(/:/g, '-');
    writeFileSync(join(outputDir, `benchmark-${time}.json`), `${JSON.stringify(report, null, 2)}\n`);
  }
}

function configurationFrom(options: BenchmarkOptions): Configuration {
  return {
    testIterations: countFrom('testIterations', options.testIterations ?? 1000),
    concurrency: countFrom('concurrency', options.concurrency ?? 10),
    enableEncryption: options.enableEncryption ?? true,
    enableCompression: options.enableCompression ?? true,
  };
}

function countFrom(name: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw invalid(name, 'a whole number, at least 1');
}

function resultsOf(tests: BenchmarkTests, configuration: Configuration, totalTime: number): BenchmarkResults {
  const { basic_operations: basic, concurrent_operations: concurrent } = tests;
  return {
    timestamp: Date.now(),
    configuration,
    ...tests,
    tests,
    summary: {
      totalTime,
      averageSetTime: basic.set.avg,
      averageGetTime: basic.get.avg,
      maxSetOpsPerSecond: concurrent.concurrent_sets.opsPerSecond,
      maxGetOpsPerSecond: concurrent.concurrent_gets.opsPerSecond,
      aclCacheHitRate: tests.acl_performance.cache_hit_rate,
    },
  };
}
