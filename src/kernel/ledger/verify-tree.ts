import { RookeryError } from '../errors.ts';
import type { Work } from '../work.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import type { FindingKind, Report } from './findings.ts';
import { isAuthentic, readHead, type StoredHead } from './head.ts';
import type { Log } from './log.ts';
import { openNote, type Verifier } from './note.ts';
import {
  type CheckpointRow,
  checkpointsBetween,
  type EntryRow,
  newestSeq,
  rowsOutside,
  tileCount,
  tilesBetween,
} from './statements.ts';
import { Frontier, hashLength, leafHash, tileHeight } from './tree.ts';

interface Options {
  readonly project: string;
  readonly report: Report;
  readonly log: Log;
  readonly authenticate: (bytes: Uint8Array) => Uint8Array;
}

/** Kept hashes that the entries of a page imply, by level. */
type Tiles = Map<number, { tile: number; hash: Uint8Array }[]>;

/**
 * Grows the tree anew from the leaves and holds every hash that is stored or signed against it. After a gap no hash can
 * be computed any more: from there on only the entries themselves are verified.
 */
export class TreeVerification {
  /** How many entries the head counts: verification ends there. */
  size = 0;
  /** The last number that was taken. */
  position = 0;
  readonly #options: Options;
  readonly #frontier = new Frontier();
  readonly #pending: (Checkpoint & { readonly what: string })[] = [];
  #next = 1;
  #intact = true;
  #headFrontier: Uint8Array | undefined;
  #checkpointsRead = -1;
  #verifiers: Verifier[] | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Reads the head, which fixes the size, and a checkpoint that was kept elsewhere. */
  *begin(remembered?: string): Work<void> {
    if (remembered !== undefined) this.#expect(remembered, 'the given checkpoint');
    const { project, authenticate } = this.#options;
    const newest = (yield* newestSeq(project))?.seq ?? 0;
    let stored: StoredHead | undefined;
    try {
      stored = yield* readHead(project);
    } catch {
      // A size and a frontier that do not fit each other are not even read.
      this.size = newest;
      return this.#find('head-changed', null, 'head', 'its size and its frontier do not belong together');
    }
    if (!stored) {
      this.size = newest;
      if (newest > 0) this.#find('head-missing', null, 'head', `${newest} entries have no head`);
      return;
    }
    this.size = stored.head.frontier.size;
    this.#headFrontier = stored.head.frontier.toBytes();
    if (!isAuthentic(stored, authenticate)) {
      this.size = Math.max(this.size, newest);
      this.#find('head-changed', null, 'head', 'its authentication code does not fit');
    }
  }

  /** Takes the next rows; `inspect` sees each of them. */
  *take(rows: readonly EntryRow[], inspect: (row: EntryRow) => void): Work<void> {
    const last = rows.at(-1)?.seq ?? this.size;
    yield* this.#readCheckpoints(last);
    const tiles: Tiles = new Map();
    for (const row of rows) {
      inspect(row);
      this.#grow(row, tiles);
    }
    this.position = last;
    for (const [level, expected] of tiles) yield* this.#compareTiles(level, expected);
  }

  /** What can only be said once all entries were seen. */
  *end(): Work<void> {
    if (this.#next <= this.size) this.#gap(this.size + 1);
    for (const { size, what } of this.#pending) {
      if (size > BigInt(this.size))
        this.#find('checkpoint-ahead', null, what, `it covers ${size} entries, the ledger has ${this.size}`);
    }
    yield* this.#lookBeyond();
    if (!this.#intact) return;
    if (this.#headFrontier && Buffer.compare(this.#frontier.toBytes(), this.#headFrontier) !== 0)
      this.#find('head-root', null, 'head', `the ${this.size} entries do not add up to its root`);
  }

  #grow(row: EntryRow, tiles: Tiles): void {
    if (row.seq !== this.#next) {
      if (!Number.isSafeInteger(row.seq) || row.seq < this.#next) {
        this.#find('entry-foreign', row.seq, `entry ${row.seq}`, 'the ledger has no place for it');
        return;
      }
      this.#gap(row.seq);
    }
    this.#next = row.seq + 1;
    if (!this.#intact) return;
    const stored = Buffer.from(row.leaf ?? '', 'hex');
    const leaf = stored.length === hashLength ? stored : leafHash(row.entry ?? '');
    this.#frontier.append(leaf, (height, hash) => {
      if (height % tileHeight !== 0) return;
      const level = height / tileHeight;
      if (!tiles.has(level)) tiles.set(level, []);
      tiles.get(level)!.push({ tile: row.seq / 2 ** height - 1, hash });
    });
    this.#compareCheckpoints();
  }

  #gap(end: number): void {
    const [from, to] = [this.#next, end - 1];
    const what = from === to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
    const message = `${what}; the hashes from there on cannot be verified`;
    this.#find('entry-missing', from, from === to ? `entry ${from}` : `entries ${from} to ${to}`, message);
    this.#intact = false;
    this.#next = end;
  }

  *#compareTiles(level: number, expected: readonly { tile: number; hash: Uint8Array }[]): Work<void> {
    const { project } = this.#options;
    const rows = yield* tilesBetween(project, level, expected[0]!.tile, expected.at(-1)!.tile + 1);
    const stored = new Map(rows.map((row) => [row.tile, row.hash]));
    for (const { tile, hash } of expected) {
      const width = 2 ** (level * tileHeight);
      const subject = `subtree hash of entries ${tile * width + 1} to ${(tile + 1) * width}`;
      const found = stored.get(tile);
      if (!found) this.#find('tile-missing', null, subject, 'it is not stored');
      else if (Buffer.compare(found, hash) !== 0)
        this.#find('tile-changed', null, subject, 'it is not that of the stored entries');
    }
  }

