import { jitterMs } from '../../clock.ts';
import type { Committed } from '../../commit.ts';
import type { Engine } from '../../engine.ts';
import { RookeryError } from '../../errors.ts';
import type { Transaction } from '../../transaction.ts';
import { driveSync, type Work } from '../../work.ts';
import type { Projection } from '../projection.ts';
import type { RelayStatus } from '../status.ts';
import { Copy, type CopyParts } from './copy.ts';
import { Filling } from './filling.ts';
import { Handover } from './handover.ts';
import { entriesPerPage, type Page, type Reader } from './page.ts';
import { advanceTo, forgetPointers, pointersUpTo, progressOf } from './statements.ts';
import { Waiters } from './waiters.ts';

export interface RelayParts extends CopyParts {
  readonly engine: Engine;
  readonly reader: Reader;
  readonly projections: readonly Projection[];
  /** The store clock of the project. */
  readonly now: () => number;
  readonly monotonic: () => number;
}

const firstPauseMs = 50;
const longestPauseMs = 5000;
/** The stored position may lag behind by as much: storing it costs a commit two statements. */
const settleEveryMs = 50;
const leaseRenewedMs = 20_000;
const lostInARowMax = 5;

/**
 * Carries one project's ledger to Redis. Every process may do so at once: order, and that nothing comes twice, are
 * decided by the scripts in Redis. It only ever reads the store; how far it has come is stored with the commits of
 * others (`settle`).
 */
