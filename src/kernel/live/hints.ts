import type { Engine } from '../engine.ts';
import { ledgerTopic } from '../ledger/entry.ts';
import { many, statement, type Work } from '../work.ts';

/**
 * Wake-ups. They are hints: a waiter that is woken asks the store again, and one that is never woken asks by itself
 * after a tick, so a lost hint costs time and nothing else. In this process a commit wakes exactly the topics it
 * touched; a commit of another process wakes whoever waits for anything of the same noun, or for the ledger as such.
 */
export class Hints {
  readonly #engine: Engine;
  readonly #byTopic = new Map<string, Set<Armed>>();
  readonly #seen = new Map<string, number>();
  #stopWatching: (() => void) | undefined;
  #armed = 0;
  #looking = false;
  #lookAgain = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Registers interest. Do this before evaluating, so that nothing falls between the two. */
  arm(project: string, topics: readonly string[]): Armed {
    const keys = topics.map((topic) => `${project}\n${topic}`);
    const armed = new Armed(() => this.#disarm(keys, armed));
    for (const key of keys) {
      const waiting = this.#byTopic.get(key) ?? new Set();
      this.#byTopic.set(key, waiting.add(armed));
    }
    if (this.#armed++ === 0) this.#watch();
    if (!this.#seen.has(project)) this.#seen.set(project, -1);
    return armed;
  }

  /** Wakes the topics that a commit of this process touched. */
  publish(project: string, topics: Iterable<string>): void {
    if (this.#armed === 0) return;
    for (const topic of topics) {
      for (const armed of this.#byTopic.get(`${project}\n${topic}`) ?? []) armed.wake();
    }
  }

  close(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    for (const waiting of this.#byTopic.values()) for (const armed of waiting) armed.wake();
  }

  #watch(): void {
    this.#stopWatching = this.#engine.watch(() => void this.#lookForForeign());
  }

  #disarm(keys: readonly string[], armed: Armed): void {
    for (const key of keys) {
      const waiting = this.#byTopic.get(key);
      waiting?.delete(armed);
      if (waiting?.size === 0) this.#byTopic.delete(key);
    }
    if (--this.#armed > 0) return;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#seen.clear();
  }

  async #lookForForeign(): Promise<void> {
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    try {
      do {
        this.#lookAgain = false;
        for (const project of [...this.#seen.keys()]) await this.#wakeNouns(project);
      } while (this.#lookAgain);
    } catch {
      // A look that fails loses hints only; the tick of each waiter covers for it, and its own query reports the cause.
    } finally {
      this.#looking = false;
    }
  }

  async #wakeNouns(project: string): Promise<void> {
    const since = this.#seen.get(project)!;
    const { head, nouns } = await this.#engine.read(() => newNouns(project, since));
    this.#seen.set(project, head);
    for (const [key, waiting] of this.#byTopic) {
      if (!key.startsWith(`${project}\n`)) continue;
      const noun = key.slice(project.length + 1).split('/', 1)[0]!;
      if (nouns === 'all' || nouns.has(noun)) for (const armed of waiting) armed.wake();
    }
  }
}

/** One waiter's registration. */
export class Armed {
  readonly disarm: () => void;
  #woken = false;
  #wake: (() => void) | undefined;

  constructor(disarm: () => void) {
    let done = false;
    this.disarm = () => {
      if (!done) disarm();
      done = true;
    };
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Resolves at the next hint, after `timeoutMs` or on abort. A hint that came since the last call counts. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        this.#wake = undefined;
        this.#woken = false;
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      if (this.#woken || signal?.aborted) return finish();
      this.#wake = finish;
      signal?.addEventListener('abort', finish, { once: true });
    });
  }
}

const newestLooked = 256;
const selectNew = statement(`
  SELECT seq, operation FROM audit_log WHERE project_id = $1 AND seq > $2 ORDER BY seq DESC LIMIT ${newestLooked}`);

function* newNouns(project: string, since: number): Work<{ head: number; nouns: Set<string> | 'all' }> {
  const rows = yield* many<{ seq: number; operation: string }>(selectNew, [project, since]);
  const head = rows[0]?.seq ?? since;
  if (since < 0 || rows.length === newestLooked) return { head, nouns: 'all' };
  const nouns = new Set(rows.map((row) => row.operation.split('.', 1)[0]!));
  return { head, nouns: rows.length > 0 ? nouns.add(ledgerTopic) : nouns };
}
