import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { askedOf } from './acquisition.ts';
import { adoptLock } from './adoption-statements.ts';
import { judge } from './judgement.ts';
import { expiryOf, isOver, leaseOf, recordLife, turnover } from './leases.ts';
import type { Lease, Purpose } from './model.ts';
import { handOver } from './queue/handover.ts';
import { lockHeld, reasonsOf } from './refusal.ts';
import { incarnationOf, type LockRow, lockById } from './statements.ts';

/** A lease of the caller as another system kept it. Times are its own: this is the one place that believes them. */
export interface Adoption {
  readonly id: string;
  readonly path: string;
  readonly purpose: Purpose;
  readonly reservedAt: string;
  /** Null: never expires. */
  readonly ttlMs: number | null;
  readonly releasedAt?: string | undefined;
  readonly checksum?: string | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

/**
 * Takes a lease over with its id and times, under a token of this store: released or expired if it is that, else in
 * force until its old end. One that is in force must not meet another: LOCK_HELD.
 */
export function* adopt(context: WriteContext, adoption: Adoption): Work<Lease> {
  const { id, path, purpose, ttlMs } = adoption;
  yield* context.identity();
  if (yield* lockById(context.project, id)) throw invalid('id', 'a lock id that is not in use');
  const reservedAt = Date.parse(adoption.reservedAt);
  if (reservedAt > context.now) throw invalid('reservedAt', 'a time that has passed');
  const { checksum, metadata } = adoption;
  const asked = askedOf({
    path,
    paths: [],
    patterns: [],
    names: [],
    purpose,
    checksum,
    metadata,
    urgency: 0,
  });
  const [resource] = asked.resources;
  const expiresAt = expiryOf(ttlMs, reservedAt);
  const released = adoption.releasedAt !== undefined;
  const expired = !released && isOver({ released_at: null, expires_at_ms: expiresAt }, context.now);
  const holder = {
    agent: context.agent,
    incarnation: (yield* incarnationOf(context.project, context.agent)) ?? 1,
  };
  const over = turnover();
  if (!released && !expired) {
    const verdict = yield* judge(context, { holder, resources: asked.resources, urgency: 0 }, over);
    if (verdict.kind === 'own' || verdict.kind === 'blocked')
      throw lockHeld(yield* reasonsOf(context, holder, verdict), context.now);
    if (verdict.kind !== 'grant') throw invalid('path', 'a file that the holder has not locked twice');
  }
  const row: LockRow = {
    id,
    lease_id: '',
    kind: 'file',
    file: path,
    normalized_path: resource!.path,
    reserved_by: holder.agent,
    incarnation: holder.incarnation,
    reserved_at: isoTime(reservedAt),
    released_at: released ? isoTime(Date.parse(adoption.releasedAt!)) : expired ? isoTime(expiresAt!) : null,
    purpose,
    shared: purpose === 'read' ? 1 : 0,
    checksum: checksum ?? null,
    timeout_ms: ttlMs,
    expires_at_ms: expiresAt,
    status: released ? 'released' : expired ? 'expired' : 'active',
    fencing_token: context.tx.nextToken(),
    members: 1,
    ended_by: null,
    end_reason: null,
    seq: 0,
    metadata: asked.terms.metadata ?? '{}',
    chronicled: 0,
  };
  row.seq = yield* recordLife(context, [row]);
  yield* adoptLock(context.project, row, expiresAt === null ? null : isoTime(expiresAt));
  yield* handOver(context, over);
  return leaseOf([row], context.now);
}
