import * as locks from '../../../domains/locks/operations.ts';
import { invalid, isRookeryError } from '../../../kernel/errors.ts';
import { acquire, everyLock, lockById, noteStale, releaseExpired } from '../locks.ts';
import { type Lock, lockOf } from '../shapes.ts';
import { type As, jsonOf, known } from './calls.ts';

export interface LockInput {
  readonly file: string;
  readonly specialist_id?: string;
  /** The same under the name it has in the row. */
  readonly reserved_by?: string;
  /** Milliseconds; 30000 when left out, null or 0. */
  readonly timeout_ms?: number | null;
  readonly purpose?: string | null;
  readonly checksum?: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | string | null;
}

/** The lock, and beside it its fields; or who stands in the way. */
export type LockResult =
  | ({ readonly conflict: false; readonly renewed: boolean; readonly lock: Lock } & Lock)
  | { readonly conflict: true; readonly existing_lock: Lock; readonly lock?: never; readonly id?: never };

export function lockTable(as: As, asAdministrator: As) {
  /** The holder of a lock may be left out: who calls this module may act for it. */
  const byHolder = async (
    id: string,
    specialist: string | undefined,
    act: (as: ReturnType<As>) => Promise<Lock>,
  ) => {
    const lock = await lockById(as(), id);
    const invoke = as(specialist ?? known(lock?.reserved_by));
    return lock && (await act(invoke).catch(async (error: unknown) => await refuse(invoke, lock, error)));
  };
  return {
    async acquire(input: LockInput): Promise<LockResult> {
      const specialist = input.specialist_id ?? input.reserved_by;
      if (specialist === undefined) throw invalid('specialist_id', 'who acquires the lock');
      const acquired = await acquire(as(specialist), {
        file: input.file,
        timeoutMs: known(input.timeout_ms),
        purpose: known(input.purpose),
        checksum: known(input.checksum),
        metadata: known(jsonOf(input.metadata)),
      });
      if (acquired.conflict) return { conflict: true, existing_lock: acquired.existing };
      const { lock, renewed } = acquired;
      return { ...lock, conflict: false, renewed, lock };
    },
    release: (id: string, specialist?: string): Promise<Lock | null> =>
      byHolder(id, specialist, async (invoke) =>
        lockOf((await invoke(locks.release, { lease: id })).lease, { id }),
      ),
    renew: (id: string, specialist: string, timeoutMs?: number | null): Promise<Lock | null> =>
      byHolder(id, specialist, async (invoke) => {
        const input = { lease: id, ttlMs: known(timeoutMs) };
        return lockOf((await invoke(locks.renew, input)).lease, { id });
      }),
    getById: (id: string): Promise<Lock | null> => lockById(as(), id),
    async getByFile(file: string): Promise<Lock | null> {
      return (await everyLock(as(), { status: 'active', path: file }))[0] ?? null;
    },
    getActive: (): Promise<Lock[]> => everyLock(as(), { status: 'active' }),
    getAll: (): Promise<Lock[]> => everyLock(as(), { status: 'all' }),
    /** Those whose time ran out, told so by a sweep or not. */
    async getExpired(): Promise<Lock[]> {
      return (await everyLock(as(), { status: 'all' })).filter(({ status }) => status === 'expired');
    },
    async forceRelease(
      id: string,
      { by, reason = 'forced' }: { readonly by?: string; readonly reason?: string } = {},
    ): Promise<Lock | null> {
      if (!(await lockById(as(), id))) return null;
      return lockOf((await asAdministrator(by)(locks.forceRelease, { lease: id, reason })).lease, { id });
    },
    releaseExpired: (): Promise<number> => releaseExpired(as()),
  };
}

async function refuse(invoke: ReturnType<As>, lock: Lock, error: unknown): Promise<never> {
  if (isRookeryError(error, 'LEASE_LOST')) await noteStale(invoke, lock);
  return inWords(error);
}

/** The seed's sentences for what a release or renewal can fail with. */
function inWords(error: unknown): never {
  if (isRookeryError(error, 'FORBIDDEN'))
    throw new Error('Cannot release lock: wrong specialist', { cause: error });
  if (isRookeryError(error, 'LEASE_LOST')) throw new Error('Lock is no longer held', { cause: error });
  throw error;
}
