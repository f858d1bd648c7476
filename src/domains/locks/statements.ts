import { change, many, one, type Statement, statement, type Work } from '../../kernel/work.ts';
import type { Kind, Purpose, Status } from './model.ts';

export interface LockRow {
  id: string;
  /** Empty in the first row of a lease, which has the lease's id. */
  lease_id: string;
  kind: Kind;
  file: string;
  normalized_path: string;
  reserved_by: string;
  incarnation: number;
  reserved_at: string;
  released_at: string | null;
  purpose: Purpose;
  shared: number;
  checksum: string | null;
  timeout_ms: number | null;
  expires_at_ms: number | null;
  status: Status;
  fencing_token: number;
  /** Rows of the lease. */
  members: number;
  ended_by: string | null;
  end_reason: string | null;
  seq: number;
  metadata: string;
  /** Flag: its life is told in the event stream of its path. */
  chronicled: number;
}

/** The rows of one lease, its first one first. What changes a lease changes its rows in memory with it. */
export type LeaseRows = readonly [LockRow, ...LockRow[]];

const columns = `id, lease_id, kind, file, normalized_path, reserved_by, incarnation, reserved_at, released_at, purpose,
  shared, checksum, timeout_ms, expires_at_ms, status, fencing_token, members, ended_by, end_reason, seq, metadata,
  chronicled`;

/** Larger than any path in the order of bytes. */
export const afterAll = '\u{10ffff}';

const flag = (condition: string) => `CASE WHEN ${condition} THEN 1 ELSE 0 END`;
// An active row is in one of two partial indexes; each half of a condition names the one that it reads.
const activeHalves = ['released_at IS NULL AND shared = 0', 'released_at IS NULL AND shared = 1'] as const;
const anyActive = (where: string) =>
  activeHalves
    .map((active) => `EXISTS (SELECT 1 FROM locks WHERE project_id = $1 AND ${where} AND ${active})`)
    .join(' OR ');
const anyWaiting = `EXISTS (SELECT 1 FROM lock_waiters WHERE project_id = $1 AND state = 'waiting')`;

export interface Situation {
  incarnation: number;
  /** Flags: the resource itself is leased, any pattern is, anybody waits. */
  taken: number;
  patterns: number;
  waiting: number;
}

const selectSituation = statement(`
  SELECT incarnation, ${flag(anyActive('kind = $3 AND normalized_path = $4'))} AS taken,
    ${flag(anyActive("kind = 'pattern'"))} AS patterns, ${flag(anyWaiting)} AS waiting
  FROM agents WHERE project_id = $1 AND id = $2`);
/** All that an acquire of one free path needs to know, in one statement. */
export const situationOf = (project: string, agent: string, kind: Kind, path: string) =>
  one<Situation>(selectSituation, [project, agent, kind, path]);

const selectLock = statement(`SELECT ${columns} FROM locks WHERE project_id = $1 AND id = $2`);
export const lockById = (project: string, id: string) => one<LockRow>(selectLock, [project, id]);

const selectLockAndQueue = statement(`
  SELECT ${columns}, ${flag(anyWaiting)} AS waiting FROM locks WHERE project_id = $1 AND id = $2`);
/** The same, and whether anybody waits for anything. */
export const lockAndQueue = (project: string, id: string) =>
  one<LockRow & { waiting: number }>(selectLockAndQueue, [project, id]);

const selectMembers = statement(`
  SELECT ${columns} FROM locks WHERE project_id = $1 AND lease_id = $2 AND lease_id <> ''
  ORDER BY kind, normalized_path LIMIT 5000`);
/** The rows of a lease beside its first. */
export const otherMembers = (project: string, lease: string) =>
  many<LockRow>(selectMembers, [project, lease]);

const chunk = 16;
const selectActive = { 1: activeAmong(1), [chunk]: activeAmong(chunk) };
function activeAmong(paths: number): Statement {
  const list = Array.from({ length: paths }, (_, i) => `$${i + 3}`).join(', ');
  const half = (active: string) => `SELECT ${columns} FROM locks
    WHERE project_id = $1 AND kind = $2 AND normalized_path IN (${list}) AND ${active}`;
  return statement(`${activeHalves.map(half).join(' UNION ALL ')} LIMIT 20000`);
}
/** Active rows on exactly these paths, 16 to a statement. */
export function* activeAt(project: string, kind: Kind, paths: readonly string[]): Work<LockRow[]> {
  if (paths.length === 1) return yield* many<LockRow>(selectActive[1]!, [project, kind, paths[0]!]);
  const found: LockRow[] = [];
  for (let i = 0; i < paths.length; i += chunk) {
    const some = paths.slice(i, i + chunk);
    const filled = [...some, ...Array<string>(chunk - some.length).fill(some[0]!)];
    found.push(...(yield* many<LockRow>(selectActive[chunk]!, [project, kind, ...filled])));
  }
  return found;
}

