import { availableParallelism, loadavg } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import type { Bench, NotRun, Row, Scale } from './measure.ts';
import { accessBenches } from './rows/access.ts';
import { dualWriteBenches } from './rows/dual-write.ts';
import { httpBenches } from './rows/http.ts';
import { ledgerBenches } from './rows/ledger.ts';
import { lockBenches } from './rows/locks.ts';
import { mailBenches } from './rows/mail.ts';
import { memoryBenches } from './rows/memory.ts';
import { redisBenches } from './rows/redis.ts';
import { signalBenches } from './rows/signals.ts';
import { storageBenches } from './rows/storage.ts';
import { vaultBenches } from './rows/vault.ts';
import { voteBenches } from './rows/votes.ts';
import { wakeupBenches } from './rows/wakeups.ts';
import { workBenches } from './rows/work.ts';
import { footnotesOf, tableOf, verdictOf } from './table.ts';

const benches: readonly Bench[] = [
  ...memoryBenches,
  ...accessBenches,
  ...vaultBenches,
  ...ledgerBenches,
  ...mailBenches,
  ...lockBenches,
  ...signalBenches,
  ...workBenches,
  ...voteBenches,
  ...wakeupBenches,
  ...httpBenches,
  ...storageBenches,
  ...redisBenches,
  ...dualWriteBenches,
];

const usage = `Usage: npm run bench -- [--quick] [--large] [--json] [--only TEXT]

Measures the store against hand-written node:sqlite on the same rows and settings, in one run, one after the other in
turn: the ratios hold on any machine, the microseconds on this one.

  --quick      a few operations of each row: proves that every row runs, and measures nothing
  --large      also what takes many minutes and gigabytes of disk: ten million keys
  --only TEXT  rows whose name contains this text
  --json       one JSON object on stdout`;

await main();

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return;
  const { quick, large, json, only } = options;
  const scale: Scale = quick ? { factor: 0.001, rounds: 1, large: false } : { factor: 1, rounds: 5, large };
  const chosen = benches.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()));
  if (chosen.length === 0) return fail(`no row has "${only}" in its name`);
  const started = performance.now();
  const loadBefore = loadavg()[0]!;
  const rows: Row[] = [];
  const notRun: NotRun[] = [];
  for (const bench of chosen) {
    process.stderr.write(`  ${bench.name} …\n`);
    const result = await bench.run(scale);
    if ('reason' in result) notRun.push(result);
    else rows.push(result);
  }
  const seconds = (performance.now() - started) / 1000;
  const environment = environmentOf(quick, seconds, loadBefore);
  if (json) {
    const judged = rows.map((row) => ({ ...row, verdict: quick ? '' : verdictOf(row) }));
    console.log(JSON.stringify({ environment, rows: judged, not_run: notRun }));
    return;
  }
  console.log(`\n${tableOf(rows, !quick)}\n\n${footnotesOf(rows, notRun)}\n`);
  console.log(Object.values(environment).join(' · '));
}

interface Options {
  readonly quick: boolean;
  readonly large: boolean;
  readonly json: boolean;
  readonly only: string;
}

function optionsOf(args: string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        large: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (!values.help) return values;
    console.log(usage);
  } catch (error) {
    fail(`${(error as Error).message}\n\n${usage}`);
  }
  return undefined;
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 2;
}

function environmentOf(quick: boolean, seconds: number, load: number): Record<string, string> {
  const db = new DatabaseSync(':memory:');
  const sqlite = String(db.prepare('SELECT sqlite_version() AS version').get()!['version']);
  db.close();
  return {
    node: `Node ${process.versions.node}`,
    sqlite: `SQLite ${sqlite}`,
    machine: `${availableParallelism()} cores, ${process.platform} ${process.arch}`,
    settings: 'WAL, synchronous=FULL',
    // What else the machine does slows both sides, but not all rows alike: latencies suffer most.
    load: `load ${load.toFixed(1)} before the run${load > availableParallelism() / 2 ? ': BUSY, measure again on a quiet machine' : ''}`,
    ...(quick && { quick: 'quick: proves that the rows run, measures nothing' }),
    duration: `${seconds.toFixed(0)} s`,
  };
}
