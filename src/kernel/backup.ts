import type { Engine } from './engine.ts';
import { RookeryError } from './errors.ts';
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
  let verified: Verified | undefined;
  const verifyCopy = async (copy: Engine) => {
    verified = await verifyStore(store, { copy });
    if (!verified.ok) throw refused(verified);
  };
  await engine.backup(file, { ...(onProgress && { onProgress }), ...(verify && { verify: verifyCopy }) });
  return verified;
}

function refused({ findings, more }: Verified): RookeryError {
  const [first] = findings;
  const message = `the copy does not agree with its ledger, first at ${first!.subject}: ${first!.message}`;
  return new RookeryError('TAMPERED', message, { findings: findings.length + more, first: first!.kind });
}
