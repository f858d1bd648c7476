import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { jitterMs } from '../../clock.ts';
import type { BackupOptions, Capabilities, Engine, EngineDescription, Optimization } from '../../engine.ts';
import { RookeryError } from '../../errors.ts';
import { driveSync, type Request, type Work } from '../../work.ts';
import { copyChecked } from './backup.ts';
import { blockFor, Connection } from './connection.ts';
import { isBusy, isFull, isUnknownOutcome, translate } from './errors.ts';
import { type Durability, readSettings, settings } from './settings.ts';

/** When a writer that waits for the write lock gives up. */
export interface Patience {
  /** So long may the lock stay with one holder. */
  readonly stuckAfterMs: number;
  /** So long may a writer be unlucky while others get their turns. */
  readonly starvedAfterMs: number;
}

const patience: Patience = { stuckAfterMs: 30_000, starvedAfterMs: 300_000 };
/** The lock is free for moments only, so waiting is short; a hundred waiting processes must leave time to work. */
const busyPauseMsMax = 20;
/** How often a process with waiters looks whether another one has committed. The look costs 2.3 µs. */
const watchIntervalMs = 4;

/**
 * SQLite through `node:sqlite`, one connection per process. Works run synchronously between BEGIN IMMEDIATE and
 * COMMIT: nothing of this process can come between their statements. Reads use the same connection, because a second
 * one would have to drop its page cache after every commit.
 */
export class SqliteEngine implements Engine {
  readonly capabilities: Capabilities;
  readonly #path: string;
  readonly #durability: Durability;
  readonly #patience: Patience;
  #connection: Connection;
  #begin!: StatementSync;
  #beginRead!: StatementSync;
  #commit!: StatementSync;
  #rollback!: StatementSync;
  #dataVersion!: StatementSync;
  #lastForeign = 0;
  #closed = false;
  #held = false;
  readonly #watchers = new Set<() => void>();
  #watchTimer: NodeJS.Timeout | undefined;

  constructor(path: string, durability: Durability = 'full', waits: Patience = patience) {
    this.#path = path;
    this.#durability = durability;
    this.#patience = waits;
    this.#connection = new Connection(path, durability);
    this.#prepare();
    const shared = path !== ':memory:';
    this.capabilities = { dialect: 'sqlite', synchronous: true, shared, backup: true };
  }

  async read<T>(work: () => Work<T>): Promise<T> {
    return this.readSync(work);
  }

