import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { applySettings, settings } from '../src/kernel/engines/sqlite/settings.ts';

/**
 * The raw floor: hand-written `node:sqlite` statements on the rows that the store keeps for a value, under the same
 * settings. No access rule, no ledger, no history, no revision: what any layer above SQLite is measured against.
 */
export class Floor {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #put: StatementSync;
  readonly #get: StatementSync;

  constructor(folder: string) {
    this.#db = new DatabaseSync(join(folder, 'floor.db'));
    applySettings(this.#db, settings('full', false));
    this.#db.exec(`
      CREATE TABLE memory (
        project_id TEXT NOT NULL, namespace TEXT NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL, level TEXT NOT NULL,
        owner TEXT NOT NULL, author TEXT NOT NULL, revision BIGINT NOT NULL, seq BIGINT NOT NULL,
        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, expires_at BIGINT, deleted INTEGER NOT NULL DEFAULT 0,
        value TEXT, sealed BLOB, PRIMARY KEY (project_id, namespace, key, scope))`);
    this.#begin = this.#db.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#db.prepare('COMMIT');
    this.#put = this.#db.prepare(`
      INSERT INTO memory (project_id, namespace, key, scope, level, owner, author, revision, seq, created_at, updated_at, value)
      VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5, 1, ?6, ?7, ?7, ?8)
      ON CONFLICT DO UPDATE SET revision = revision + 1, updated_at = excluded.updated_at, value = excluded.value`);
    this.#get = this.#db.prepare(
      'SELECT value FROM memory WHERE project_id = ?1 AND namespace = ?2 AND key = ?3 AND scope = ?4',
    );
  }

  /** Commits of `size` rows each; answers microseconds a row. */
  putBatches(rows: number, size: number, value: (index: number) => { key: string; value: unknown }): number {
    const started = performance.now();
    for (let done = 0; done < rows; done += size) {
      this.#begin.run();
      for (let i = done; i < Math.min(done + size, rows); i++) {
        const item = value(i);
        const text = JSON.stringify(item.value);
        this.#put.run('default', 'bench', item.key, 'project', 'coder-1', i, Date.now(), text);
      }
      this.#commit.run();
    }
    return ((performance.now() - started) * 1000) / rows;
  }

  gets(rows: number, key: (index: number) => string): number {
    const started = performance.now();
    for (let i = 0; i < rows; i++) {
      const row = this.#get.get('default', 'bench', key(i), 'project') as { value: string };
      JSON.parse(row.value);
    }
    return ((performance.now() - started) * 1000) / rows;
  }

  close(): void {
    this.#db.close();
  }
}
