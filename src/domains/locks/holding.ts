import { Denial, type WriteContext } from '../../kernel/context.ts';
import { notFound, RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { end, isOver, leaseOf, renew, subjectOf, turnover, withOthers } from './leases.ts';
import { defaultLeaseMs, type Lease } from './model.ts';
import { handOver } from './queue/handover.ts';
import type { LeaseRows } from './statements.ts';
import { incarnationOf, type LockRow, lockAndQueue, lockById } from './statements.ts';

/** What a holder does with its lease, and an administrator with anybody's. */

interface Found {
  readonly rows: LeaseRows;
  /** Whether anybody waits for anything: else there is nobody to hand over to. */
  readonly waiting: boolean;
}

/** A lease by its id or that of any of its resources; throws NOT_FOUND where there is none. */
function* find(context: WriteContext, id: string): Work<Found> {
  const row = yield* lockAndQueue(context.project, id);
  if (!row) throw notFound('lease');
  if (row.lease_id === '' && row.members === 1) return { rows: [row], waiting: row.waiting === 1 };
  const first: LockRow = row.lease_id === '' ? row : (yield* lockById(context.project, row.lease_id))!;
  return { rows: yield* withOthers(context.project, first), waiting: row.waiting === 1 };
}

/** Throws FORBIDDEN for everybody but the holder; recorded, because it is an attempt on somebody else's lease. */
function assertHolder(context: WriteContext, { rows: [first] }: Found, act: string): void {
  if (first.reserved_by === context.agent) return;
  const message = `${context.agent} may not ${act} a lease of ${first.reserved_by}`;
  const details = { lease: first.id, holder: first.reserved_by };
  throw new Denial('FORBIDDEN', message, subjectOf(first.id), details);
}

function lost(first: LockRow, why: string): RookeryError {
  const { id: lease, status, expires_at_ms: expiresAt } = first;
  const state = status === 'active' ? 'expired' : status;
  return new RookeryError('LEASE_LOST', `the lease ${why}`, { lease, status: state, expiresAt });
}

export interface Renewal {
  readonly lease: string;
  readonly token?: number | undefined;
  readonly ttlMs?: number | null | undefined;
}

/** Gives a lease its time again. Refused once it is over, even if nobody took it: the next one has a new token. */
export function* renewLease(context: WriteContext, { lease, token, ttlMs }: Renewal): Work<Lease> {
  yield* context.identity();
  const found = yield* find(context, lease);
  assertHolder(context, found, 'renew');
  const [first] = found.rows;
  if (first.status !== 'active') throw lost(first, `is ${first.status.replace('_', ' ')}`);
  if (isOver(first, context.now)) throw lost(first, 'ran out');
  if (token !== undefined && token !== first.fencing_token) throw lost(first, 'has another token');
  if (first.incarnation !== (yield* incarnationOf(context.project, context.agent)))
    throw lost(first, 'belongs to a former life of this agent');
  const terms = { ttlMs: ttlMs === null ? null : ttlMs || first.timeout_ms || defaultLeaseMs };
  yield* renew(context, found.rows, terms);
  return leaseOf(found.rows, context.now);
}

/** Ends a lease; again, once it is released, for nothing. Its holder may, in this life or a later one. */
export function* releaseLease(context: WriteContext, id: string): Work<Lease> {
  yield* context.identity();
  const found = yield* find(context, id);
  assertHolder(context, found, 'release');
  const [first] = found.rows;
  if (first.status === 'released') return leaseOf(found.rows, context.now);
  if (first.status !== 'active') throw lost(first, `is ${first.status.replace('_', ' ')}`);
  if (isOver(first, context.now)) throw lost(first, 'ran out');
  return yield* endFound(context, found, { status: 'released' });
}

/** Ends anybody's lease. One that is over already is answered as it is. */
export function* forceReleaseLease(context: WriteContext, id: string, reason: string): Work<Lease> {
  yield* context.identity();
  const found = yield* find(context, id);
  if (isOver(found.rows[0], context.now)) return leaseOf(found.rows, context.now);
  return yield* endFound(context, found, { status: 'force_released', reason });
}

function* endFound(
  context: WriteContext,
  { rows, waiting }: Found,
  how: Parameters<typeof end>[2],
): Work<Lease> {
  const over = turnover();
  yield* end(context, rows, how, over);
  if (waiting) yield* handOver(context, over);
  return leaseOf(rows, context.now);
}