  *#readCheckpoints(upTo: number): Work<void> {
    for (;;) {
      const rows = yield* checkpointsBetween(this.#options.project, this.#checkpointsRead, upTo);
      for (const row of rows) this.#expect(row, `checkpoint ${row.size}`);
      this.#checkpointsRead = rows.length === 1000 ? rows.at(-1)!.size : upTo;
      if (rows.length < 1000) return;
    }
  }

  /** Checks a checkpoint by itself, and keeps it until the tree has its size. */
  #expect(given: CheckpointRow | string, what: string): void {
    const { project, log } = this.#options;
    const note = typeof given === 'string' ? given : given.note;
    let checkpoint: Checkpoint;
    try {
      this.#verifiers ??= log.verifiersOf(project);
      checkpoint = parseCheckpoint(openNote(note, this.#verifiers).text);
    } catch (error) {
      if (!(error instanceof RookeryError)) throw error;
      this.#find('checkpoint-changed', null, what, error.message);
      return;
    }
    const { origin, size, root } = checkpoint;
    const same =
      typeof given === 'string' || (BigInt(given.size) === size && Buffer.compare(given.root, root) === 0);
    if (origin !== log.originOf(project) || !same)
      this.#find('checkpoint-changed', null, what, 'its columns are not those of its signed note');
    const later = this.#pending.findLastIndex((pending) => pending.size <= size) + 1;
    if (size > 0n) this.#pending.splice(later, 0, { ...checkpoint, what });
  }

  #compareCheckpoints(): void {
    const size = BigInt(this.#frontier.size);
    while (this.#pending.length > 0 && this.#pending[0]!.size <= size) {
      const { root, what } = this.#pending.shift()!;
      if (Buffer.compare(root, this.#frontier.root()) !== 0)
        this.#find('checkpoint-root', null, what, `the first ${size} entries do not add up to its root`);
    }
  }

  /** What is stored past the head: the head as it is by now, because others may have appended. */
  *#lookBeyond(): Work<void> {
    const { project } = this.#options;
    const head = yield* currentSize(project);
    const end = Math.max(this.size, head ?? 0);
    for (const { place } of yield* rowsOutside(project, end))
      this.#find('entry-foreign', null, `entry ${place}`, `the ledger has entries 1 to ${end}`);
    for (const { size } of yield* checkpointsBetween(project, end, Number.MAX_SAFE_INTEGER)) {
      const message = `it covers ${size} entries, the ledger has ${end}`;
      this.#find('checkpoint-ahead', null, `checkpoint ${size}`, message);
    }
    const kept = (yield* tileCount(project))!.tiles;
    const expected = tilesFor(end);
    if (kept > expected)
      this.#find('tile-missing', null, 'tiles', `${kept} subtree hashes are kept, ${expected} belong there`);
  }

  #find(kind: FindingKind, seq: number | null, subject: string, message: string): void {
    this.#options.report.add({ kind, project: this.#options.project, seq, subject, message });
  }
}

function* currentSize(project: string): Work<number | undefined> {
  try {
    return (yield* readHead(project))?.head.frontier.size;
  } catch {
    return undefined;
  }
}

/** How many subtree hashes a ledger of this size keeps. */
function tilesFor(size: number): number {
  let tiles = 0;
  for (let rest = Math.floor(size / 2 ** tileHeight); rest > 0; rest = Math.floor(rest / 2 ** tileHeight))
    tiles += rest;
  return tiles;
}
