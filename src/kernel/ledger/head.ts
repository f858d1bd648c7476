import { RookeryError } from '../errors.ts';
import { equalBytes } from '../vault/primitives.ts';
import { change, one, statement, type Work } from '../work.ts';
import { Frontier } from './tree.ts';

/**
 * The one row per project that every commit reads first and writes last: size and frontier of the ledger, the store
 * clock, the fencing counter and the policy epoch. On Postgres its row lock makes the project single-file, which is
 * what keeps sequence order equal to commit order; on SQLite the write lock already does.
 */
export interface Head {
  readonly project: string;
  readonly frontier: Frontier;
  /** The store clock: the greatest time any commit has seen. It never goes back. */
  clockMs: number;
  /** Raised by a restore from backup; forms the high bits of fencing tokens. */
  readonly epoch: number;
  /** Last fencing counter handed out; never reset. */
  fence: number;
  /** Counts changes of memberships, grants and agent states: what identity caches are keyed by. */
  policyEpoch: number;
  /** Counts changes of keys: what remembered keys are current by. */
  keyEpoch: number;
  /** Whether a relay follows the project (see `live/relay/`). No part of the ledger: not authenticated. */
  relayed: boolean;
}

export interface StoredHead {
  readonly head: Head;
  /** Authentication code over all of it, made with the root key. */
  readonly mac: Uint8Array;
}

interface HeadRow {
  size: number;
  frontier: Uint8Array;
  clock_ms: number;
  epoch: number;
  fence: number;
  policy_epoch: number;
  key_epoch: number;
  mac: Uint8Array;
  relayed: number;
}

const columns = 'size, frontier, clock_ms, epoch, fence, policy_epoch, key_epoch, mac, relayed';

const selectHead = statement(`SELECT ${columns} FROM ledger_heads WHERE project_id = $1`);

const lockHead = statement(`SELECT ${columns} FROM ledger_heads WHERE project_id = $1`, {
  when: 'postgres',
  sql: `SELECT ${columns} FROM ledger_heads WHERE project_id = $1 FOR UPDATE`,
  because: 'Postgres has many writers at once; the row lock, held to commit, puts those of a project in line',
});

const insertHead = statement(`
  INSERT INTO ledger_heads (project_id, size, frontier, clock_ms, epoch, fence, policy_epoch, mac)
  VALUES ($1, 0, $2, 0, (SELECT CAST(value AS BIGINT) FROM store WHERE name = 'epoch'), 0, 0, $2)
  ON CONFLICT (project_id) DO NOTHING`);

const updateHead = statement(`
  UPDATE ledger_heads SET size = $2, frontier = $3, clock_ms = $4, fence = $5, policy_epoch = $6, key_epoch = $7,
    mac = $8
  WHERE project_id = $1`);

const insertProject = statement(`
  INSERT INTO projects (id, name, created_at) VALUES ($1, $1, $2) ON CONFLICT (id) DO NOTHING`);

/** The head for writing; a project that is named for the first time comes into being here. */
export function* loadHead(project: string, nowText: string): Work<Head> {
  let row = yield* one<HeadRow>(lockHead, [project]);
  if (!row) {
    yield* change(insertProject, [project, nowText]);
    yield* change(insertHead, [project, new Uint8Array(0)]);
    row = yield* one<HeadRow>(lockHead, [project]);
  }
  return decodeHead(project, row!);
}

/** The head for reading, with the stored authentication code; undefined while the project has no commit. */
export function* readHead(project: string): Work<StoredHead | undefined> {
  const row = yield* one<HeadRow>(selectHead, [project]);
  return row && { head: decodeHead(project, row), mac: row.mac };
}

function decodeHead(project: string, row: HeadRow): Head {
  return {
    project,
    frontier: new Frontier(row.size, row.frontier),
    clockMs: row.clock_ms,
    epoch: row.epoch,
    fence: row.fence,
    policyEpoch: row.policy_epoch,
    keyEpoch: row.key_epoch,
    relayed: row.relayed === 1,
  };
}

export function* storeHead(head: Head, authenticate: (bytes: Uint8Array) => Uint8Array): Work<void> {
  const { project, frontier, clockMs, fence, policyEpoch, keyEpoch } = head;
  yield* change(updateHead, [
    ...[project, frontier.size, frontier.toBytes(), clockMs, fence, policyEpoch, keyEpoch],
    authenticate(headBytes(head)),
  ]);
}

/** A head that no commit has written yet has no code, and nothing that could be changed. */
export function isAuthentic(
  { head, mac }: StoredHead,
  authenticate: (bytes: Uint8Array) => Uint8Array,
): boolean {
  const { frontier, clockMs, fence, policyEpoch, keyEpoch } = head;
  if (mac.length === 0) return frontier.size + clockMs + fence + policyEpoch + keyEpoch === 0;
  return equalBytes(mac, authenticate(headBytes(head)));
}

export function assertAuthentic(stored: StoredHead, authenticate: (bytes: Uint8Array) => Uint8Array): void {
  if (isAuthentic(stored, authenticate)) return;
  const { project } = stored.head;
  throw new RookeryError('TAMPERED', `the head of the ledger was changed: run "audit verify"`, { project });
}

/** What the authentication code of a head covers: all of it. The key epoch counts where keys were ever changed. */
export function headBytes(head: Head): Uint8Array {
  const { project, frontier, clockMs, epoch, fence, policyEpoch, keyEpoch } = head;
  const changed = keyEpoch === 0 ? [] : [keyEpoch];
  const numbers = [frontier.size, clockMs, epoch, fence, policyEpoch, ...changed].join(' ');
  return Buffer.concat([Buffer.from(`rookery/head/v1\n${project}\n${numbers}\n`), frontier.toBytes()]);
}

const counterBits = 40;

/** The next fencing token: larger than every one before, and still an exact JavaScript integer. */
export function takeToken(head: Head): number {
  head.fence += 1;
  return head.epoch * 2 ** counterBits + head.fence;
}
