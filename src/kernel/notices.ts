import { type Call, originOf } from './call.ts';
import type { Clock } from './clock.ts';
import { Collision } from './collision.ts';
import type { GroupCommit, Job } from './commit.ts';
import { type Services, type Witnessed, WriteContext } from './context.ts';
import { Denial, type Subject } from './denial.ts';
import type { RookeryError } from './errors.ts';
import { type ReadWindow, ReadWindows, readWindowMs } from './ledger/reads.ts';
import type { Transaction } from './transaction.ts';
import type { Work } from './work.ts';

/**
 * Entries for what changes nothing: reads of closed audiences, and denials. The first of a window has its entry on
 * disk before the call is answered; those that follow are counted and written when the window ends.
 */
export class Notices {
  readonly #commits: GroupCommit;
  readonly #services: Services;
  readonly #clock: Clock;
  readonly #windows = new ReadWindows();
  readonly #sweep: NodeJS.Timeout;

  constructor(commits: GroupCommit, services: Services, clock: Clock) {
    this.#commits = commits;
    this.#services = services;
    this.#clock = clock;
    // A failure stays with the store: the next commit of whoever writes reports it.
    this.#sweep = setInterval(() => void this.#writeEnded(false).catch(() => {}), readWindowMs / 6);
    this.#sweep.unref();
  }

  async denied(call: Call, subject: Subject): Promise<void> {
    await this.#note(call, deniedName(call), [subject], (context) => context.recordDenial(subject));
  }

  async read(call: Call, subjects: readonly Subject[]): Promise<void> {
    await this.#note(call, call.operation.name, subjects, (context, subject) =>
      context.recordRead(subject, { reads: 1 }),
    );
  }

  /** An entry for each, however often the same was read before. */
  async witnessed(call: Call, reads: readonly Witnessed[]): Promise<void> {
    const job = jobOf(call, this.#services, function* (context): Work<void> {
      for (const { subject, labels } of reads) yield* context.recordRead(subject, { reads: 1 }, labels);
    });
    await this.#commits.submit(job);
  }

  async #note(
    { principal, ...call }: Call,
    name: string,
    subjects: readonly Subject[],
    record: (context: WriteContext, subject: Subject) => Work<void>,
  ): Promise<void> {
    const now = this.#clock.monotonic();
    const opening = subjects.filter((subject) => this.#windows.opens(principal, name, subject, now));
    if (opening.length === 0) return;
    const job = jobOf({ principal, ...call }, this.#services, function* (context): Work<void> {
      for (const subject of opening) yield* record(context, subject);
    });
    await this.#commits.submit(job).catch((error: unknown) => {
      for (const subject of opening) this.#windows.withdraw(principal, name, subject);
      throw error;
    });
  }

  /** Writes what was counted so far. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#writeEnded(true);
  }

  async #writeEnded(all: boolean): Promise<void> {
    const ended = this.#windows.take(this.#clock.monotonic(), all);
    await Promise.all(
      ended.map((window) =>
        this.#commits.submit(countOf(window, this.#services)).catch((error: unknown) => {
          this.#windows.putBack(window);
          throw error;
        }),
      ),
    );
  }
}

function deniedName({ operation }: Call): string {
  return `${operation.name}!`;
}

function countOf(window: ReadWindow, services: Services): Job<void> {
  const { principal, subject, more } = window;
  const denied = window.operation.endsWith('!');
  const operation = denied ? window.operation.slice(0, -1) : window.operation;
  const overMs = Math.round(window.lastMs - window.firstMs);
  return {
    project: principal.project,
    *run(tx): Work<void> {
      const context = new WriteContext({ principal, operation, risk: 'low' }, tx, services);
      if (denied) yield* context.recordDenial(subject, { denials: more, overMs });
      else yield* context.recordRead(subject, { reads: more, overMs });
    },
  };
}

/** A call's work as a job of the group commit: its denials and collisions are recorded, also when it was rolled back. */
export function jobOf<T>(call: Call, services: Services, run: (context: WriteContext) => Work<T>): Job<T> {
  const contextOf = (tx: Transaction) => new WriteContext(originOf(call), tx, services);
  return {
    project: call.principal.project,
    *run(tx: Transaction): Work<T> {
      const context = contextOf(tx);
      const value = yield* run(context);
      for (const subject of context.denials) yield* context.recordDenial(subject);
      return value;
    },
    *refused(tx: Transaction, error: RookeryError): Work<void> {
      if (error instanceof Denial) yield* contextOf(tx).recordDenial(error.subject);
      if (error instanceof Collision) yield* services.noteCollision(contextOf(tx), error.meeting);
    },
  };
}
