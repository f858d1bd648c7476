import type { ReadContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { isOver } from './leases.ts';
import type { Fence } from './model.ts';
import { type LockRow, lockById } from './statements.ts';

/** Fencing: whether a lease still protects what is written under it. */

export const reasons = ['unknown', 'ended', 'expired', 'superseded'] as const;
export type Reason = (typeof reasons)[number];

/**
 * Why a lease and token protect nothing any more; undefined while they do. Who shows them is not asked: they are shown
 * on behalf of the holder, by a commit hook for one.
 */
export function* brokenFence(
  context: Pick<ReadContext, 'project'>,
  now: number,
  { lease, token }: Fence,
): Work<Reason | undefined> {
  const row = yield* lockById(context.project, lease);
  const first: LockRow | undefined =
    row && row.lease_id !== '' ? yield* lockById(context.project, row.lease_id) : row;
  if (!first) return 'unknown';
  if (first.fencing_token !== token) return 'superseded';
  if (first.released_at !== null) return first.status === 'expired' ? 'expired' : 'ended';
  return isOver(first, now) ? 'expired' : undefined;
}

/**
 * For mutations that take a fence: throws FENCED unless the lease is in force under this token, in the transaction that
 * writes. A holder that was paused past its time can therefore change nothing, whatever it believes.
 */
export function* assertFence(context: ReadContext, fence: Fence): Work<void> {
  const reason = yield* brokenFence(context, context.now, fence);
  if (reason === undefined) return;
  throw new RookeryError('FENCED', `the lease no longer protects this: ${reason}`, { ...fence, reason });
}