  readSync<T>(work: () => Work<T>, snapshot = true): T {
    this.#assertOpen();
    if (this.#held || !snapshot) return driveSync(work(), this.#readOnly);
    this.#beginRead.run();
    try {
      return driveSync(work(), this.#readOnly);
    } finally {
      this.#commit.run();
    }
  }

  async transact<T>(work: () => Work<T>): Promise<T> {
    await this.#enter();
    return this.#finish(work);
  }

  /**
   * Opens a transaction that stays open over calls: every work of this engine joins it as a savepoint until `letGo`, and
   * no other process can write meanwhile. For doors that promise transactions over several calls. What was cached of a
   * store in between is void when it is rolled back: open the store anew then.
   */
  async hold(): Promise<void> {
    await this.#enter();
    if (this.#held) {
      this.#abandon();
      throw new RookeryError('INVALID_INPUT', 'a transaction is open already');
    }
    this.#held = true;
  }

  /** Ends the transaction that `hold` opened; it is durable when this returns, or gone. */
  letGo(keep: boolean): void {
    if (!this.#held) throw new RookeryError('INVALID_INPUT', 'no transaction is open');
    this.#held = false;
    if (keep) this.#assertTransaction();
    if (keep) this.#commitOrAbandon();
    else this.#abandon();
  }

  async #enter(): Promise<void> {
    this.#assertOpen();
    await this.#makeRoom();
    const assertUseful = this.#waiting();
    for (let pauseMs = 1; !this.#tryBegin(); pauseMs = Math.min(pauseMs * 1.5, busyPauseMsMax)) {
      assertUseful();
      // Random, so that waiting processes do not come back in step.
      await delay(pauseMs / 2 + jitterMs(pauseMs));
      this.#assertOpen();
    }
  }

  transactSync<T>(work: () => Work<T>): T {
    this.#assertOpen();
    const assertUseful = this.#waiting();
    while (!this.#tryBegin()) {
      assertUseful();
      blockFor(1);
    }
    return this.#finish(work);
  }

  watch(onForeignCommit: () => void): () => void {
    if (!this.capabilities.shared) return () => {};
    this.#watchers.add(onForeignCommit);
    if (!this.#watchTimer) {
      this.#watchTimer = setInterval(() => this.#look(), watchIntervalMs);
      this.#watchTimer.unref();
    }
    return () => {
      this.#watchers.delete(onForeignCommit);
      if (this.#watchers.size === 0) this.#stopWatching();
    };
  }

  async describe(): Promise<EngineDescription> {
    this.#assertOpen();
    const { db } = this.#connection;
    const version = String(db.prepare('SELECT sqlite_version() AS version').get()!['version']);
    const memory = !this.capabilities.shared;
    return {
      engine: 'sqlite',
      version,
      location: this.#path,
      sizeBytes: memory ? 0 : sizeOf(this.#path) + sizeOf(`${this.#path}-wal`),
      settings: readSettings(db, settings(this.#durability, memory)),
    };
  }

  /** Online backup: others go on reading and writing. */
  async backup(file: string, options: BackupOptions = {}): Promise<void> {
    this.#assertOpen();
    const openCopy = (path: string) => new SqliteEngine(path, 'relaxed');
    await copyChecked({ path: this.#path, db: this.#connection.db }, file, openCopy, options);
  }

  /** Blocks this process while it runs, and needs the write lock: seconds for a file of some gigabytes. */
  async optimize({ vacuum, analyze }: Optimization): Promise<void> {
    const { db } = this.#connection;
    if (analyze) await this.#whenFree(() => db.exec('PRAGMA analysis_limit = 1000; ANALYZE'));
    if (vacuum) await this.#whenFree(() => db.exec('VACUUM'));
    this.#assertOpen();
    this.#checkpoint();
  }

  /**
   * Answers what is called before each pause, and throws once waiting has no more use: when nobody has committed for long,
   * which is a holder that is stuck and not a queue, or after very long.
   */
  #waiting(): () => void {
    const { stuckAfterMs, starvedAfterMs } = this.#patience;
    const began = performance.now();
    let progressAt = began;
    return () => {
      const now = performance.now();
      if (this.capabilities.shared && this.#look()) progressAt = now;
      if (now - progressAt > stuckAfterMs) throw busyError(now - progressAt);
      if (now - began > starvedAfterMs) throw busyError(now - began);
    };
  }

  async #whenFree(run: () => void): Promise<void> {
    if (this.#held) throw new RookeryError('INVALID_INPUT', 'a transaction is open');
    const assertUseful = this.#waiting();
    for (;;) {
      this.#assertOpen();
      try {
        return run();
      } catch (error) {
        if (!isBusy(error)) throw translate(error);
        assertUseful();
        await delay(jitterMs(busyPauseMsMax));
      }
    }
  }

  /** Folds the write-ahead log back and cuts it to nothing; `secure_delete` has overwritten the pages themselves. */
  async scrub(): Promise<boolean> {
    this.#assertOpen();
    return !this.#held && this.#checkpoint();
  }

  async check(): Promise<string[]> {
    this.#assertOpen();
    const rows = this.#connection.db.prepare('PRAGMA quick_check').all();
    return rows.map((row) => String(Object.values(row)[0])).filter((line) => line !== 'ok');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    try {
      this.#checkpoint();
    } finally {
      this.#connection.close();
    }
  }

  /** Raw access for the doors that promise plain SQL on the live file. */
  get database(): DatabaseSync {
    this.#assertOpen();
    return this.#connection.db;
  }

  #prepare(): void {
    const { db } = this.#connection;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#beginRead = db.prepare('BEGIN');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
    this.#dataVersion = db.prepare('PRAGMA data_version');
    // Waiting for the write lock is done above SQLite, without blocking the event loop.
    db.exec('PRAGMA busy_timeout = 0');
    this.#lastForeign = this.#foreignCommits();
  }

  #tryBegin(): boolean {
    try {
      if (!this.#held) this.#begin.run();
      else {
        this.#assertTransaction();
        this.#connection.db.exec('SAVEPOINT held');
      }
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      throw translate(error);
    }
  }

  #assertTransaction(): void {
    if (this.#connection.db.isTransaction) return;
    throw new RookeryError('STORAGE_FAILED', 'the transaction was rolled back by an error of the storage');
  }

  #finish<T>(work: () => Work<T>): T {
    let value: T;
    try {
      value = driveSync(work(), this.#connection.execute);
    } catch (error) {
      this.#abandon();
      throw translate(error);
    }
    if (this.#held) this.#connection.db.exec('RELEASE held');
    else this.#commitOrAbandon();
    return value;
  }

  #commitOrAbandon(): void {
    try {
      this.#commit.run();
    } catch (error) {
      this.#abandon();
      if (!isUnknownOutcome(error)) throw translate(error);
      // After a failed fsync the cached pages may claim to be clean: only a fresh connection can be believed.
      this.#reopen();
      throw new RookeryError('OUTCOME_UNKNOWN', 'the commit failed on its way to disk', {}, { cause: error });
    }
  }

  /** Some errors (disk full, I/O) end the transaction by themselves. */
  #abandon(): void {
    const { db } = this.#connection;
    if (!db.isTransaction) return;
    if (this.#held) db.exec('ROLLBACK TO held; RELEASE held');
    else this.#rollback.run();
  }

  #reopen(): void {
    this.#connection.close();
    this.#connection = new Connection(this.#path, this.#durability);
    this.#prepare();
  }

  /**
   * SQLite's write lock has no queue: a process that commits back to back would starve the others. Whoever sees that
   * others write too steps aside for a moment between its batches.
   */
  async #makeRoom(): Promise<void> {
    if (this.capabilities.shared && this.#look()) await delay(1);
  }

  /** Changes exactly when another connection has committed. */
  #foreignCommits(): number {
    return this.#dataVersion.get()!['data_version'] as number;
  }

  /** Whether somebody else has committed since the last look; if so, the watchers hear of it. */
  #look(): boolean {
    const seen = this.#foreignCommits();
    if (seen === this.#lastForeign) return false;
    this.#lastForeign = seen;
    for (const watcher of this.#watchers) watcher();
    return true;
  }

  #stopWatching(): void {
    clearInterval(this.#watchTimer);
    this.#watchTimer = undefined;
  }

  readonly #readOnly = (request: Request): unknown => {
    if (request.statement.writes) throw new Error('a read tried to change something');
    return this.#connection.execute(request);
  };

  /** Whether all of the log was folded back. */
  #checkpoint(): boolean {
    try {
      return this.#connection.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()!['busy'] === 0;
    } catch (error) {
      // Another process still reads, or there is no room: what is in the log is safe there, until somebody folds it back.
      if (!isBusy(error) && !isFull(error)) throw translate(error);
      return false;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new RookeryError('CLOSED', 'the store is closed');
  }
}

function busyError(waitedMs: number): RookeryError {
  return new RookeryError(
    'BUSY',
    `the store stayed locked by another process for ${Math.round(waitedMs)} ms`,
  );
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
