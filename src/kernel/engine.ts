import type { Dialect, Work } from './work.ts';

/**
 * The storage port. An engine knows transactions and nothing else: queueing, savepoints, the ledger and wake-ups are
 * written once above it (`commit.ts`, `live/`), so that both engines behave alike.
 */
export interface Engine {
  readonly capabilities: Capabilities;

  /** Runs a work that only reads, on one consistent snapshot. */
  read<T>(work: () => Work<T>): Promise<T>;

  /**
   * Runs a work in one write transaction and resolves when it is durable. A work that throws rolls everything back.
   * The factory may be called again when the engine has to retry, so it must not carry state over.
   */
  transact<T>(work: () => Work<T>): Promise<T>;

  /** The same without a promise. Present iff `capabilities.synchronous`. */
  transactSync?<T>(work: () => Work<T>): T;
  /** `snapshot: false` spares a work of one statement the transaction around it. */
  readSync?<T>(work: () => Work<T>, snapshot?: boolean): T;

  /** Calls back when somebody else may have committed: a hint, never a promise. Returns how to stop. */
  watch(onForeignCommit: () => void): () => void;

  /** Tells other processes that this one has committed, where the engine needs telling. */
  announce?(): Promise<void>;

  /** Settings and versions as they are, for health checks and the doctor. */
  describe(): Promise<EngineDescription>;

  /** A complete, structurally sound copy in one file; only with `capabilities.backup`. */
  backup?(file: string, options?: BackupOptions): Promise<void>;

  /** Gives space back and lets the engine learn what its tables hold. Others may have to wait meanwhile. */
  optimize(what: Optimization): Promise<void>;

  /**
   * Sees to it that nothing that was overwritten is left in the engine's own log; false while others still read it. Absent
   * where the engine cannot: see what an erasure says of it.
   */
  scrub?(): Promise<boolean>;

  /** Looks for structural damage; answers what it found. */
  check?(): Promise<string[]>;

  close(): Promise<void>;
}

export interface BackupOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Looks at the copy before it gets its name; what it throws means that there is no backup. */
  readonly verify?: (copy: Engine) => Promise<void>;
}

export interface Optimization {
  /** Rewrites the tables without the space of what was deleted. */
  readonly vacuum: boolean;
  /** Counts what the tables hold, for better plans. */
  readonly analyze: boolean;
}

export interface Capabilities {
  readonly dialect: Dialect;
  /** Works can be driven without a promise. */
  readonly synchronous: boolean;
  /** Other processes may write to the same store. */
  readonly shared: boolean;
  readonly backup: boolean;
}

export interface EngineDescription {
  readonly engine: string;
  readonly version: string;
  readonly location: string;
  readonly sizeBytes: number;
  readonly settings: Readonly<Record<string, string | number>>;
}
