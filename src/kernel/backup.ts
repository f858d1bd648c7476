import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { Engine } from './engine.ts';
import { invalid, RookeryError } from './errors.ts';
import type { Verified } from './ledger/findings.ts';
import { type Verifiable, verifyStore } from './ledger/verify-store.ts';

export interface StoreBackupOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Whether the copy's ledger, and what is stored, is verified before the copy gets its name: the default. Without it a
   * store with findings can be copied as it is; its structure is checked in any case.
   */
  readonly verify?: boolean;
}

/**
 * A complete copy of the live store in one file, while others read and write. What counts is what was verified, so a copy
 * with a finding is refused with TAMPERED, and removed. Answers what was verified; undefined when that was left out.
 */
export async function backupStore(
  store: Verifiable,
  file: string,
  { onProgress, verify = true }: StoreBackupOptions = {},
): Promise<Verified | undefined> {
  const { engine } = store;
  if (!engine.backup)
    throw new RookeryError('UNAVAILABLE', 'this engine has no backup of its own: use pg_dump');
  assertReplaceable(file, (await engine.describe()).location);
  let verified: Verified | undefined;
  const verifyCopy = async (copy: Engine) => {
    verified = await verifyStore(store, { copy });
    if (!verified.ok) throw refused(verified);
  };
  await engine.backup(file, { ...(onProgress && { onProgress }), ...(verify && { verify: verifyCopy }) });
  return verified;
}

/** A copy may take the place of an older one; not of the store itself, nor of its keys and log or whatever else is there. */
function assertReplaceable(file: string, store: string): void {
  const there = statSync(file, { throwIfNoEntry: false });
  if (!there) return;
  const { ino, dev } = statSync(store, { throwIfNoEntry: false }) ?? {};
  if (there.ino === ino && there.dev === dev) throw invalid('file', 'another file than the store itself');
  if (!there.isFile() || (there.size > 0 && !isDatabase(file)))
    throw invalid('file', `a new name, or a database to be replaced: ${file} is something else`);
}

/** Source: SQLite's file format, section 1.3. */
const databaseHeader = 'SQLite format 3\0';

function isDatabase(file: string): boolean {
  const header = Buffer.alloc(databaseHeader.length);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header);
  } finally {
    closeSync(descriptor);
  }
  return header.toString('latin1') === databaseHeader;
}

function refused({ findings, more }: Verified): RookeryError {
  const [first] = findings;
  const message = `the copy does not agree with its ledger, first at ${first!.subject}: ${first!.message}`;
  return new RookeryError('TAMPERED', message, { findings: findings.length + more, first: first!.kind });
}
