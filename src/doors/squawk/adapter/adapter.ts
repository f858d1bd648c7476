import { statSync } from 'node:fs';
import { count as countCheckpoints } from '../../../domains/missions/checkpoints.ts';
import { memoryPath } from '../../../folder.ts';
import type { Principal, Right } from '../../../kernel/access/model.ts';
import { SqliteEngine } from '../../../kernel/engines/sqlite/engine.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import type { Rookery } from '../../../rookery.ts';
import type { CheckpointCopies } from '../copies.ts';
import type { Invoke } from '../invoke.ts';
import { totals } from '../statements.ts';
import type { As } from './calls.ts';
import { checkpointTable } from './checkpoints.ts';
import { cursorTable } from './cursors.ts';
import { LiveDatabase } from './database.ts';
import { eventTable } from './events.ts';
import { lockTable } from './locks.ts';
import { mailboxTable } from './mailboxes.ts';
import { messageTable } from './messages.ts';
import { missionTable, sortieTable } from './missions.ts';
import { specialistTable } from './specialists.ts';

/** Who acts where a call names nobody. */
export const moduleAgent = 'squawk';

export interface Stats {
  readonly total_events: number;
  readonly total_missions: number;
  readonly active_missions: number;
  readonly active_locks: number;
  readonly total_checkpoints: number;
  readonly database_size_bytes: number;
  readonly wal_size_bytes: number;
}

/** Seed 002's adapter over an open store: its tables as functions, and the file beneath as plain SQL. */
export class SquawkAdapter {
  readonly db: LiveDatabase;
  readonly mailboxes: ReturnType<typeof mailboxTable>;
  readonly events: ReturnType<typeof eventTable>;
  readonly cursors: ReturnType<typeof cursorTable>;
  readonly locks: ReturnType<typeof lockTable>;
  readonly specialists: ReturnType<typeof specialistTable>;
  readonly missions: ReturnType<typeof missionTable>;
  readonly sorties: ReturnType<typeof sortieTable>;
  readonly checkpoints: ReturnType<typeof checkpointTable>;
  readonly messages: ReturnType<typeof messageTable>;
  readonly #path: string;
  readonly #open: () => Promise<Rookery>;
  #rookery: Rookery;
  #closed = false;

  /** `open` opens the store at `path`: now, and again after a rollback. */
  static async open(
    path: string,
    open: () => Promise<Rookery>,
    copies?: CheckpointCopies,
  ): Promise<SquawkAdapter> {
    return new SquawkAdapter(path, open, await open(), copies);
  }

  private constructor(
    path: string,
    open: () => Promise<Rookery>,
    rookery: Rookery,
    copies: CheckpointCopies | undefined,
  ) {
    this.#path = path;
    this.#open = open;
    this.#rookery = rookery;
    const as: As = (specialist) => this.as(specialist);
    this.db = new LiveDatabase(() => this.#engine);
    this.mailboxes = mailboxTable(as);
    this.events = eventTable(as);
    this.cursors = cursorTable(as);
    this.locks = lockTable(as, (by) => this.asAdministrator(by));
    this.specialists = specialistTable(as);
    this.missions = missionTable(as);
    this.sorties = sortieTable(as, copies);
    this.checkpoints = checkpointTable(as, copies);
    this.messages = messageTable(as);
  }

  /** Operations as a specialist of the project. The holder of the file may act for any. */
  as(specialist: string = moduleAgent): Invoke {
    return this.#invoking(this.#rookery.as(specialist).principal);
  }

  /** The same with the rights of an administrator, for what is done to others. */
  asAdministrator(by: string = moduleAgent): Invoke {
    const rights = new Set<Right>(['read', 'write', 'admin']);
    return this.#invoking({ ...this.#rookery.as(by).principal, rights, via: moduleAgent });
  }

  #invoking(principal: Principal): Invoke {
    return async (operation, input) =>
      (await this.#rookery.store.invoke(operation, principal, input)).output as never;
  }

  async isHealthy(): Promise<boolean> {
    if (this.#closed) return false;
    try {
      await this.#engine.describe();
      return true;
    } catch {
      return false;
    }
  }

  async getStats(): Promise<Stats> {
    const { events, missions, running } = await this.#engine.read(totals);
    return {
      total_events: events,
      total_missions: missions,
      active_missions: running,
      active_locks: (await this.locks.getActive()).length,
      total_checkpoints: (await this.as()(countCheckpoints, {})).checkpoints,
      database_size_bytes: sizeOf(this.#path),
      wal_size_bytes: sizeOf(`${this.#path}-wal`),
    };
  }

  /** Lets SQLite refresh what it knows of its indexes, and folds the log back into the file. */
  async maintenance(): Promise<void> {
    this.db.prepare('PRAGMA optimize').all();
    this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
  }

  /**
   * From here on everything this adapter does is one transaction, durable with `commitTransaction` and not before; other
   * processes wait with their writes. Rolling back opens the store anew, because nothing that was cached may survive it.
   */
  async beginTransaction(): Promise<void> {
    if (this.#path === memoryPath)
      throw new RookeryError('UNAVAILABLE', 'transactions over several calls need a database file');
    await this.#engine.hold();
  }

  async commitTransaction(): Promise<void> {
    this.#engine.letGo(true);
  }

  async rollbackTransaction(): Promise<void> {
    this.#engine.letGo(false);
    await this.#rookery.close();
    this.#rookery = await this.#open();
  }

  /** Safe to call twice. An open transaction is rolled back. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#rookery.close();
  }

  get #engine(): SqliteEngine {
    const { engine } = this.#rookery.store;
    if (engine instanceof SqliteEngine) return engine;
    throw new TypeError('this module works on a SQLite file');
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
