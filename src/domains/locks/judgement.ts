import type { WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { end, type Holder, holds, isOver, rowsOf, type Turnover } from './leases.ts';
import { agingMs, bypassMax, tierOf, upgradeTier } from './model.ts';
import { leasesNear, type Neighbour, wantsNear } from './neighbours.ts';
import { dismissIfOver } from './queue/ends.ts';
import type { WaiterRow, WantedRow } from './queue/statements.ts';
import { excludes, keyOf, type Resource } from './resources.ts';
import type { LeaseRows } from './statements.ts';
import { type LockRow, livePatterns } from './statements.ts';

/** Who asks, for what, and with what place in the queue. */
export interface Asker {
  readonly holder: Holder;
  readonly resources: readonly Resource[];
  readonly urgency: number;
  /** Present for a request that is queued: its place is fixed. */
  readonly queued?: Pick<WaiterRow, 'id' | 'tier' | 'position'> | undefined;
}

export type Verdict =
  /** An own lease on the same set, as strong as asked for. */
  | { readonly kind: 'renew'; readonly rows: LeaseRows }
  /** The same, to be made stronger; nobody else holds a part of it. */
  | { readonly kind: 'upgrade'; readonly rows: LeaseRows }
  | { readonly kind: 'grant'; readonly overtaken: readonly WantedRow[] }
  /** A path is held exclusively by the asker already, under another lease. */
  | { readonly kind: 'own'; readonly leases: readonly Neighbour<LockRow>[] }
  | Blocked;

export interface Blocked {
  readonly kind: 'blocked';
  readonly tier: number;
  readonly leases: readonly Neighbour<LockRow>[];
  /** Requests that come first, and those that this one overtakes. */
  readonly ahead: readonly Neighbour<WantedRow>[];
  readonly overtaken: readonly WantedRow[];
}

/**
 * Decides a request against all live leases and waiters, inside the transaction that acts on it. What is found to be
 * over is ended on the way: an expired lease never blocks, whatever a sweeper does.
 */
export function* judge(context: WriteContext, asker: Asker, over: Turnover): Work<Verdict> {
  const { holder, resources } = asker;
  const leases = yield* liveLeases(context, resources, over);
  const own = yield* judgeOwn(context, asker, leases);
  if (own && own.kind !== 'stronger') return own;
  const others = leases.filter((near) => !holds(near.row, holder) && conflicts(near));
  if (own) {
    if (others.length === 0) return { kind: 'upgrade', rows: own.rows };
    return { kind: 'blocked', tier: upgradeTier, leases: others, ahead: [], overtaken: [] };
  }
  const line = yield* standInLine(context, asker, over);
  if (others.length > 0 || line.ahead.length > 0) return { kind: 'blocked', leases: others, ...line };
  yield* checkRoom(context.project, leases, resources);
  return { kind: 'grant', overtaken: line.overtaken };
}

function conflicts({ theirs, asked }: Neighbour<unknown>): boolean {
  return excludes(theirs.mode, asked.mode);
}

function* liveLeases(
  context: WriteContext,
  resources: readonly Resource[],
  over: Turnover,
): Work<Neighbour<LockRow>[]> {
  const found = yield* leasesNear(context.project, resources);
  const expired = new Set<string>();
  for (const { row } of found) {
    const lease = row.lease_id || row.id;
    if (!isOver(row, context.now) || expired.has(lease)) continue;
    expired.add(lease);
    yield* end(context, (yield* rowsOf(context.project, lease))!, { status: 'expired' }, over);
  }
  return expired.size === 0 ? found : found.filter(({ row }) => !isOver(row, context.now));
}

type Own =
  | Extract<Verdict, { kind: 'renew' | 'own' }>
  | { readonly kind: 'stronger'; readonly rows: LeaseRows };

/** What the asker's own leases on exactly the same paths mean; undefined when they mean nothing. */
function* judgeOwn(
  context: WriteContext,
  { holder, resources }: Asker,
  leases: readonly Neighbour<LockRow>[],
): Work<Own | undefined> {
  const same = leases.filter(
    ({ row, theirs, asked }) => holds(row, holder) && keyOf(theirs) === keyOf(asked),
  );
  const byLease = Map.groupBy(same, ({ row }) => row.lease_id || row.id);
  const [lease, parts = []] =
    [...byLease].find(
      ([, rows]) => rows.length === resources.length && rows[0]!.row.members === rows.length,
    ) ?? [];
  if (
    parts.length > 0 &&
    parts.every(({ theirs, asked }) => theirs.mode === 'exclusive' || asked.mode === 'shared')
  )
    return { kind: 'renew', rows: (yield* rowsOf(context.project, lease!))! };
  const clashing = same.filter((near) => conflicts(near) && !parts.includes(near));
  if (clashing.length > 0) return { kind: 'own', leases: clashing };
  return parts.length > 0 ? { kind: 'stronger', rows: (yield* rowsOf(context.project, lease!))! } : undefined;
}

/** Where a request stands among the waiters that want the same. */
function* standInLine(
  context: WriteContext,
  asker: Asker,
  over: Turnover,
): Work<Pick<Blocked, 'tier' | 'ahead' | 'overtaken'>> {
  const { holder, queued } = asker;
  const tier = queued?.tier ?? tierOf(asker.urgency);
  const rivals: Neighbour<WantedRow>[] = [];
  const dismissed = new Set<string>();
  // A newcomer looks at all, because it may be put behind any of them.
  for (const near of yield* wantsNear(context.project, asker.resources, queued?.tier ?? tierOf(0))) {
    const { row } = near;
    if (row.id === queued?.id || dismissed.has(row.id) || !conflicts(near)) continue;
    if (row.agent_id === holder.agent && row.incarnation === holder.incarnation) continue;
    if (yield* dismissIfOver(context, row, over)) dismissed.add(row.id);
    else rivals.push(near);
  }
  if (queued) {
    const ahead = rivals.filter(({ row }) => comesBefore(row, queued));
    return { tier, ahead, overtaken: [] };
  }
  const fixed = rivals.filter(({ row }) => !mayOvertake(tier, row, context.now)).map(({ row }) => row.tier);
  const place = { tier: Math.max(tier, ...fixed), position: Number.MAX_SAFE_INTEGER };
  const ahead = rivals.filter(({ row }) => comesBefore(row, place));
  const behind = new Map(
    rivals.filter(({ row }) => !comesBefore(row, place)).map(({ row }) => [row.id, row]),
  );
  return { tier: place.tier, ahead, overtaken: [...behind.values()] };
}

type Place = Pick<WaiterRow, 'tier' | 'position'>;

export function comesBefore(a: Place, b: Place): boolean {
  return a.tier < b.tier || (a.tier === b.tier && a.position < b.position);
}

/** Whether a newcomer of this tier may come before a waiter: it must be more urgent than the waiter has become. */
export function mayOvertake(
  tier: number,
  waiter: Pick<WaiterRow, 'tier' | 'bypassed' | 'enqueued_at'>,
  now: number,
): boolean {
  const aged = waiter.tier - Math.floor((now - waiter.enqueued_at) / agingMs);
  return waiter.bypassed < bypassMax && tier < aged;
}

function* checkRoom(
  project: string,
  leases: readonly Neighbour<LockRow>[],
  resources: readonly Resource[],
): Work<void> {
  const patterns = resources.filter(({ kind }) => kind === 'pattern').length;
  if (patterns > 0 && (yield* livePatterns(project)) + patterns > limits.patternLeases)
    throw full('patterns are leased at once', limits.patternLeases);
  const same = leases.filter(({ theirs, asked }) => keyOf(theirs) === keyOf(asked));
  for (const holders of Map.groupBy(same, ({ theirs }) => keyOf(theirs)).values()) {
    if (holders.length >= limits.sharedHolders) throw full('holders share a path', limits.sharedHolders);
  }
}

function full(what: string, most: number): RookeryError {
  return new RookeryError('LIMIT_REACHED', `no more than ${most} ${what}`, { limit: most });
}
