import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { extname } from 'node:path';
import { type ErrorCode, RookeryError } from '../../../kernel/errors.ts';
import type { Assignment, FromConductor, ToConductor } from './protocol.ts';

/** The parts there are; each is a file of its own beside this one. */
export type PartName = 'worker' | 'coordinator' | 'reviewer';

export interface Member {
  readonly agent: string;
  readonly pid: number;
  tell(message: FromConductor): void;
  kill(): void;
  /** How it ended: `clean` is its own end without a fault, and the end of one that was killed on purpose. */
  readonly ended: Promise<void>;
}

/** The processes of one demo. None of them outlives this one. */
export class Crew {
  /** Rejects when a process fails that nobody killed. */
  readonly failure: Promise<never>;
  readonly #running = new Map<ChildProcess, Promise<void>>();
  #fail!: (error: RookeryError) => void;

  constructor() {
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => {}); // heard by whoever waits for something else at that time
    process.on('exit', this.#killAll);
  }

  /** Starts a process and resolves when it has opened the store. */
  start(part: PartName, assignment: Assignment, hear: (message: ToConductor, member: Member) => void) {
    const { agent } = assignment;
    // The part beside this file: source in a checkout, built where it is installed.
    const file = new URL(`./${part}${extname(import.meta.url)}`, import.meta.url);
    const cache = getCompileCacheDir();
    const child = fork(file, [JSON.stringify(assignment)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
    });
    let killed = false;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', (status, signal) => {
        this.#running.delete(child);
        if (!killed && status !== 0) this.#fail(endedBadly(agent, status, signal));
        resolve();
      });
    });
    this.#running.set(child, ended);
    const member: Member = {
      agent,
      pid: child.pid!,
      tell: (message) => child.connected && child.send(message),
      kill() {
        killed = true;
        child.kill('SIGKILL');
      },
      ended,
    };
    return new Promise<Member>((resolve, reject) => {
      child.once('error', reject);
      child.on('message', (message: ToConductor) => {
        if (message.kind === 'ready') resolve(member);
        else if (message.kind === 'failed') this.#fail(failed(agent, message.code, message.message));
        else hear(message, member);
      });
    });
  }

  /** Ends what still runs, each by its process id, and waits until it is gone. */
  async end(): Promise<void> {
    process.off('exit', this.#killAll);
    const ends = [...this.#running.values()];
    this.#killAll();
    await Promise.all(ends);
  }

  readonly #killAll = () => {
    for (const child of this.#running.keys()) child.kill('SIGKILL');
  };
}

function failed(agent: string, code: ErrorCode, message: string): RookeryError {
  return new RookeryError(code, `${agent}: ${message}`, { agent });
}

function endedBadly(agent: string, status: number | null, signal: string | null): RookeryError {
  return new RookeryError('UNAVAILABLE', `${agent} ended with ${signal ?? `status ${status}`}`, { agent });
}
