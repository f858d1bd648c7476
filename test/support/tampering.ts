import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Finding, Verified } from '../../src/kernel/ledger/findings.ts';
import { type VerifyStoreOptions, verifyStore } from '../../src/kernel/ledger/verify-store.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';

const files = ['rookery.db', 'root.key', 'ledger-signing.key'];

/** The database file as somebody has it who can write to the disk: no rules, and no keys. */
export interface Raw {
  run(sql: string, ...parameters: SQLInputValue[]): number;
  all<Row>(sql: string, ...parameters: SQLInputValue[]): Row[];
}

/** A store at rest, of which copies are tampered with, each from the beginning. */
export class Victim {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'rookery-victim-'));

  static async filledBy(fill: (rookery: Rookery) => Promise<void>): Promise<Victim> {
    const victim = new Victim();
    const rookery = await openRookery({ path: victim.folder });
    await fill(rookery);
    await rookery.close();
    return victim;
  }

  /** Edits a copy with plain SQL, opens it as a store and verifies it. */
  async after(edit: (raw: Raw) => void, options: VerifyStoreOptions = {}): Promise<Verified> {
    const copy = this.copy();
    try {
      tamper(join(copy, 'rookery.db'), edit);
      await using rookery = await openRookery({ path: copy });
      return await verifyStore(rookery.store, options);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }

  copy(): string {
    const copy = mkdtempSync(join(tmpdir(), 'rookery-tampered-'));
    for (const file of files) copyFileSync(join(this.folder, file), join(copy, file));
    return copy;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Plain SQL on a store's file, with the triggers out of the way. */
export function tamper(file: string, edit: (raw: Raw) => void): void {
  const db = new DatabaseSync(file);
  try {
    db.exec('DROP TRIGGER IF EXISTS audit_log_no_update; DROP TRIGGER IF EXISTS audit_log_no_delete');
    edit(rawOver(db));
  } finally {
    db.close();
  }
}

export function rawOver(db: DatabaseSync): Raw {
  return {
    run: (sql, ...parameters) => Number(db.prepare(sql).run(...parameters).changes),
    all: <Row>(sql: string, ...parameters: SQLInputValue[]) => db.prepare(sql).all(...parameters) as Row[],
  };
}

/** The kinds that were found, each once. */
export function kindsOf(verified: { readonly findings: readonly Finding[] }): string[] {
  return [...new Set(verified.findings.map(({ kind }) => kind))].sort();
}
