import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ended, root, run, startProgram, temporaryFolder } from '../support/processes.ts';
import { commandLines } from '../support/running.ts';
import { until } from '../support/until.ts';

/** Every example runs as it stands, and prints what it promises. */
it.each([
  [
    'library',
    [
      'reviewer reads { step: 1 }',
      'too late       REVISION_CONFLICT',
      '[["reviewer",{"step":2}],["coder-1",{"step":1}]]',
    ],
  ],
  ['workers', ['bob did   src/a.ts attempt 2', 'ada late  fenced']],
  ['audit', ['valid    true', 'forged   false', 'verified true']],
  [
    'claude-flow',
    [
      'frontend for the swarm { step: 1 }',
      'tester   null',
      'builds   10',
      'tester   Access denied',
      'entries  4 of which encrypted 3',
    ],
    'mjs',
  ],
])('examples/%s', async (name, lines, ending = 'ts') => {
  const { status, stdout, stderr } = await run(`examples/${name}.${ending}`);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  for (const line of lines) expect(stdout).toContain(line);
});

it('examples/http.sh', async () => {
  const folder = temporaryFolder();
  const { process: shell, lines } = startProgram(httpExample, { TMPDIR: folder });
  let stdout = '';
  for await (const line of lines) stdout += `${line}\n`;
  expect(await ended(shell)).toBe(0);
  expect(stdout).toContain('over HTTP:    {"step":1}');
  expect(stdout).toContain('in the shell: {"step":1}');
  expect(stdout).toMatch(/ok: \d+ entries/);
  expect(serversIn(folder)).toEqual([]);
});

it('examples/http.sh ends its server also when it is ended itself', async () => {
  const folder = temporaryFolder();
  const { process: shell } = startProgram(httpExample, { TMPDIR: folder });
  await until('the server runs', () => serversIn(folder).length > 0);
  shell.kill('SIGTERM');
  await ended(shell);
  expect(serversIn(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});

const httpExample = ['bash', join(root, 'examples/http.sh')];

function serversIn(folder: string): string[] {
  return commandLines().filter((line) => line.includes('serve') && line.includes(folder));
}
