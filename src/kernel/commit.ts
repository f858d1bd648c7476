import type { Attention } from './access/attention.ts';
import { noteResumed } from './access/presence.ts';
import { type Clock, isoTime } from './clock.ts';
import type { Engine } from './engine.ts';
import { asRookeryError, RookeryError } from './errors.ts';
import { appendEntries } from './ledger/append.ts';
import { ledgerTopic } from './ledger/entry.ts';
import { loadHead, storeHead } from './ledger/head.ts';
import { type Outbox, ProjectWrites, type Recorded, type Transaction } from './transaction.ts';
import { change, statement, type Work } from './work.ts';

export interface Job<T> {
  readonly project: string;
  run(tx: Transaction): Work<T>;
  /** Runs after a failed `run` was rolled back, in the same commit: this is where a denial is recorded. */
  refused?(tx: Transaction, error: RookeryError): Work<void>;
}

export interface Committed {
  readonly project: string;
  /** Sequence number of the newest entry. */
  readonly seq: number;
  /** The entries, the last of them `seq`, and each as it was hashed. */
  readonly recorded: readonly Recorded[];
  readonly texts: readonly string[];
  readonly topics: ReadonlySet<string>;
  /** The store clock of the commit. */
  readonly now: number;
  readonly policyEpoch: number;
}

/** Thrown out of a batch that has to be run again with savepoints. */
class NeedsSavepoints extends Error {}

/**
 * How many batches keep their savepoints after one was needed. Works rarely fail once they have written: most batches
 * need none, which saves two statements a work, and on Postgres two round trips.
 */
const cautiousBatches = 64;

type Outcome = { readonly value: unknown } | { readonly error: unknown };

interface Queued {
  readonly job: Job<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

const savepoint = statement('SAVEPOINT work');
const release = statement('RELEASE SAVEPOINT work');
const rollback = statement('ROLLBACK TO SAVEPOINT work');

/** A batch closes on count or age, so that other processes get their turn at the write lock. */
const batchJobs = 512;
const batchAgeMs = 25;
const queueLimit = 100_000;

export interface CommitOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly attention: Attention;
  /** Keyed hash over the head row: an edit of the ledger without the root key shows. */
  readonly authenticate: (bytes: Uint8Array) => Uint8Array;
  readonly onCommitted: (committed: readonly Committed[]) => void;
  readonly outbox?: Outbox;
}

/**
 * The group commit. All writes of a process go through here: one transaction holds the works of everybody who waits,
 * each failing alone, ledger entries last; every promise settles after the commit returned, refusals included,
 * because they too were computed from what the batch had written so far.
 */
export class GroupCommit {
  readonly #options: CommitOptions;
  #queue: Queued[] = [];
  #running: Promise<void> | undefined;
  #scheduled = false;
  #closed = false;
  #cautious = 0;

  constructor(options: CommitOptions) {
    this.#options = options;
  }