export class Relay {
  readonly #parts: RelayParts;
  readonly #copy: Copy;
  readonly #waiters: Waiters;
  readonly #handover = new Handover();
  #head = 0;
  #stored = 0;
  /** The stored position up to which missing pointers are made up for. */
  #covered = 0;
  #settledAt = Number.NEGATIVE_INFINITY;
  #moreToForget = false;
  #pushedAt = 0;
  #filling: Filling | undefined;
  #lostInARow = 0;
  #trouble: string | undefined;
  /** A call waited its whole time in vain: nobody waits until something passes again. */
  #slow = false;
  #running: Promise<void> | undefined;
  #again = false;
  #retry: NodeJS.Timeout | undefined;
  #pauseMs = firstPauseMs;
  #closed = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.#copy = new Copy(parts);
    this.#waiters = new Waiters(parts.monotonic, () => {
      this.#slow = true;
    });
  }

  /** Whether the database does not know yet how far Redis is, or keeps pointers that nobody needs. */
  get unsettled(): boolean {
    return this.#copy.position > this.#stored || this.#moreToForget;
  }

  status(): RelayStatus {
    const { position, feedOf, refusals } = this.#copy;
    const refusal =
      refusals.count > 0 ? `${refusals.count} writes refused, the last with ${refusals.code}` : null;
    return {
      position,
      storedPosition: this.#stored,
      head: this.#head,
      lag: Math.max(0, this.#head - position),
      filling: this.#filling !== undefined,
      feedOf,
      refused: refusals.count,
      lastError: this.#trouble ?? refusal,
    };
  }

  /** What this process has committed. */
  committed(batch: Committed): void {
    // While Redis is away, the store keeps it.
    if (this.#copy.known) this.#handover.add(batch);
    this.heard(batch.seq);
  }

  /** The ledger has come to this entry. */
  heard(seq: number): void {
    this.#head = Math.max(this.#head, seq);
    if (!this.#copy.known || this.#copy.position < this.#head) this.kick();
  }

  /** The connection is there (again): nothing that was known of Redis counts any more. */
  connected(): void {
    this.#copy.forget();
    this.#pauseMs = firstPauseMs;
    this.kick();
  }

  away(): void {
    this.#copy.forget();
    this.#handover.clear();
    this.#waiters.giveUp();
  }

  /** Keeps the feed in the name of this store while nothing is written. */
  beat(): void {
    if (this.#parts.monotonic() - this.#pushedAt > leaseRenewedMs) this.connected();
  }

  /** Whether Redis comes to an entry within the time; no at once when it is away, in trouble or was too slow before. */
  async passed(seq: number, timeoutMs: number): Promise<boolean> {
    if (this.#copy.position >= seq) return true;
    const { state } = this.#parts.port;
    const hopeless = this.#closed || this.#slow || this.#trouble !== undefined;
    if (hopeless || state === 'away' || state === 'closed') return false;
    return await this.#waiters.wait(seq, timeoutMs);
  }

  kick(): void {
    this.#again = true;
    if (this.#running || this.#closed) return;
    clearTimeout(this.#retry);
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Stores the position and forgets the pointers before it, in a commit that is made anyway. */
  *settle(tx: Transaction): Work<void> {
    const { project, monotonic } = this.#parts;
    if (!this.unsettled || monotonic() - this.#settledAt < settleEveryMs) return;
    const position = Math.max(this.#copy.position, this.#stored);
    yield* advanceTo(project, position, tx.now);
    yield* forgetPointers(project, position);
    const more = yield* pointersUpTo(project, position);
    tx.afterCommit(() => {
      this.#stored = Math.max(this.#stored, position);
      this.#moreToForget = more !== undefined;
      this.#settledAt = monotonic();
    });
  }

  /** Brings over what is left, when that is quickly done, and lets go of the feed. */
  async close(graceMs: number): Promise<void> {
    if (this.#parts.port.state === 'connected' && this.#head > this.#copy.position) {
      this.kick();
      await this.passed(this.#head, graceMs);
    }
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#waiters.giveUp();
    this.#settledAt = Number.NEGATIVE_INFINITY;
    await this.#copy.leave().catch(() => {});
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#catchUp();
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  async #catchUp(): Promise<void> {
    const { port } = this.#parts;
    if (port.state !== 'connected' || this.#copy.unanswered) return;
    if (!this.#copy.known) await this.#begin();
    while (!this.#closed && (this.#copy.position < this.#head || this.#filling)) {
      if (this.#copy.position < this.#head) await this.#carry();
      // One page for each of the ledger's: neither holds up the other.
      if (this.#filling) await this.#fill(this.#filling);
    }
    this.#trouble = undefined;
    this.#pauseMs = firstPauseMs;
  }

  async #carry(): Promise<void> {
    const page = (await this.#handed()) ?? (await this.#read());
    // Somebody else relays too, and pointers of this page may be gone: ask where Redis is.
    if (this.#stored > Math.max(this.#copy.position, this.#covered)) await this.#begin();
    else if (page.last !== undefined) await this.#push(page);
    else throw new RookeryError('UNAVAILABLE', 'the ledger ends before its head');
  }

  /** The next page from what this process committed just now. */
  async #handed(): Promise<Page | undefined> {
    const { engine, reader, now } = this.#parts;
    const entries = this.#handover.after(this.#copy.position, entriesPerPage);
    if (!entries) return undefined;
    const page = () => reader.pageOf(entries, now());
    return reader.asks(entries) ? await engine.read(page) : withoutAsking(page());
  }

  async #read(): Promise<Page> {
    const { engine, reader, now } = this.#parts;
    const page = await engine.read(() => reader.page(this.#copy.position, now()));
    this.#head = Math.max(this.#head, page.head);
    this.#stored = Math.max(this.#stored, page.stored);
    return page;
  }

  /**
   * Where Redis has lost its position, or never had one, the feed is written anew from as far back as it keeps: nobody
   * who follows it misses an entry. Hot keys come from the tables then, as their pointers are gone.
   */
  async #begin(): Promise<void> {
    const { engine, project, projections, feedLength } = this.#parts;
    const progress = await engine.read(() => progressOf(project));
    const [head, stored] = [progress?.size ?? 0, progress?.position ?? 0];
    const filling = await this.#copy.begin(Math.max(0, stored - feedLength), head, stored);
    this.#head = Math.max(this.#head, head);
    this.#stored = Math.max(this.#stored, stored);
    this.#covered = stored;
    this.#pushedAt = this.#parts.monotonic();
    if (filling) this.#filling = new Filling(projections);
    this.#waiters.passed(this.#copy.position);
  }

  async #push({ parameters, refill }: Page): Promise<void> {
    if (await this.#copy.push(parameters)) {
      if (refill) this.#filling = new Filling(this.#parts.projections);
      this.#lostInARow = 0;
      this.#slow = false;
      this.#pushedAt = this.#parts.monotonic();
      this.#waiters.passed(this.#copy.position);
    } else if (++this.#lostInARow > lostInARowMax) {
      this.#lostInARow = 0;
      throw new RookeryError('UNAVAILABLE', 'Redis keeps losing what was written');
    } else {
      await this.#begin();
    }
  }

  async #fill(filling: Filling): Promise<void> {
    const { engine, reader, now } = this.#parts;
    const { parameters, last } = await filling.next((source, after) =>
      engine.read(() => reader.stored(source, after, now())),
    );
    const filled = await this.#copy.fill(last, parameters);
    if (!filled) await this.#begin();
    else if (last && this.#filling === filling) this.#filling = undefined;
  }

  #failed(error: unknown): void {
    this.#trouble = (error as Error).message || 'it failed';
    this.#copy.forget();
    this.#handover.clear();
    this.#waiters.giveUp();
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.kick(), this.#pauseMs + jitterMs(this.#pauseMs));
    this.#retry.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}

/** Drives a work that needs nothing of the store. */
function withoutAsking<T>(work: Work<T>): T {
  return driveSync(work, () => {
    throw new Error('the store was asked after all');
  });
}
