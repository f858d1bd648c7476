import type { Conflict, Lease } from '../../domains/locks/model.ts';
import { noteConflict } from '../../domains/locks/noting.ts';
import * as locks from '../../domains/locks/operations.ts';
import { isRookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Invoke } from './invoke.ts';
import { type Lock, lockOf, locksOf } from './shapes.ts';

/** Locks as seed 002 asks for them and shows them, for the server and for the module. */

export interface Wanted {
  readonly file: string;
  /** Milliseconds; 30000 when left out or 0. Null: never expires. */
  readonly timeoutMs?: unknown;
  readonly purpose?: unknown;
  readonly checksum?: unknown;
  readonly metadata?: unknown;
}

export type Acquired =
  | { readonly conflict: false; readonly lock: Lock; readonly renewed: boolean }
  | { readonly conflict: true; readonly existing: Lock };

/** Acquires, or says who stands in the way. */
export async function acquire(invoke: Invoke, wanted: Wanted): Promise<Acquired> {
  const { file, timeoutMs, purpose = 'edit', checksum, metadata } = wanted;
  try {
    const input = { path: file, ttlMs: timeoutMs, purpose, checksum, metadata, chronicle: true };
    const { lease, renewed } = await invoke(locks.acquire, input);
    return { conflict: false, lock: lockOf(lease), renewed };
  } catch (error) {
    if (!isRookeryError(error, 'LOCK_HELD')) throw error;
    const [first] = error.details['conflicts'] as readonly Conflict[];
    const { requested: path, holder, lease } = first!;
    const type = 'concurrent_edit';
    await invoke(noteConflict, { path, file, type, holder, ...(lease && { lock: lease.id }) });
    return { conflict: true, existing: existingOf(file, first!) };
  }
}

/** The lock that stands in the way. Who is only before in line has no lock yet: then its facts are those of the line. */
function existingOf(file: string, { lease, path, holder, mode, expiresAt }: Conflict): Lock {
  if (lease) return lockOf(lease, { path });
  return {
    id: '',
    file,
    normalized_path: path,
    reserved_by: holder,
    reserved_at: '',
    released_at: null,
    purpose: mode === 'shared' ? 'read' : 'edit',
    checksum: null,
    timeout_ms: null,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    status: 'waiting',
    fencing_token: 0,
    metadata: {},
  };
}

/** Somebody went on with a lock that it had lost. */
export async function noteStale(invoke: Invoke, lock: Lock | null): Promise<void> {
  if (!lock) return;
  const { normalized_path: path, file, reserved_by: holder, id } = lock;
  await invoke(noteConflict, { path, file, type: 'stale_lock', holder, lock: id });
}

/** A lock in any status. */
export async function lockById(invoke: Invoke, id: string): Promise<Lock | null> {
  const lease = await invoke(locks.get, { id });
  return lease && lockOf(lease, { id });
}

/** Locks in force, or all there ever were; the oldest first. */
export async function everyLock(
  invoke: Invoke,
  wanted: { readonly status: 'active' | 'all'; readonly path?: string },
): Promise<Lock[]> {
  const found: Lock[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const input = { ...wanted, cursor, limit: limits.pageSize };
    const page: { locks: Lease[]; cursor: string | null } = await invoke(locks.list, input);
    found.push(...page.locks.flatMap(locksOf));
    cursor = page.cursor;
  }
  // Ids made here sort by time; those of locks that were taken over from elsewhere need not.
  return found.sort((a, b) => Date.parse(a.reserved_at) - Date.parse(b.reserved_at));
}

/** Tells expired locks that they are, and answers how many. */
export async function releaseExpired(invoke: Invoke): Promise<number> {
  let released = 0;
  for (let more = true; more; ) {
    const swept = await invoke(locks.releaseExpired, {});
    released += swept.released;
    more = swept.more;
  }
  return released;
}
