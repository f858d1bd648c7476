import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { blockFor } from '../../../kernel/engines/sqlite/connection.ts';
import type { SqliteEngine } from '../../../kernel/engines/sqlite/engine.ts';
import { isBusy } from '../../../kernel/engines/sqlite/errors.ts';

/** What seed 002 sets as the busy timeout of its connection. */
const busyTimeoutMs = 5000;

export interface PreparedStatement {
  all(...parameters: SQLInputValue[]): Record<string, SQLOutputValue>[];
  get(...parameters: SQLInputValue[]): Record<string, SQLOutputValue> | undefined;
  run(...parameters: SQLInputValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
}

/**
 * Plain SQL on the live file, through the connection that the store itself writes with: it sees an open transaction.
 * What is written here is in no ledger, so `audit verify` reports it.
 *
 * The engine waits for other processes by itself, without blocking, so `PRAGMA busy_timeout` answers 0; a statement from
 * here waits up to 5 s, as the seed's setting would.
 */
export class LiveDatabase {
  readonly #engine: () => SqliteEngine;

  constructor(engine: () => SqliteEngine) {
    this.#engine = engine;
  }

  prepare(sql: string): PreparedStatement {
    let { database } = this.#engine();
    let prepared = database.prepare(sql);
    const current = () => {
      const now = this.#engine().database;
      if (now !== database) [database, prepared] = [now, now.prepare(sql)];
      return prepared;
    };
    return {
      all: (...parameters) => whileBusy(() => current().all(...parameters)),
      get: (...parameters) => whileBusy(() => current().get(...parameters)),
      run: (...parameters) => whileBusy(() => current().run(...parameters)),
    };
  }
}

function whileBusy<T>(attempt: () => T): T {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      blockFor(2);
    }
  }
}
