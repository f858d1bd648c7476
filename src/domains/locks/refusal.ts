import { scopes } from '../../kernel/access/model.ts';
import { isoTime } from '../../kernel/clock.ts';
import { Collision } from '../../kernel/collision.ts';
import type { RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import type { Verdict } from './judgement.ts';
import { type Holder, leaseOf, rowsOf } from './leases.ts';
import type { Conflict } from './model.ts';
import type { Neighbour } from './neighbours.ts';
import type { WantedRow } from './queue/statements.ts';
import type { LockRow } from './statements.ts';

/** Why a request cannot be granted now, in facts and in words. */
export type Refusal = Extract<Verdict, { kind: 'own' | 'blocked' }>;

export interface Reasons {
  readonly conflicts: readonly Conflict[];
  /** Conflicts beyond those that are listed. */
  readonly more: number;
}

const listed = 20;

/** Leases first, then requests that come before. */
export function* reasonsOf(
  context: { readonly project: string; readonly now: number },
  holder: Holder,
  refusal: Refusal,
): Work<Reasons> {
  const conflicts: Conflict[] = [];
  for (const near of refusal.leases.slice(0, listed)) {
    const rows = (yield* rowsOf(context.project, near.row.lease_id || near.row.id))!;
    conflicts.push({ ...meetingOf(near), ...holderOf(near.row, holder), lease: leaseOf(rows, context.now) });
  }
  const ahead = refusal.kind === 'blocked' ? refusal.ahead : [];
  for (const near of ahead.slice(0, listed - conflicts.length)) {
    const { agent_id, incarnation, id, deadline_ms } = near.row;
    conflicts.push({
      ...meetingOf(near),
      holder: agent_id,
      incarnation,
      own: false,
      expiresAt: deadline_ms,
      lease: null,
      waiter: id,
    });
  }
  return { conflicts, more: refusal.leases.length + ahead.length - conflicts.length };
}

function meetingOf({ theirs, asked, witness }: Neighbour<LockRow | WantedRow>) {
  return { mode: theirs.mode, requested: asked.path, path: theirs.path, witness, waiter: null };
}

function holderOf(row: LockRow, { agent }: Holder) {
  const { reserved_by, incarnation, expires_at_ms } = row;
  return { holder: reserved_by, incarnation, own: reserved_by === agent, expiresAt: expires_at_ms };
}

/** The LOCK_HELD error, with everything a person needs to act on it. */
export function lockHeld({ conflicts, more }: Reasons, now: number): RookeryError {
  const ends = conflicts.map(({ expiresAt }) => expiresAt).filter((end) => end !== null);
  const retryAfterMs = ends.length > 0 ? Math.max(1, Math.max(...ends) - now) : null;
  const [first] = conflicts;
  const meeting = {
    type: 'resource',
    kind: 'lock',
    resource: first!.path,
    scope: scopes.project,
    others: conflicts.filter(({ own, path }) => !own && path === first!.path).map(({ holder }) => holder),
  } as const;
  return new Collision('LOCK_HELD', sentenceFor(first!), meeting, { conflicts, more, retryAfterMs });
}

function sentenceFor({ requested, path, witness, holder, mode, expiresAt, lease, own }: Conflict): string {
  const what = requested === path ? path : `${requested} meets ${path} at ${witness}, which`;
  if (!lease) return `${what} is asked for by ${holder} before`;
  const until = expiresAt === null ? 'released' : isoTime(expiresAt);
  const advice = own ? `: release lease ${lease.id} first, or ask for exactly its set` : '';
  return `${what} is held by ${holder} (${mode}) until ${until}${advice}`;
}
