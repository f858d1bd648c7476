import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { root, run } from '../support/processes.ts';

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

it('examples/http.sh', () => {
  const { status, stdout } = spawnSync('bash', ['examples/http.sh'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 50_000,
  });
  expect(stdout).toContain('over HTTP:    {"step":1}');
  expect(stdout).toContain('in the shell: {"step":1}');
  expect(stdout).toMatch(/ok: \d+ entries/);
  expect(status).toBe(0);
});