  /** Resolves with the work's answer once it is durable. */
  submit<T>(job: Job<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new RookeryError('CLOSED', 'the store is closed'));
    if (this.#queue.length >= queueLimit) {
      return Promise.reject(new RookeryError('LIMIT_REACHED', `more than ${queueLimit} writes are waiting`));
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ job, resolve, reject });
      this.#schedule();
    });
  }

  /** Runs one job in a commit of its own, without a promise. Only on an engine that is synchronous. */
  submitSync<T>(job: Job<T>): T {
    const { engine } = this.#options;
    if (this.#closed) throw new RookeryError('CLOSED', 'the store is closed');
    if (!engine.transactSync)
      throw new RookeryError('UNAVAILABLE', 'this engine has no synchronous interface');
    const batch = new Batch([job], true, this.#options);
    engine.transactSync(() => batch.run());
    this.#options.onCommitted(batch.committed());
    const outcome = batch.outcomes[0]!;
    if ('error' in outcome) throw outcome.error;
    return outcome.value as T;
  }

  /** Stops intake and finishes what is queued. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#queue.length > 0 || this.#running) {
      await (this.#running ?? new Promise((resolve) => setImmediate(resolve)));
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    // The next turn of the event loop: everybody who was woken by the last commit has asked again by then.
    setImmediate(() => {
      this.#scheduled = false;
      this.#running = this.#flush().finally(() => {
        this.#running = undefined;
        if (this.#queue.length > 0) this.#schedule();
      });
    });
  }

  async #flush(): Promise<void> {
    const taken = this.#take();
    if (taken.length === 0) return;
    const { engine } = this.#options;
    let batch: Batch;
    try {
      batch = await this.#commit(taken.map((queued) => queued.job));
    } catch (error) {
      for (const queued of taken) queued.reject(asRookeryError(error));
      return;
    }
    this.#options.onCommitted(batch.committed());
    // A batch that closed on age leaves the rest to the next one.
    this.#queue.unshift(...taken.slice(batch.outcomes.length));
    batch.outcomes.forEach((outcome, i) => {
      if ('error' in outcome) taken[i]!.reject(outcome.error);
      else taken[i]!.resolve(outcome.value as never);
    });
    if (engine.announce) await engine.announce();
  }

  async #commit(jobs: readonly Job<unknown>[]): Promise<Batch> {
    const { engine } = this.#options;
    let batch!: Batch;
    const attempt = (savepoints: boolean) =>
      engine.transact(() => {
        batch = new Batch(jobs, savepoints, this.#options);
        return batch.run();
      });
    if (this.#cautious > 0) {
      this.#cautious--;
      await attempt(true);
      return batch;
    }
    try {
      await attempt(false);
    } catch (error) {
      if (!(error instanceof NeedsSavepoints)) throw error;
      this.#cautious = cautiousBatches;
      await attempt(true);
    }
    return batch;
  }

  #take(): Queued[] {
    // Where writers of several projects hold row locks at once, a batch keeps to one project: no lock order, no deadlock.
    const single = !this.#options.engine.capabilities.synchronous;
    const project = this.#queue[0]?.job.project;
    const taken: Queued[] = [];
    const left: Queued[] = [];
    for (const queued of this.#queue) {
      const fits = taken.length < batchJobs && (!single || queued.job.project === project);
      (fits ? taken : left).push(queued);
    }
    this.#queue = left;
    return taken;
  }
}

/** One transaction's worth of jobs and what became of them. A retry builds a new one: no state survives. */
class Batch {
  readonly outcomes: Outcome[] = [];
  readonly #jobs: readonly Job<unknown>[];
  readonly #savepoints: boolean;
  readonly #options: CommitOptions;
  readonly #projects = new Map<string, ProjectWrites>();
  readonly #effects: (() => void)[] = [];

  constructor(jobs: readonly Job<unknown>[], savepoints: boolean, options: CommitOptions) {
    this.#jobs = jobs;
    this.#savepoints = savepoints;
    this.#options = options;
  }

  *run(): Work<void> {
    const { clock } = this.#options;
    const started = clock.monotonic();
    yield* this.#noteLapse();
    for (const job of this.#jobs) {
      this.outcomes.push(yield* this.#runJob(job));
      if (clock.monotonic() - started > batchAgeMs) break;
    }
    const { outbox } = this.#options;
    for (const writes of this.#projects.values()) {
      if (outbox) yield* outbox.leave(writes.head, writes, writes.changes);
      if (!writes.dirty) continue;
      writes.texts = yield* appendEntries(writes.head, writes.changes, this.#options.authenticate);
      yield* storeHead(writes.head, this.#options.authenticate);
    }
  }

  *#noteLapse(): Work<void> {
    const { attention } = this.#options;
    const resumedAt = attention.unnoted();
    if (resumedAt === undefined) return;
    yield* noteResumed(resumedAt);
    this.#effects.push(() => attention.noted(resumedAt));
  }

  committed(): Committed[] {
    for (const effect of this.#effects) effect();
    for (const writes of this.#projects.values()) for (const effect of writes.effects) effect();
    return [...this.#projects.values()].map(({ project, topics, changes, texts, now, head }) => ({
      project,
      seq: head.frontier.size,
      recorded: changes,
      texts,
      topics: new Set(changes.length > 0 ? [...topics, ledgerTopic] : topics),
      now,
      policyEpoch: head.policyEpoch,
    }));
  }

  *#runJob(job: Job<unknown>): Work<Outcome> {
    const writes = yield* this.#project(job.project);
    const before = writes.mark();
    if (this.#savepoints) yield* change(savepoint);
    const progress = { changed: false };
    try {
      const value = yield* noting(job.run(writes), progress);
      if (this.#savepoints) yield* change(release);
      return { value };
    } catch (thrown) {
      if (progress.changed && !this.#savepoints) throw new NeedsSavepoints();
      writes.restore(before);
      if (this.#savepoints) yield* change(rollback);
      const error = asRookeryError(thrown);
      if (job.refused) yield* job.refused(writes, error);
      if (this.#savepoints) yield* change(release);
      return { error };
    }
  }

  *#project(project: string): Work<ProjectWrites> {
    const known = this.#projects.get(project);
    if (known) return known;
    const wall = this.#options.clock.now();
    const head = yield* loadHead(project, isoTime(wall));
    head.clockMs = Math.max(head.clockMs, wall);
    const writes = new ProjectWrites(head);
    this.#projects.set(project, writes);
    if (this.#options.outbox) yield* this.#options.outbox.enter(head, writes);
    return writes;
  }
}

/**
 * Passes a work through and notes whether it has changed anything. A statement that failed counts: on Postgres it spoils
 * the transaction until that is rolled back.
 */
function* noting<T>(work: Work<T>, progress: { changed: boolean }): Work<T> {
  let step = work.next();
  while (!step.done) {
    if (step.value.statement.writes) progress.changed = true;
    let answer: unknown;
    try {
      answer = yield step.value;
    } catch (error) {
      progress.changed = true;
      step = work.throw(error);
      continue;
    }
    step = work.next(answer);
  }
  return step.value;
}
