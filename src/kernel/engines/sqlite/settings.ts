import type { DatabaseSync } from 'node:sqlite';
import { RookeryError } from '../../errors.ts';

export type Durability = 'full' | 'relaxed';

interface Setting {
  readonly pragma: string;
  readonly set: string | number;
  /** What reading it back must answer, where that differs from what was set. */
  readonly expect?: string | number;
  readonly why: string;
}

/** Every setting durability and privacy rest on. Builds differ in their defaults, so each is set and read back. */
export function settings(durability: Durability, memory: boolean): readonly Setting[] {
  return [
    {
      pragma: 'journal_mode',
      set: 'wal',
      expect: memory ? 'memory' : 'wal',
      why: 'readers beside one writer',
    },
    // After journal_mode: some builds lower it once a file is in WAL mode.
    { pragma: 'synchronous', set: durability === 'full' ? 2 : 1, why: 'acknowledged means on disk' },
    { pragma: 'foreign_keys', set: 1, why: 'no orphans' },
    { pragma: 'busy_timeout', set: 5000, why: 'a lock held briefly elsewhere is waited for' },
    { pragma: 'trusted_schema', set: 0, why: 'a crafted schema must not call functions' },
    { pragma: 'cell_size_check', set: 1, why: 'early detection of corruption' },
    { pragma: 'secure_delete', set: 1, why: 'what is erased is overwritten' },
    { pragma: 'temp_store', set: 2, why: 'no plaintext in spill files' },
    { pragma: 'mmap_size', set: 0, why: 'an I/O error in mapped memory kills the process' },
    { pragma: 'recursive_triggers', set: 1, why: 'append-only triggers also see REPLACE' },
    { pragma: 'cache_size', set: -65536, why: '64 MiB of pages: the hot set of a fleet stays in memory' },
    {
      pragma: 'wal_autocheckpoint',
      set: 4000,
      why: 'the log is folded back every 16 MiB: hot pages once, not four times',
    },
  ];
}

/** Applies all settings and refuses the store when one does not hold. */
export function applySettings(db: DatabaseSync, wanted: readonly Setting[]): void {
  for (const { pragma, set, expect, why } of wanted) {
    db.exec(`PRAGMA ${pragma} = ${set}`);
    const actual = readSetting(db, pragma);
    if (actual === undefined && pragma === 'mmap_size') continue; // memory databases have no such setting
    if (actual !== (expect ?? set)) {
      throw new RookeryError(
        'STORAGE_MISCONFIGURED',
        `PRAGMA ${pragma} answers ${actual}, not ${expect ?? set} (${why})`,
        { pragma, expected: expect ?? set, actual },
      );
    }
  }
}

export function readSettings(db: DatabaseSync, wanted: readonly Setting[]): Record<string, string | number> {
  return Object.fromEntries(wanted.map(({ pragma }) => [pragma, readSetting(db, pragma) ?? 'none']));
}

function readSetting(db: DatabaseSync, pragma: string): string | number | undefined {
  const row = db.prepare(`PRAGMA ${pragma}`).get();
  return row && (Object.values(row)[0] as string | number);
}

/**
 * Versions 3.7.0 to 3.51.2 can lose acknowledged commits when a checkpoint resets the log under a second connection
 * (fixed in 3.51.3, 3.50.7 and 3.44.6).
 */
export function checkVersion(version: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const number = major * 1_000_000 + minor * 1_000 + patch;
  const fixed =
    number >= 3_051_003 ||
    (number >= 3_050_007 && number < 3_051_000) ||
    (number >= 3_044_006 && number < 3_045_000);
  if (fixed) return;
  throw new RookeryError(
    'STORAGE_MISCONFIGURED',
    `SQLite ${version} has the WAL-reset bug and can lose committed data; run Node 24.15 or newer`,
    { version },
  );
}