const selectBetween = activeHalves.map((active) =>
  statement(`
    SELECT ${columns} FROM locks
    WHERE project_id = $1 AND kind = $2 AND ${active} AND normalized_path >= $3 AND normalized_path <= $4
      AND (normalized_path, id) > ($5, $6)
    ORDER BY normalized_path, id LIMIT 1000`),
);
/** Active rows of a kind in a range of paths. */
export function* activeBetween(project: string, kind: Kind, from: string, to: string): Work<LockRow[]> {
  const found: LockRow[] = [];
  for (const select of selectBetween) {
    let last: LockRow | undefined;
    do {
      const after = last ? [last.normalized_path, last.id] : ['', ''];
      const page: LockRow[] = yield* many<LockRow>(select, [project, kind, from, to, ...after]);
      found.push(...page);
      last = page.length === 1000 ? page.at(-1) : undefined;
    } while (last);
  }
  return found;
}

const selectHeld = statement(`
  SELECT ${columns} FROM locks WHERE project_id = $1 AND reserved_by = $2 AND released_at IS NULL AND id > $3
  ORDER BY id LIMIT $4`);
/** Active rows of an agent, of all its lives. */
export const activeOf = (project: string, agent: string, after: string, limit: number) =>
  many<LockRow>(selectHeld, [project, agent, after, limit]);

const selectIncarnation = statement('SELECT incarnation FROM agents WHERE project_id = $1 AND id = $2');
export function* incarnationOf(project: string, agent: string): Work<number | undefined> {
  return (yield* one<{ incarnation: number }>(selectIncarnation, [project, agent]))?.incarnation;
}

const countPatterns = statement(`
  SELECT ${activeHalves
    .map((active) => `(SELECT count(*) FROM locks WHERE project_id = $1 AND kind = 'pattern' AND ${active})`)
    .join(' + ')} AS live`);
/** How many patterns are leased. */
export function* livePatterns(project: string): Work<number> {
  return (yield* one<{ live: number }>(countPatterns, [project]))!.live;
}

const selectAnyHeld = statement(`
  SELECT 1 AS held FROM locks WHERE project_id = $1 AND reserved_by = $2 AND released_at IS NULL LIMIT 1`);
export function* holdsAnything(project: string, agent: string): Work<boolean> {
  return (yield* one<{ held: number }>(selectAnyHeld, [project, agent])) !== undefined;
}

const selectExpired = statement(`
  SELECT ${columns} FROM locks
  WHERE project_id = $1 AND released_at IS NULL AND expires_at_ms IS NOT NULL AND expires_at_ms <= $2
  ORDER BY expires_at_ms LIMIT $3`);
export const expiredLocks = (project: string, now: number, limit: number) =>
  many<LockRow>(selectExpired, [project, now, limit]);

const insertLock = statement(`
  INSERT INTO locks (project_id, id, lease_id, kind, file, normalized_path, reserved_by, incarnation, reserved_at,
    purpose, shared, checksum, timeout_ms, expires_at, expires_at_ms, fencing_token, members, seq, metadata,
    chronicled)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`);
/** A row of a lease that begins: active, and ended by nobody yet. */
export const addLock = (project: string, row: LockRow, expiresAt: string | null) =>
  change(insertLock, [
    project,
    row.id,
    row.lease_id,
    row.kind,
    row.file,
    row.normalized_path,
    row.reserved_by,
    row.incarnation,
    row.reserved_at,
    row.purpose,
    row.shared,
    row.checksum,
    row.timeout_ms,
    expiresAt,
    row.expires_at_ms,
    row.fencing_token,
    row.members,
    row.seq,
    row.metadata,
    row.chronicled,
  ]);

/** One statement for the first row of a lease and one for the others: each reads its own index. */
function onLease(set: string): { first: Statement; others: Statement } {
  const update = (where: string) =>
    statement(`UPDATE locks SET ${set} WHERE project_id = $1 AND ${where} AND released_at IS NULL`);
  return { first: update('id = $2'), others: update("lease_id = $2 AND lease_id <> ''") };
}

function changeLease(
  statements: { first: Statement; others: Statement },
  project: string,
  lease: Pick<LockRow, 'id' | 'members'>,
  values: (string | number | null)[],
): Work<number> {
  const parameters = [project, lease.id, ...values];
  return lease.members === 1 ? change(statements.first, parameters) : changeBoth(statements, parameters);
}

function* changeBoth(
  { first, others }: { first: Statement; others: Statement },
  parameters: (string | number | null)[],
): Work<number> {
  return (yield* change(first, parameters)) + (yield* change(others, parameters));
}

const updateEnded = onLease('status = $3, released_at = $4, ended_by = $5, end_reason = $6, seq = $7');
export const endLocks = (
  project: string,
  lease: Pick<LockRow, 'id' | 'members'>,
  end: { status: Status; at: string; by: string | null; reason: string | null; seq: number },
) => changeLease(updateEnded, project, lease, [end.status, end.at, end.by, end.reason, end.seq]);

