import { type ChildProcess, spawn } from 'node:child_process';

/**
 * A program that is run when something happens to a coordinator: its name and arguments, as a list or as words between
 * spaces. There is no shell: what only a shell would understand is refused.
 */
export type Hook = readonly string[] | string;

export const hookNames = ['on_blocking_start', 'on_signal_received', 'on_blocking_timeout'] as const;
export type HookName = (typeof hookNames)[number];

export interface AgentProfile {
  readonly name?: string | undefined;
  readonly hooks?: Partial<Record<HookName, Hook>> | undefined;
}

export interface HookMetrics {
  readonly hooksExecuted: number;
  readonly hooksFailed: number;
  readonly hookExecutionTimeMs: number;
  readonly averageHookDuration: number;
}

/** Seed 000: what takes longer is ended. */
const limitMs = 5000;
/** What a program needs to run at all; secrets of this process are not among it. */
const allowed = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];
const shellWords = /[|&;<>()$`\\"'*?[\]#~=%!{}\n]/;

/** Runs the hooks of one coordinator. A hook that fails is counted, told and never fatal. */
export class Hooks {
  readonly #hooks: ReadonlyMap<HookName, readonly string[]>;
  readonly #onFailure: (name: HookName, why: string) => void;
  #executed = 0;
  #failed = 0;
  #totalMs = 0;

  constructor(profile: AgentProfile | undefined, onFailure: (name: HookName, why: string) => void) {
    const given = hookNames.flatMap((name) => {
      const hook = profile?.hooks?.[name];
      return hook === undefined ? [] : [[name, wordsOf(name, hook)] as const];
    });
    this.#hooks = new Map(given);
    this.#onFailure = onFailure;
  }

  metrics(): HookMetrics {
    const averageHookDuration = this.#executed === 0 ? 0 : this.#totalMs / this.#executed;
    return {
      hooksExecuted: this.#executed,
      hooksFailed: this.#failed,
      hookExecutionTimeMs: this.#totalMs,
      averageHookDuration,
    };
  }

  /** Runs the hook of this name, if there is one, and waits for its end. The facts become `HOOK_…` variables. */
  async run(name: HookName, facts: Readonly<Record<string, string | number>>): Promise<void> {
    const words = this.#hooks.get(name);
    if (!words) return;
    const started = performance.now();
    this.#executed++;
    const failure = await execute(words, { HOOK_NAME: name, ...variablesOf(facts) });
    this.#totalMs += performance.now() - started;
    if (failure === undefined) return;
    this.#failed++;
    this.#onFailure(name, failure);
  }
}

function wordsOf(name: HookName, hook: Hook): readonly string[] {
  const words = typeof hook === 'string' ? hook.trim().split(/\s+/) : hook;
  const plain = typeof hook !== 'string' || !shellWords.test(hook);
  if (plain && words.length > 0 && words.every((word) => typeof word === 'string') && words[0] !== '')
    return words;
  throw new Error(
    `Invalid hook ${name}: a program and its arguments, as a list; nothing that needs a shell to be understood`,
  );
}

function variablesOf(facts: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      `HOOK_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      String(value),
    ]),
  );
}

/** Why it failed; undefined when it did not. */
async function execute(
  words: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  try {
    return await endOf(begin(words, variables));
  } catch (error) {
    // Text that no program can be handed: with a NUL in it, or too long. By its code, as the message has that text in it.
    return `cannot be started: ${(error as NodeJS.ErrnoException).code}`;
  }
}

function begin(
  [program, ...parameters]: readonly string[],
  variables: Readonly<Record<string, string>>,
): ChildProcess {
  const inherited = allowed.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return spawn(program!, parameters, {
    env: { ...Object.fromEntries(inherited), ...variables },
    stdio: 'ignore',
    shell: false,
    // A group of its own, so that what the program started ends with it.
    detached: true,
  });
}

function endOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => endGroup(child.pid), limitMs);
    const finish = (failure: string | undefined) => {
      clearTimeout(timer);
      resolve(failure);
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (status, signal) =>
      finish(
        signal === 'SIGKILL'
          ? `ended after ${limitMs} ms`
          : status === 0
            ? undefined
            : `exit status ${status}`,
      ),
    );
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
