import type { ReadContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { normalizePath } from './globs/path.ts';
import { isOver, leaseOf, rowsOf, withOthers } from './leases.ts';
import type { Lease, Waiter } from './model.ts';
import { leasesNear } from './neighbours.ts';
import { requestOf } from './queue/ends.ts';
import type { WaiterRow } from './queue/statements.ts';
import { allLeases, committedClock, type LockRow, liveLeases, locksOnPath } from './statements.ts';

/** Leases and waiters as lists show them. */

export interface Page {
  readonly after: string;
  readonly limit: number;
}

export interface Filter {
  readonly holder: string;
  readonly active: boolean;
}

/** The store clock for a read: what any process has committed, or this one's clock if that is later. */
export function* readClock(context: ReadContext): Work<number> {
  return Math.max(context.now, yield* committedClock(context.project));
}

export interface Leases {
  readonly locks: Lease[];
  readonly cursor: string | null;
}

export function* leasePage(context: ReadContext, filter: Filter, page: Page): Work<Leases> {
  const { project } = context;
  const now = yield* readClock(context);
  const firsts = filter.active
    ? yield* liveLeases(project, { now, holder: filter.holder }, page.after, page.limit + 1)
    : yield* allLeases(project, filter.holder, page.after, page.limit + 1);
  return yield* leasesOf(context, firsts, { now, limit: page.limit });
}

/** Leases on one file; of those in force also those on patterns that match it. */
export function* leasesOn(context: ReadContext, given: string, filter: Filter, page: Page): Work<Leases> {
  const { project } = context;
  const path = normalizePath('path', given);
  const now = yield* readClock(context);
  if (!filter.active) {
    const at = { path, kind: 'file' as const, holder: filter.holder };
    const rows = yield* locksOnPath(project, at, page.after, page.limit + 1);
    return yield* leasesOf(context, rows, { now, limit: page.limit });
  }
  const near = yield* leasesNear(project, [{ kind: 'file', path, mode: 'exclusive' }]);
  const byLease = new Map(near.map(({ row }) => [row.lease_id || row.id, row]));
  const rows = [...byLease]
    .filter(([lease, row]) => lease > page.after && !isOver(row, now))
    .filter(([, row]) => filter.holder === '' || row.reserved_by === filter.holder)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
  return yield* leasesOf(context, rows, { now, limit: page.limit });
}

/** The whole lease of each row; one row more than asked for says that there are more. */
function* leasesOf(
  context: ReadContext,
  rows: readonly LockRow[],
  { now, limit }: { now: number; limit: number },
): Work<Leases> {
  const locks: Lease[] = [];
  for (const row of rows.slice(0, limit)) {
    const members =
      row.lease_id === ''
        ? yield* withOthers(context.project, row)
        : (yield* rowsOf(context.project, row.lease_id))!;
    locks.push(leaseOf(members, now));
  }
  const last = rows[limit - 1];
  return { locks, cursor: last && rows.length > limit ? last.lease_id || last.id : null };
}

export function waiterOf(row: WaiterRow): Waiter {
  return {
    id: row.id,
    agent: row.agent_id,
    incarnation: row.incarnation,
    urgency: row.urgency,
    bypassed: row.bypassed,
    enqueuedAt: row.enqueued_at,
    deadlineAt: row.deadline_ms,
    resources: [...requestOf(row).resources],
    deadlock: JSON.parse(row.deadlock ?? '[]'),
  };
}
