import type { ReadContext, WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { askedOf, attempt } from './acquisition.ts';
import { normalizePath } from './globs/path.ts';
import { end, isOver, leaseOf, rowsOf, turnover } from './leases.ts';
import type { Lease, Mode, Purpose } from './model.ts';
import { tierOf } from './model.ts';
import { leasesNear, wantsNear } from './neighbours.ts';
import { handOver } from './queue/handover.ts';
import { excludes } from './resources.ts';
import { activeAt, activeOf, incarnationOf, type LockRow } from './statements.ts';

/** Leases as other domains remember them and take them back, for the agents that had them. */

/** A lock on one file that is in force. Times in milliseconds. */
export interface HeldLock {
  readonly id: string;
  readonly file: string;
  readonly holder: string;
  readonly purpose: Purpose;
  readonly reservedAt: number;
  readonly ttlMs: number | null;
  readonly metadata: string;
}

/** What these agents hold, and what is held on these files; each once, and at most so many. */
export function* heldLocks(
  context: ReadContext,
  wanted: { readonly holders: readonly string[]; readonly files: readonly string[] },
  limit: number,
): Work<HeldLock[]> {
  const found = new Map<string, LockRow>();
  for (const holder of wanted.holders)
    for (const row of yield* activeOf(context.project, holder, '', limit)) found.set(row.id, row);
  const paths = wanted.files.flatMap((file) => normalized(file) ?? []);
  if (paths.length > 0)
    for (const row of yield* activeAt(context.project, 'file', paths)) found.set(row.id, row);
  return [...found.values()]
    .filter((row) => row.kind === 'file' && !isOver(row, context.now))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map(heldLock);
}

function heldLock(row: LockRow): HeldLock {
  return {
    id: row.id,
    file: row.file,
    holder: row.reserved_by,
    purpose: row.purpose,
    reservedAt: Date.parse(row.reserved_at),
    ttlMs: row.timeout_ms,
    metadata: row.metadata,
  };
}

function normalized(file: string): string | undefined {
  try {
    return normalizePath('path', file);
  } catch {
    return undefined; // such a file cannot be leased
  }
}

export interface Claimant {
  readonly file: string;
  readonly holder: string;
  readonly purpose: Purpose;
}

/** How it stands with a file that somebody had: who has it now, from the lock table and nothing else. */
export type Standing =
  | { readonly state: 'own' | 'free' | 'unknown_holder' | 'no_file' }
  | { readonly state: 'held'; readonly by: string; readonly leases: readonly string[] }
  /** Nobody holds it, and this agent waits for it. */
  | { readonly state: 'awaited'; readonly by: string };

export function* standingOn(context: ReadContext, { file, holder, purpose }: Claimant): Work<Standing> {
  const { project, now } = context;
  const path = normalized(file);
  if (path === undefined) return { state: 'no_file' };
  if ((yield* incarnationOf(project, holder)) === undefined) return { state: 'unknown_holder' };
  const mode: Mode = purpose === 'read' ? 'shared' : 'exclusive';
  const claim = { kind: 'file' as const, path, mode };
  const live = (yield* leasesNear(project, [claim])).filter(({ row }) => !isOver(row, now));
  const own = ({ row, theirs }: (typeof live)[number]) =>
    row.reserved_by === holder && theirs.path === path && (theirs.mode === 'exclusive' || mode === 'shared');
  if (live.some(own)) return { state: 'own' };
  const rivals = live.filter(({ row, theirs }) => row.reserved_by !== holder && excludes(theirs.mode, mode));
  if (rivals.length > 0)
    return {
      state: 'held',
      by: rivals[0]!.row.reserved_by,
      leases: [...new Set(rivals.map(({ row }) => row.lease_id || row.id))],
    };
  const waiting = (yield* wantsNear(project, [claim], tierOf(0))).find(
    ({ row, theirs }) => row.agent_id !== holder && row.deadline_ms > now && excludes(theirs.mode, mode),
  );
  return waiting ? { state: 'awaited', by: waiting.row.agent_id } : { state: 'free' };
}

/**
 * Takes a lock for the agent that had it, ending the named leases of others first; undefined when it is not to be had.
 * The caller has checked that it may act for the holder, and for whoever loses a lease.
 */
export function* retake(
  context: WriteContext,
  { file, holder, purpose }: Claimant,
  how: { readonly ttlMs: number | null; readonly from: readonly string[]; readonly reason: string },
): Work<Lease | undefined> {
  const incarnation = yield* incarnationOf(context.project, holder);
  if (incarnation === undefined) return undefined;
  const over = turnover();
  for (const lease of how.from) {
    const rows = yield* rowsOf(context.project, lease);
    if (rows && !isOver(rows[0], context.now))
      yield* end(context, rows, { status: 'force_released', reason: how.reason }, over);
  }
  const asked = askedOf({
    path: file,
    paths: [],
    patterns: [],
    names: [],
    purpose,
    ttlMs: how.ttlMs,
    urgency: 0,
    chronicle: true,
  });
  const outcome = yield* attempt(context, { agent: holder, incarnation }, asked, over);
  yield* handOver(context, over);
  return outcome.rows && leaseOf(outcome.rows, context.now);
}
