import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Runs every test and ends with what was not run, by name, and one line `N passed, N failed`. Arguments are passed on
 * to vitest. With ROOKERY_REQUIRE_SERVICES=1 a test of a real service that was not run is a failure.
 */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rookery-report-'));
const report = join(folder, 'report.json');

const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);

const result = readReport();
rmSync(folder, { recursive: true, force: true });
if (!result) {
  console.log('The tests did not run to their end.\n0 passed, 1 failed');
  process.exit(run.status || 1);
}

const notRun = result.testResults.flatMap((file) =>
  file.assertionResults
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => fullName),
);
if (notRun.length > 0)
  console.log(`\nNot run on this machine:\n${notRun.map((name) => `  ${name}`).join('\n')}`);
const strict = process.env['ROOKERY_REQUIRE_SERVICES'] === '1';
// Published test vectors are not part of the repository: that they are absent is said, and no failure.
const owed = notRun.filter((name) => !name.startsWith('vectors: '));
// A file that fails to load has no failed test of its own.
const failed =
  Math.max(result.numFailedTests, result.success || run.status === 0 ? 0 : 1) + (strict ? owed.length : 0);
console.log(
  `\n${result.numPassedTests} passed, ${failed} failed${notRun.length > 0 ? `, ${notRun.length} skipped` : ''}`,
);
process.exit(failed > 0 || result.numPassedTests === 0 ? 1 : 0);

function readReport(): Report | undefined {
  try {
    return JSON.parse(readFileSync(report, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}
