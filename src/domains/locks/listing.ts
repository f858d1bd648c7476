import type { ReadContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { normalizePath } from './globs/path.ts';
import { isOver, leaseOf, rowsOf, withOthers } from './leases.ts';
import type { Lease, Waiter } from './model.ts';
import { leasesNear } from './neighbours.ts';
import { requestOf } from './queue/ends.ts';
import type { WaiterRow } from './queue/statements.ts';
import { afterAll, committedClock, idAfter, type LockRow, liveLeases, pastLocks } from './statements.ts';

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
  /** Null at the end. Before it, a page may hold fewer than asked for. */
  readonly cursor: string | null;
}

export function* leasePage(context: ReadContext, filter: Filter, page: Page): Work<Leases> {
  const { project } = context;
  const now = yield* readClock(context);
  if (!filter.active) return yield* pastLeases(context, { ...filter, path: '' }, page);
  const at = { now, holder: filter.holder };
  const firsts = yield* liveLeases(project, at, page.after, page.limit + 1);
  const last = firsts[page.limit - 1];
  return {
    locks: yield* leasesOf(context, firsts.slice(0, page.limit), now),
    cursor: last && firsts.length > page.limit ? last.id : null,
  };
}

/** Leases on one file; of those in force also those on patterns that match it. */
export function* leasesOn(context: ReadContext, given: string, filter: Filter, page: Page): Work<Leases> {
  const path = normalizePath('path', given);
  if (!filter.active) return yield* pastLeases(context, { ...filter, path }, page);
  const now = yield* readClock(context);
  const near = yield* leasesNear(context.project, [{ kind: 'file', path, mode: 'exclusive' }]);
  const byLease = new Map(near.map(({ row }) => [row.lease_id || row.id, row]));
  const found = [...byLease]
    .filter(([lease, row]) => lease > page.after && !isOver(row, now))
    .filter(([, row]) => filter.holder === '' || row.reserved_by === filter.holder)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = found.slice(0, page.limit);
  return {
    locks: yield* leasesOf(
      context,
      shown.map(([, row]) => row),
      now,
    ),
    cursor: found.length > shown.length ? shown.at(-1)![0] : null,
  };
}

/** How much history one page looks through: it has no index by path or holder, which each lease would pay for. */
const windowRows = 20_000;

/** Leases there ever were, a stretch of history at a time. */
function* pastLeases(
  context: ReadContext,
  { holder, path }: { readonly holder: string; readonly path: string },
  { after, limit }: Page,
): Work<Leases> {
  const { project } = context;
  const end = yield* idAfter(project, after, windowRows);
  const rows = yield* pastLocks(project, { after, upTo: end ?? afterAll, holder, path }, limit + 1);
  const last = rows[limit - 1];
  return {
    locks: yield* leasesOf(context, rows.slice(0, limit), yield* readClock(context)),
    cursor: last && rows.length > limit ? last.id : (end ?? null),
  };
}

/** The whole lease of each row. */
function* leasesOf(context: ReadContext, rows: readonly LockRow[], now: number): Work<Lease[]> {
  const leases: Lease[] = [];
  for (const row of rows) {
    const members =
      row.lease_id === ''
        ? yield* withOthers(context.project, row)
        : (yield* rowsOf(context.project, row.lease_id))!;
    leases.push(leaseOf(members, now));
  }
  return leases;
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
