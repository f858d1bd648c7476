import { scopes } from '../../kernel/access/model.ts';
import { isoTime } from '../../kernel/clock.ts';
import type { Subject, WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { tellEnd, tellGrant } from './chronicle.ts';
import type { Lease, Purpose, Status } from './model.ts';
import { claimOf } from './neighbours.ts';
import type { Claim, Resource } from './resources.ts';
import {
  addLock,
  endLocks,
  type LeaseRows,
  type LockRow,
  lockById,
  makeExclusive,
  otherMembers,
  renewLocks,
  retokenLocks,
} from './statements.ts';

/** Leases coming into being, living on and ending: the only place where rows of leases are written. */

/** An agent in one of its lives. */
export interface Holder {
  readonly agent: string;
  readonly incarnation: number;
}

export interface Terms {
  readonly ttlMs: number | null;
  readonly purpose?: Purpose | undefined;
  readonly checksum?: string | undefined;
  /** As JSON text. */
  readonly metadata?: string | undefined;
  /** Tell its life in the event streams of its paths. */
  readonly chronicle?: boolean | undefined;
}

/** What one transaction ended: its claims are free for waiters, who get them before the commit. */
export interface Turnover {
  freed: Claim[];
  /** First rows of leases that ended, and of those that waiters got, as they are now. */
  readonly ended: LockRow[];
  readonly granted: LockRow[];
}

export function turnover(): Turnover {
  return { freed: [], ended: [], granted: [] };
}

export function subjectOf(lease: string): Subject {
  return { kind: 'lock', name: lease, scope: scopes.project };
}

export function expiryOf(ttlMs: number | null, now: number): number | null {
  return ttlMs === null ? null : now + ttlMs;
}

export function isOver(row: Pick<LockRow, 'released_at' | 'expires_at_ms'>, now: number): boolean {
  return row.released_at !== null || (row.expires_at_ms !== null && row.expires_at_ms <= now);
}

export function holds(row: LockRow, holder: Holder): boolean {
  return row.reserved_by === holder.agent && row.incarnation === holder.incarnation;
}

/** All rows of a lease, its first one first; `id` may be that of any. Undefined where there is none. */
export function* rowsOf(project: string, id: string): Work<LeaseRows | undefined> {
  const row = yield* lockById(project, id);
  const first = row && row.lease_id !== '' ? yield* lockById(project, row.lease_id) : row;
  return first && (yield* withOthers(project, first));
}

export function* withOthers(project: string, first: LockRow): Work<LeaseRows> {
  return first.members > 1 ? [first, ...(yield* otherMembers(project, first.id))] : [first];
}

/** The lease as it is at a time: over from the millisecond it expires. */
export function leaseOf(rows: LeaseRows, now: number): Lease {
  const [first] = rows;
  const expired = first.released_at === null && isOver(first, now);
  return {
    id: first.id,
    token: first.fencing_token,
    holder: first.reserved_by,
    incarnation: first.incarnation,
    status: expired ? 'expired' : first.status,
    purpose: first.purpose,
    checksum: first.checksum,
    ttlMs: first.timeout_ms,
    reservedAt: momentOf(first.reserved_at),
    expiresAt: first.expires_at_ms,
    releasedAt: expired ? first.expires_at_ms : endOf(first),
    endedBy: first.ended_by,
    endReason: first.end_reason,
    metadata: JSON.parse(first.metadata),
    resources: rows.map((row) => {
      const { kind, path, mode } = claimOf(row);
      return { id: row.id, kind, file: row.file, path, mode };
    }),
  };
}

function endOf({ released_at }: LockRow): number | null {
  return released_at === null ? null : momentOf(released_at);
}

/** The time that `isoTime` wrote; a batch of leases shares it. */
function momentOf(text: string): number {
  if (text !== lastMoment.text) lastMoment = { text, milliseconds: Date.parse(text) };
  return lastMoment.milliseconds;
}
let lastMoment = { text: '', milliseconds: Number.NaN };

/**
 * The text that every entry of a lease commits to; verification makes it again from the rows. One fact a line, as none
 * of them can hold a line break.
 */
export function contentText(rows: LeaseRows): string {
  const [first] = rows;
  let text = `${first.fencing_token}\n${first.reserved_by}\n${first.incarnation}\n${first.reserved_at}
${first.timeout_ms ?? ''}\n${first.expires_at_ms ?? ''}\n${first.purpose}\n${first.checksum ?? ''}
${first.metadata}\n${first.status}\n${first.released_at ?? ''}\n${first.ended_by ?? ''}\n${first.end_reason ?? ''}`;
  for (const row of rows) text += `\n${row.id}\n${row.kind}\n${row.normalized_path}\n${row.shared}`;
  return text;
}

/** The entry of a change; answers its number, which the rows keep. */
export function recordLife(context: WriteContext, rows: LeaseRows, operation?: string): Work<number> {
  return context.record(subjectOf(rows[0].id), {
    content: contentText(rows),
    facts: { token: rows[0].fencing_token },
    ...(operation !== undefined && { operation }),
  });
}

/** A new lease, under a token larger than all before. The caller has made sure that nothing conflicts. */
export function* grant(
  context: WriteContext,
  holder: Holder,
  wanted: {
    readonly resources: readonly Resource[];
    readonly terms: Terms;
    readonly expiresAt: number | null;
  },
): Work<LeaseRows> {
  const { resources, terms, expiresAt } = wanted;
  const token = context.tx.nextToken();
  const lease = context.newId('lock');
  const reservedAt = isoTime(context.now);
  const rowOf = (resource: Resource, i: number): LockRow => {
    const shared = resource.mode === 'shared' ? 1 : 0;
    return {
      id: i === 0 ? lease : context.newId('lock'),
      lease_id: i === 0 ? '' : lease,
      kind: resource.kind,
      file: resource.file,
      normalized_path: resource.path,
      reserved_by: holder.agent,
      incarnation: holder.incarnation,
      reserved_at: reservedAt,
      released_at: null,
      purpose: terms.purpose ?? (shared === 1 ? 'read' : 'edit'),
      shared,
      checksum: terms.checksum ?? null,
      timeout_ms: terms.ttlMs,
      expires_at_ms: expiresAt,
      status: 'active',
      fencing_token: token,
      members: resources.length,
      ended_by: null,
      end_reason: null,
      seq: 0,
      metadata: terms.metadata ?? '{}',
      chronicled: terms.chronicle ? 1 : 0,
    };
  };
  const [firstResource, ...otherResources] = resources;
  const rows: LeaseRows = [
    rowOf(firstResource!, 0),
    ...otherResources.map((resource, i) => rowOf(resource, i + 1)),
  ];
  const seq = yield* recordLife(context, rows, holder.agent === context.agent ? undefined : 'locks.grant');
  const expiryText = expiresAt === null ? null : isoTime(expiresAt);
  for (const row of rows) {
    row.seq = seq;
    yield* addLock(context.project, row, expiryText);
  }
  if (terms.chronicle) yield* tellGrant(context, rows);
  return rows;
}

/** Gives a live lease a new end, and what else its holder says anew. */
export function* renew(
  context: WriteContext,
  rows: LeaseRows,
  terms: Terms,
  operation = 'locks.renew',
): Work<void> {
  const expiresAt = expiryOf(terms.ttlMs, context.now);
  for (const row of rows) {
    row.timeout_ms = terms.ttlMs;
    row.expires_at_ms = expiresAt;
    row.purpose = terms.purpose ?? row.purpose;
    row.checksum = terms.checksum ?? row.checksum;
    row.metadata = terms.metadata ?? row.metadata;
  }
  const [first] = rows;
  first.seq = yield* recordLife(context, rows, operation);
  const changed = yield* renewLocks(context.project, first, {
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
    purpose: terms.purpose ?? null,
  });
  assertAll(changed, first);
}

/** Makes shared parts of a lease exclusive, under a new token: others may have held it since the old one was drawn. */
export function* upgrade(
  context: WriteContext,
  rows: LeaseRows,
  resources: readonly Claim[],
  terms: Terms,
): Work<void> {
  const token = context.tx.nextToken();
  for (const row of rows) {
    row.fencing_token = token;
    const asked = resources.find(({ kind, path }) => kind === row.kind && path === row.normalized_path);
    if (row.shared === 0 || asked?.mode !== 'exclusive') continue;
    row.shared = 0;
    row.purpose = 'edit';
    yield* makeExclusive(context.project, row.id);
  }
  assertAll(yield* retokenLocks(context.project, rows[0]), rows[0]);
  yield* renew(context, rows, terms);
}

/** Operations that ends are recorded under, whatever call brought them about. */
const endings: Record<Status, string> = {
  active: 'locks.renew',
  released: 'locks.release',
  expired: 'locks.expire',
  force_released: 'locks.forceRelease',
};

/** Ends a lease that is not over yet in its row. What it held is free from here on. */
export function* end(
  context: WriteContext,
  rows: LeaseRows,
  how: { readonly status: Status; readonly reason?: string | undefined; readonly crash?: boolean },
  over: Turnover,
): Work<void> {
  const [first] = rows;
  const expired = how.status === 'expired';
  const at = isoTime(expired ? first.expires_at_ms! : context.now);
  const by = expired || context.agent === first.reserved_by ? null : context.agent;
  const reason = how.reason ?? null;
  for (const row of rows) {
    row.status = how.status;
    row.released_at = at;
    row.ended_by = by;
    row.end_reason = reason;
  }
  const seq = yield* recordLife(context, rows, endings[how.status]);
  const changed = yield* endLocks(context.project, first, { status: how.status, at, by, reason, seq });
  assertAll(changed, first);
  if (first.chronicled === 1) yield* tellEnd(context, rows, how);
  over.ended.push(first);
  for (const row of rows) over.freed.push(claimOf(row));
}

/** Guards every transition: rows that were changed by nobody else. */
function assertAll(changed: number, lease: LockRow): void {
  if (changed !== lease.members)
    throw new RookeryError('LEASE_LOST', 'the lease changed meanwhile', { lease: lease.id });
}
