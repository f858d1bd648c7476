import { styleText } from 'node:util';
import { type Check, successorOf } from './checks.ts';
import type { Evidence } from './evidence.ts';
import { type Stage, stageMeanings } from './protocol.ts';
import type { Repository } from './repository.ts';

/** What the demo answers. Field names as at the doors. */
export interface Result {
  readonly ok: boolean;
  readonly repository: string;
  readonly files: number;
  readonly processes: number;
  readonly workers: number;
  readonly duration_ms: number;
  readonly files_per_second: number;
  /** Files that came to another worker after the first. */
  readonly takeovers: number;
  /** Times that a worker stood before the lock of another. */
  readonly lock_waits: number;
  /** Those of them whose finding was stored already: it was not stored again. */
  readonly found_done: number;
  readonly findings: { readonly team: number; readonly private: number };
  readonly lines: number;
  readonly languages: Readonly<Record<string, number>>;
  readonly kills: readonly {
    readonly worker: string;
    readonly pid: number;
    readonly file: string;
    readonly stage: Stage;
    readonly finished_by: string | null;
  }[];
  readonly checks: readonly Check[];
}

export function resultOf(
  { root, files }: Repository,
  workers: number,
  evidence: Evidence,
  checks: readonly Check[],
): Result {
  const { reports, findings, kills, durationMs, processes, summary } = evidence;
  const again = reports.filter(({ attempt }) => attempt > 1);
  const at = (level: string) => findings.filter((finding) => finding.level === level).length;
  return {
    ok: checks.every(({ ok }) => ok),
    repository: root,
    files: files.length,
    processes,
    workers,
    duration_ms: Math.round(durationMs),
    files_per_second: Math.round(files.length / (durationMs / 1000)),
    takeovers: filesOf(again),
    lock_waits: reports.filter(({ waitedMs }) => waitedMs > 0).length,
    found_done: filesOf(again.filter(({ found }) => found)),
    findings: { team: at('team'), private: at('private') },
    lines: summary?.lines ?? 0,
    languages: summary?.languages ?? {},
    kills: kills.map((kill) => ({ ...kill, finished_by: successorOf(kill, reports)?.worker ?? null })),
    checks,
  };
}

function filesOf(reports: Evidence['reports']): number {
  return new Set(reports.map(({ file }) => file)).size;
}

/** For people: what was done, who died, and what was checked. */
export function render(result: Result): string {
  const { findings, lines, languages } = result;
  const rows: [string, string][] = [
    ['files', `${result.files} (${lines.toLocaleString('en')} lines: ${topOf(languages)})`],
    ['processes', `${result.processes}: ${result.workers} workers, coordinator, reviewer`],
    ['duration', `${(result.duration_ms / 1000).toFixed(1)} s`],
    ['throughput', `${result.files_per_second} files/s`],
    ['kills', `${result.kills.length} workers by SIGKILL`],
    ['takeovers', `${result.takeovers}, of which ${result.found_done} found the finding stored already`],
    ['lock waits', String(result.lock_waits)],
    ['findings', `${findings.team} for the team, ${findings.private} private`],
  ];
  const deaths = result.kills.map(
    ({ worker, pid, file, stage, finished_by: by }) =>
      `  ${worker} (pid ${pid}) died ${stageMeanings[stage]}: ${file} → ${by ?? 'nobody'}`,
  );
  const checks = result.checks.map(
    ({ check, ok, facts }) =>
      `  ${ok ? styleText('green', 'ok    ') : styleText('red', 'FAILED')}  ${check}: ${facts}`,
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    'Killed in the middle, taken over',
    ...deaths,
    '',
    'Checked',
    ...checks,
    '',
    result.ok ? 'Nothing was lost, nothing was done twice.' : styleText('red', 'A check failed.'),
  ].join('\n');
}

const languagesShown = 4;

function topOf(languages: Readonly<Record<string, number>>): string {
  const all = Object.entries(languages);
  const top = all.slice(0, languagesShown).map(([name, files]) => `${name} ${files}`);
  return [...top, ...(all.length > languagesShown ? ['…'] : [])].join(', ');
}
