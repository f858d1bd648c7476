import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { RookeryError } from '../../errors.ts';
import type { Parameter, Request, Statement } from '../../work.ts';
import { isBusy, translate } from './errors.ts';
import { applySettings, checkVersion, type Durability, settings } from './settings.ts';

/** Marks the file as ours: "RKRY". */
const applicationId = 0x524b5259;

const openDeadlineMs = 30_000;

/** One connection, its settings asserted, with each statement prepared once. */
export class Connection {
  readonly db: DatabaseSync;
  readonly #prepared = new Map<Statement, StatementSync>();

  constructor(path: string, durability: Durability) {
    const memory = path === ':memory:';
    if (!memory) createFile(path);
    this.db = retryWhileBusy(() => openConfigured(path, durability, memory));
  }

  /** Runs one request of a work. */
  execute = (request: Request): unknown => {
    try {
      if (request.rows === 'script') return this.db.exec(request.statement.sql);
      const prepared = this.#prepare(request.statement);
      const parameters = request.parameters as Parameter[];
      switch (request.rows) {
        case 'one':
          return prepared.get(...parameters);
        case 'many':
          return prepared.all(...parameters);
        case 'count':
          return prepared.run(...parameters).changes;
      }
    } catch (error) {
      throw translate(error);
    }
  };

  close(): void {
    this.#prepared.clear();
    this.db.close();
  }

  #prepare(statement: Statement): StatementSync {
    let prepared = this.#prepared.get(statement);
    if (!prepared) {
      const { sql, variant } = statement;
      const text = variant?.when === 'sqlite' ? variant.sql : sql;
      // `$1` is a named parameter to SQLite; `?1` binds by position and twice as fast.
      prepared = this.db.prepare(text.replace(/\$(\d+)/g, '?$1'));
      this.#prepared.set(statement, prepared);
    }
    return prepared;
  }
}

function openConfigured(path: string, durability: Durability, memory: boolean): DatabaseSync {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5000 });
  try {
    checkVersion(String(db.prepare('SELECT sqlite_version() AS version').get()!['version']));
    checkOwner(db, path);
    applySettings(db, settings(durability, memory));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Refuses a database that some other program made; claims an empty one. */
function checkOwner(db: DatabaseSync, path: string): void {
  const owner = Number(Object.values(db.prepare('PRAGMA application_id').get()!)[0]);
  if (owner === applicationId) return;
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'").get()!['n'];
  if (owner !== 0 || tables !== 0) {
    // Between the two readings another process may have claimed and filled it.
    if (Number(Object.values(db.prepare('PRAGMA application_id').get()!)[0]) === applicationId) return;
    throw new RookeryError('STORE_INCOMPATIBLE', `${path} is a database of another program`, { path });
  }
  db.exec(`PRAGMA application_id = ${applicationId}`);
}

/** A new file is private from its first moment, and its directory entry is on disk before anything is acknowledged. */
export function createFile(path: string): void {
  if (existsSync(path)) return;
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    const directory = openSync(folder, 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch (error) {
    throw new RookeryError(
      'STORAGE_FAILED',
      `cannot create ${path}: ${(error as Error).message}`,
      { path },
      { cause: error },
    );
  }
}

/**
 * Switching a fresh file to WAL needs it alone, and that step does not wait on SQLite's busy timeout: when many
 * processes open a new file at once, all but one are turned away and try again here.
 */
function retryWhileBusy<T>(attempt: () => T): T {
  const deadline = performance.now() + openDeadlineMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw translate(error);
      blockFor(pauseMs + (process.pid % 7));
    }
  }
}

const pauseCell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread: only where no event loop may run in between. */
export function blockFor(milliseconds: number): void {
  Atomics.wait(pauseCell, 0, 0, milliseconds);
}