const updateRenewed =
  onLease(`timeout_ms = $3, expires_at = $4, expires_at_ms = $5, purpose = COALESCE($6, purpose),
  checksum = $7, metadata = $8, seq = $9`);
/** `purpose` null leaves each row its own. */
export const renewLocks = (
  project: string,
  lease: LockRow,
  { expiresAt, purpose }: { expiresAt: string | null; purpose: string | null },
) =>
  changeLease(updateRenewed, project, lease, [
    lease.timeout_ms,
    expiresAt,
    lease.expires_at_ms,
    purpose,
    lease.checksum,
    lease.metadata,
    lease.seq,
  ]);

const updateToken = onLease('fencing_token = $3');
export const retokenLocks = (project: string, lease: LockRow) =>
  changeLease(updateToken, project, lease, [lease.fencing_token]);

const updateExclusive = statement(`
  UPDATE locks SET shared = 0, purpose = 'edit' WHERE project_id = $1 AND id = $2 AND shared = 1 AND released_at IS NULL`);
export const makeExclusive = (project: string, id: string) => change(updateExclusive, [project, id]);

const selectClock = statement('SELECT clock_ms FROM ledger_heads WHERE project_id = $1');
/** The store clock as the last commit of any process left it. */
export function* committedClock(project: string): Work<number> {
  return (yield* one<{ clock_ms: number }>(selectClock, [project]))?.clock_ms ?? 0;
}

// The inner limit keeps the order from the inner query, which reads the index of active rows and not the history.
const selectLive = statement(`
  SELECT * FROM (
    SELECT ${columns} FROM locks
    WHERE project_id = $1 AND reserved_by >= '' AND released_at IS NULL AND lease_id = ''
      AND (expires_at_ms IS NULL OR expires_at_ms > $2) AND id || '' > $3
    LIMIT 10000000) AS live
  ORDER BY id LIMIT $4`);
const selectLiveOf = statement(`
  SELECT ${columns} FROM locks
  WHERE project_id = $1 AND reserved_by = $5 AND released_at IS NULL AND lease_id = ''
    AND (expires_at_ms IS NULL OR expires_at_ms > $2) AND id > $3
  ORDER BY id LIMIT $4`);
/** First rows of live leases in the order of their ids, which is the order of time; of one holder, or of all (''). */
export const liveLeases = (
  project: string,
  at: { now: number; holder: string },
  after: string,
  limit: number,
) =>
  at.holder === ''
    ? many<LockRow>(selectLive, [project, at.now, after, limit])
    : many<LockRow>(selectLiveOf, [project, at.now, after, limit, at.holder]);

const selectFirsts = statement(`
  SELECT ${columns} FROM locks WHERE project_id = $1 AND lease_id = '' AND id > $2 ORDER BY id LIMIT $3`);
/** First rows of all leases there ever were. */
export const allLeases = (project: string, after: string, limit: number) =>
  many<LockRow>(selectFirsts, [project, after, limit]);

const selectIdAfter = statement(`
  SELECT id FROM locks WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3`);
/** The id that comes so many rows after one; undefined where there are not as many. */
export function* idAfter(project: string, after: string, rows: number): Work<string | undefined> {
  return (yield* one<{ id: string }>(selectIdAfter, [project, after, rows - 1]))?.id;
}

const selectPast = statement(`
  SELECT ${columns} FROM locks
  WHERE project_id = $1 AND id > $2 AND id <= $3 AND ($4 = '' OR reserved_by = $4)
    AND (($5 = '' AND lease_id = '') OR (kind = 'file' AND normalized_path = $5))
  ORDER BY id LIMIT $6`);
/** Leases by their first rows, or with a path the rows on that file, between two ids. '' stands for any. */
export const pastLocks = (
  project: string,
  range: { after: string; upTo: string; holder: string; path: string },
  limit: number,
) => many<LockRow>(selectPast, [project, range.after, range.upTo, range.holder, range.path, limit]);

const selectEndedBefore = statement(`
  SELECT ${columns} FROM locks
  WHERE project_id = $1 AND lease_id = '' AND released_at IS NOT NULL AND released_at < $2 ORDER BY id LIMIT $3`);
export const endedBefore = (project: string, before: string, limit: number) =>
  many<LockRow>(selectEndedBefore, [project, before, limit]);

const deleteFirst = statement('DELETE FROM locks WHERE project_id = $1 AND id = $2');
const deleteOthers = statement(
  `DELETE FROM locks WHERE project_id = $1 AND lease_id = $2 AND lease_id <> ''`,
);
export function* dropLease(project: string, lease: LockRow): Work<void> {
  yield* change(deleteFirst, [project, lease.id]);
  if (lease.members > 1) yield* change(deleteOthers, [project, lease.id]);
}
