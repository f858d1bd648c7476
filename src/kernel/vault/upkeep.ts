import { setTimeout as delay } from 'node:timers/promises';
import { WriteContext } from '../context.ts';
import { asRookeryError, isRookeryError } from '../errors.ts';
import { readHead } from '../ledger/head.ts';
import type { Work } from '../work.ts';
import { keysTopic, Reencryption, type UpkeepParts } from './reencryption.ts';
import {
  type ErasureRow,
  endErasure,
  pendingErasures,
  relayIsBehind,
  rotationOf,
  unfinishedAfter,
} from './rotation-statements.ts';

/** How often a process looks whether others have changed keys that it remembers. */
const lookIntervalMs = 10_000;
const longestPauseMs = 1000;

/**
 * What keys need beyond the transactions that change them: sealing records anew, emptying the write-ahead log of what was
 * erased, forgetting keys that others have changed. Runs behind the calls of this process, one project at a time each.
 */
export class Upkeep {
  readonly #parts: UpkeepParts;
  /** By kind of work and project. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #closing = new AbortController();
  readonly #troubles = new Map<string, string>();
  readonly #epochs = new Map<string, number>();
  readonly #look: NodeJS.Timeout;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#look = setInterval(() => void this.#forgetChanged().catch(() => {}), lookIntervalMs);
    this.#look.unref();
  }

  /** Sees to it that unfinished work of a project goes on, in a later turn: whoever asks may be inside a transaction. */
  wake(project: string): void {
    setImmediate(() => {
      // Told by `trouble`; whoever asks next has it tried again.
      this.finish(project).catch(() => {});
    });
  }

  /** Why work on a project could not go on, the last time that this process tried. */
  trouble(project: string): string | undefined {
    return this.#troubles.get(project);
  }

  /** Resolves once nothing is left to do in a project, whoever does it; rejects when it cannot be done. */
  async finish(project: string): Promise<void> {
    try {
      await Promise.all([
        this.#start(`rotation\n${project}`, () => this.#finishRotation(project)),
        this.#start(`erasures\n${project}`, () => this.#finishErasures(project)),
      ]);
      this.#troubles.delete(project);
    } catch (error) {
      const { code, message } = asRookeryError(error);
      this.#troubles.set(project, `${code}: ${message}`);
      throw error;
    }
  }

  /** Goes on with what any process has left unfinished, in all projects. */
  async resume(): Promise<void> {
    for (let last = ''; ; ) {
      const next = await this.#parts.engine.read(() => unfinishedAfter(last));
      if (!next) return;
      last = next.project_id;
      this.wake(last);
    }
  }

  /** Empties the log of what was overwritten; false while another process still reads it. */
  async scrub(): Promise<boolean> {
    const { engine } = this.#parts;
    return engine.scrub ? await engine.scrub() : true;
  }

  /** Stops after the step that is under way; the rest is for whoever comes next. */
  async close(): Promise<void> {
    clearInterval(this.#look);
    this.#closing.abort();
    await Promise.allSettled(this.#running.values());
  }

  #start(name: string, attempt: () => Promise<boolean>): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    const running = this.#running.get(name);
    if (running) {
      this.#again.add(name);
      return running;
    }
    const work = this.#untilDone(name, attempt);
    this.#running.set(name, work);
    return work;
  }

  /** Tries until it is done; whoever asks meanwhile has it looked at once more. */
  async #untilDone(name: string, attempt: () => Promise<boolean>): Promise<void> {
    const { signal } = this.#closing;
    try {
      for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        this.#again.delete(name);
        const done = await attempt().catch(unlessLater);
        if (done && !this.#again.has(name)) return;
        if (!done) await delay(pauseMs, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#running.delete(name);
    }
  }

  async #finishRotation(project: string): Promise<boolean> {
    const rotation = await this.#parts.engine.read(() => rotationOf(project));
    if (rotation?.state !== 'running') return true;
    return await new Reencryption(this.#parts, project, this.#closing.signal).run();
  }

  async #finishErasures(project: string): Promise<boolean> {
    // Listed first: what is listed was committed, and so lies in the log, before that is emptied.
    const pending = await this.#parts.engine.read(() => pendingErasures(project));
    const last = pending.at(-1);
    if (!last) return true;
    if (await this.#parts.engine.read(() => relayIsBehind(project, last.seq))) return false;
    if (!(await this.scrub())) return false;
    for (const erasure of pending) await this.#conclude(project, erasure);
    return true;
  }

  async #conclude(project: string, { id, requested_by: agent, seq }: ErasureRow): Promise<void> {
    const { commits, services } = this.#parts;
    const principal = { project, agent, rights: new Set<never>() };
    await commits.submit({
      project,
      *run(tx): Work<void> {
        if ((yield* endErasure(project, id, tx.now)) !== 1) return;
        const context = new WriteContext({ principal, operation: 'keys.erase', risk: 'high' }, tx, services);
        const subject = { kind: 'erasure', name: id, scope: 'project' };
        yield* context.record(subject, { facts: { finished: 1, erasure: seq } });
        tx.touch(keysTopic);
      },
    });
  }

  async #forgetChanged(): Promise<void> {
    const { engine, services } = this.#parts;
    for (const project of services.keyring.remembered()) {
      const stored = await engine.read(() => readHead(project));
      const epoch = stored?.head.keyEpoch ?? 0;
      if (this.#epochs.get(project) !== epoch) services.keyring.forget(project);
      this.#epochs.set(project, epoch);
    }
  }
}

/** Not done where it may succeed later. */
function unlessLater(error: unknown): false {
  if (isRookeryError(error) && error.retryable) return false;
  throw error;
}
