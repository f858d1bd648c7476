import type { Job } from './commit.ts';
import type { Work } from './work.ts';

/** Adds counts of reads to the records of a project; a record that is gone is passed over. */
export type WriteAccesses = (project: string, counts: ReadonlyMap<string, number>) => Work<void>;

/** Counts wait in memory this long at most. */
const writeIntervalMs = 60_000;
/** Records with counts that wait; more are written at once. */
const waitingMax = 10_000;

/** Records of one job, so that writers are not held up for long. */
const jobRecords = 200;

/**
 * How often records were read. A read must cost no write, so counts are kept in memory and added to the rows once a
 * minute and at close: a process that is killed loses up to a minute of them. They are statistics, not evidence: the
 * ledger knows nothing of them, and where they cannot be written they are dropped.
 */
export class Accesses {
  readonly #submit: (job: Job<void>) => Promise<void>;
  readonly #write: WriteAccesses;
  readonly #timer: NodeJS.Timeout;
  #counts = new Map<string, Map<string, number>>();
  #waiting = 0;

  constructor(submit: (job: Job<void>) => Promise<void>, write: WriteAccesses) {
    this.#submit = submit;
    this.#write = write;
    this.#timer = setInterval(() => void this.#flush(), writeIntervalMs);
    this.#timer.unref();
  }

  count(project: string, record: string): void {
    let counts = this.#counts.get(project);
    if (!counts) {
      counts = new Map();
      this.#counts.set(project, counts);
    }
    const before = counts.get(record);
    counts.set(record, (before ?? 0) + 1);
    if (before === undefined && ++this.#waiting >= waitingMax) void this.#flush();
  }

  pending(project: string, record: string): number {
    return this.#counts.get(project)?.get(record) ?? 0;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const taken = [...this.#counts];
    this.#counts = new Map();
    this.#waiting = 0;
    const jobs = taken.flatMap(([project, counts]) =>
      pagesOf(counts).map((page) => ({ project, run: () => this.#write(project, page) })),
    );
    await Promise.allSettled(jobs.map((job) => this.#submit(job)));
  }
}

function pagesOf(counts: ReadonlyMap<string, number>): Map<string, number>[] {
  const pages: Map<string, number>[] = [];
  for (const [record, count] of counts) {
    if ((pages.at(-1)?.size ?? jobRecords) >= jobRecords) pages.push(new Map());
    pages.at(-1)!.set(record, count);
  }
  return pages;
}
