import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended, programOf, startProgram, temporaryFolder } from './processes.ts';

/** A system call of a program: the `nth` of its name. */
export interface SystemCall {
  readonly name: string;
  readonly nth: number;
  /** Lines that the program had printed before. */
  readonly printed: number;
}

/** Whether programs can be watched here. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

// Without --seccomp-bpf, under which strace 6.1 does not deliver injected signals.
const tracer = ['strace', '-f', '-qq'];

/** The calls of the given names that a TypeScript file makes on its main thread, in order. */
export async function callsOf(
  names: readonly string[],
  file: string,
  args: readonly string[],
): Promise<SystemCall[]> {
  const trace = join(temporaryFolder(), 'trace');
  const traced = [...tracer, '-o', trace, '-e', `trace=write,${names.join(',')}`, process.execPath];
  const child = startProgram([...traced, programOf(file), ...args]);
  if ((await ended(child.process)) !== 0) throw new Error(`it failed: ${child.stderr()}`);
  const lines = readFileSync(trace, 'utf8').trim().split('\n');
  const main = lines[0]!.split(' ', 1)[0]!;
  const seen = new Map<string, number>();
  let printed = 0;
  return lines.flatMap((line) => {
    const [, thread, name = '', first] = /^(\d+) +(\w+)\(([^,)]*)/.exec(line) ?? [];
    if (thread !== main) return [];
    if (name === 'write' && first === '1') printed++;
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    return names.includes(name) ? [{ name, nth, printed }] : [];
  });
}

/** What is done with a call in place of making it: `signal=KILL`, `error=EIO`. */
export interface Interception {
  readonly call: Pick<SystemCall, 'name' | 'nth'>;
  readonly by: string;
}

export interface Ended {
  /** What it printed. */
  readonly lines: readonly string[];
  readonly killed: boolean;
}

/** Runs a TypeScript file to its end under an interception. */
export async function intercepted(
  { call, by }: Interception,
  file: string,
  args: readonly string[],
): Promise<Ended> {
  const inject = `inject=${call.name}:${by}:when=${call.nth}`;
  const traced = [...tracer, '-o', '/dev/null', '-e', `trace=${call.name}`, '-e', inject, process.execPath];
  const child = startProgram([...traced, programOf(file), ...args]);
  const lines: string[] = [];
  for await (const line of child.lines) lines.push(line);
  await ended(child.process);
  return { lines, killed: child.process.signalCode === 'SIGKILL' };
}
