import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Check, judge } from '../../src/doors/cli/demo/checks.ts';
import type { Evidence } from '../../src/doors/cli/demo/evidence.ts';
import type { Result } from '../../src/doors/cli/demo/result.ts';
import { cli, ended, start, temporaryFolder } from '../support/processes.ts';
import { commandLines } from '../support/running.ts';

const files = 40;

it('a fleet works through a repository while workers die, and loses nothing [GR3] [GR6]', async () => {
  const data = temporaryFolder();
  const { json, status, stderr } = await cli('demo', repository(), '--data', data, '--workers', '6');
  const result: Result = json.data;
  expect(result?.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(result).toMatchObject({ ok: true, files, processes: 8, findings: { team: files - 8, private: 8 } });
  expect(result.takeovers).toBeGreaterThanOrEqual(3);
  expect(result.kills.map(({ stage }) => stage).toSorted()).toEqual(['locked', 'reported', 'stored']);
  for (const { worker, finished_by: by } of result.kills) expect([null, worker]).not.toContain(by);
  expect(result.languages).toEqual({ TypeScript: 16, Python: 16, Markdown: 8 });
});

it('an interrupted demo leaves no process and no folder behind', async () => {
  const folder = temporaryFolder();
  const demo = start('bin/rookery.js', ['demo', repository()], { TMPDIR: folder });
  await expect.poll(() => processesIn(folder), { timeout: 30_000, interval: 50 }).toBeGreaterThanOrEqual(12);
  demo.process.kill('SIGINT');
  expect(await ended(demo.process)).toBe(130);
  expect(processesIn(folder)).toBe(0);
  expect(readdirSync(folder).filter((name) => name.startsWith('rookery-demo'))).toEqual([]);
});

it.each([
  ['a folder without git', () => temporaryFolder(), 'a git repository'],
  ['a repository without files', () => emptyRepository(), 'at least one file'],
])('the demo refuses %s', async (_, path, accepted) => {
  const { status, json } = await cli('demo', path());
  expect(status).toBe(2);
  expect(json.error).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining(accepted) });
});

it('the checks find a finding that is missing, double, rewritten or about something else', () => {
  const [a, b] = sound.findings as [Evidence['findings'][number], Evidence['findings'][number]];
  expect(failed(sound)).toEqual([]);
  expect(failed({ ...sound, findings: [a] })).toEqual(['every file has exactly one finding, written once']);
  expect(failed({ ...sound, findings: [a, b, { ...b, level: 'private' }] })).toEqual([
    'every file has exactly one finding, written once',
  ]);
  expect(failed({ ...sound, findings: [a, { ...b, revision: 2 }] })).toEqual([
    'every file has exactly one finding, written once',
  ]);
  expect(failed({ ...sound, findings: [a, { ...b, sha256: 'other' }] })).toEqual([
    'every finding is about the content that git has',
  ]);
});

it('the checks find items that were lost, and what nobody took over', () => {
  const { kills, reports, items } = sound;
  expect(failed({ ...sound, items: { ...items, acked: 1, open: 1 } })).toHaveLength(1);
  expect(failed({ ...sound, items: { ...items, dead: 1 } })).toHaveLength(1);
  expect(failed({ ...sound, kills: kills.slice(1) })).toHaveLength(1);
  expect(failed({ ...sound, reports: reports.map((report) => ({ ...report, attempt: 1 })) })).toHaveLength(1);
  expect(failed({ ...sound, reports: reports.map((report) => ({ ...report, token: 1 })) })).toEqual([
    'what they held was finished by others, under a later fencing token',
  ]);
  expect(failed({ ...sound, spied: { tried: 1, read: 1 } })).toHaveLength(1);
  expect(failed({ ...sound, locksHeld: 1 })).toHaveLength(1);
  expect(failed({ ...sound, summary: undefined })).toHaveLength(1);
  const finding = { kind: 'entry-changed', message: 'entry 3 was changed' };
  expect(failed({ ...sound, audit: { ...sound.audit, ok: false, findings: [finding] } })).toHaveLength(1);
});

function failed(evidence: Evidence): string[] {
  return judge(evidence)
    .filter(({ ok }: Check) => !ok)
    .map(({ check }) => check);
}

const report = { language: 'Text', lines: 1, sensitive: false, waitedMs: 0, found: false };
const finding = { level: 'team', owner: 'worker-4', revision: 1 };

/** What a run in which all went well leaves behind. */
const sound: Evidence = {
  durationMs: 1000,
  processes: 6,
  kills: (['locked', 'stored', 'reported'] as const).map((stage, i) => ({
    ...{ worker: `worker-${i}`, pid: i, file: 'b', stage, token: i + 1 },
  })),
  contents: new Map([
    ['a', 'hash of a'],
    ['b', 'hash of b'],
  ]),
  findings: [
    { ...finding, key: 'a', sha256: 'hash of a' },
    { ...finding, key: 'b', sha256: 'hash of b' },
  ],
  reports: [
    { ...report, file: 'a', worker: 'worker-4', attempt: 1, token: 4 },
    { ...report, file: 'b', worker: 'worker-4', attempt: 4, token: 5 },
  ],
  items: { acked: 2, dead: 0, open: 0 },
  summary: { posted: 2, files: 2, lines: 2, languages: { Text: 2 }, sensitive: 0 },
  locksHeld: 0,
  spied: { tried: 1, read: 0 },
  audit: { ok: true, entries: 10, records: 4, findings: [] },
};

/** A repository with files of three languages, every fifth of which speaks of a password. */
function repository(): string {
  const folder = emptyRepository();
  mkdirSync(join(folder, 'src'));
  for (let i = 0; i < files; i++) {
    const [name, text] = [
      [`src/part-${i}.ts`, `export function part${i}() {\n  return ${i};\n}\n`],
      [`src/part_${i}.py`, `def part_${i}():\n    return ${i}\n`],
      [`src/part ${i}.ts`, `export const part = ${i};\n`],
      [`src/other_${i}.py`, `# part ${i}\n`],
      [`notes-${i}.md`, `# Part ${i}\n\nThe password is not here.\n`],
    ][i % 5]!;
    writeFileSync(join(folder, name!), text!);
  }
  execFileSync('git', ['add', '.'], { cwd: folder });
  return folder;
}

function emptyRepository(): string {
  const folder = temporaryFolder();
  execFileSync('git', ['init', '--quiet'], { cwd: folder });
  return folder;
}

/** How many processes were started on a store in this folder. */
function processesIn(folder: string): number {
  return commandLines().filter((line) => line.includes(join(folder, 'rookery-demo'))).length;
}
