import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, inject } from 'vitest';
import { bundleOf } from './programs.ts';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

const running = new Set<ChildProcess>();
const folders: string[] = [];

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  await Promise.all([...running].map(ended));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Where syncing costs nothing, if the machine has such a place: for tests that are not about the disk. */
export const memory: string = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A folder that is gone after the test. */
export function temporaryFolder(place: string = tmpdir()): string {
  const folder = mkdtempSync(join(place, 'rookery-test-'));
  folders.push(folder);
  return folder;
}

export interface Child {
  readonly process: ChildProcess;
  /** Lines of stdout, as they come. */
  readonly lines: AsyncIterableIterator<string>;
  readonly stderr: () => string;
}

/** Starts a TypeScript file, or the CLI, as a process of its own; killed after the test if it still runs. */
export function start(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Child {
  return startProgram([process.execPath, programOf(file), ...args], env);
}

/** A file of the repository that can be run; of a program of tests, its bundle where this run has made one. */
export function programOf(file: string): string {
  const programs = inject('programs');
  const bundle = programs === undefined ? '' : bundleOf(programs, file);
  return existsSync(bundle) ? bundle : join(root, file);
}

/** Starts any program. */
export function startProgram([program, ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  const child = spawn(program!, args, {
    // Starting up is mostly compiling: shared between the hundreds of processes that the tests start.
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'rookery-compile-cache'), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  return {
    process: child,
    lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
    stderr: () => errors,
  };
}

/** The exit status; null when a signal ended it. */
export async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs to the end. */
export async function run(
  file: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  const child = start(file, args, env);
  let stdout = '';
  for await (const line of child.lines) stdout += `${line}\n`;
  return { status: await ended(child.process), stdout, stderr: child.stderr() };
}

/** The CLI, to its end, with its JSON envelope. */
export async function cli(
  ...args: string[]
): Promise<Finished & { json: { ok: boolean; data: never; error: never } }> {
  const finished = await run('bin/rookery.js', [...args, '--json']);
  return { ...finished, json: JSON.parse(finished.stdout || '{}') };
}

/** A server on a free port, once it answers. */
export async function serve(
  data: string,
  ...args: string[]
): Promise<Child & { url: string; token: string }> {
  const child = start('bin/rookery.js', ['serve', '--port', '0', '--data', data, '--json', ...args]);
  const { value } = await child.lines.next();
  if (value === undefined) throw new Error(`the server did not start: ${child.stderr()}`);
  const started = JSON.parse(value) as { ok: boolean; data: { url: string; admin_token_file: string } };
  if (!started.ok) throw new Error(value);
  const { readFileSync } = await import('node:fs');
  return {
    ...child,
    url: started.data.url,
    token: readFileSync(started.data.admin_token_file, 'utf8').trim(),
  };
}
