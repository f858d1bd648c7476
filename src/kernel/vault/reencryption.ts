import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { GroupCommit } from '../commit.ts';
import { type ReadContext, type Services, WriteContext } from '../context.ts';
import type { Engine } from '../engine.ts';
import { isRookeryError, RookeryError } from '../errors.ts';
import type { Parameter, Work } from '../work.ts';
import { keyIdOf } from './envelope.ts';
import {
  advanceRotation,
  claimRotation,
  endRotation,
  noteTotal,
  type RotationRow,
  rotationOf,
} from './rotation-statements.ts';
import { beginningOf, placeOf, type SealedTable } from './sealed.ts';
import { replaceEnvelope, type ScannedRow, scanSealed, sealedRow } from './sealed-statements.ts';
import { keyById, noteEmptied, supersededKeys } from './statements.ts';
import { step } from './step.ts';

export interface UpkeepParts {
  readonly engine: Engine;
  readonly commits: GroupCommit;
  readonly services: Services;
  readonly tables: readonly SealedTable[];
  /** Names this process among those that might do the work. */
  readonly holder: string;
}

/** What waits for keys to change, or for work on them to go on. */
export const keysTopic = 'keys';

/** A rotator that was not heard of for so long is thought dead: somebody else may go on. */
const leaseMs = 2000;
/** Rows looked at in one read: about a millisecond. */
const pageRows = 1000;
/**
 * What is sealed anew in one transaction: as many rows as take this long, or one large record. Others who write wait
 * for it, so afterwards there is a rest of the same length.
 */
const chunkMs = 2;
const fewestRows = 4;
const mostRows = 128;
const chunkBytes = 256 * 1024;
const longestRestMs = 20;

interface Held {
  readonly holder: string;
  readonly round: number;
}

/**
 * Seals anew what lies under superseded keys of one project, in short transactions between other people's writes. Any
 * process may do it: one at a time by a lease in the store, and two at once do no harm, because each envelope is replaced
 * only if it still is the one that was opened. Nothing but counts is kept on the way: who takes over after a crash looks
 * through the tables again, and finds only what is left.
 *
 * Nobody seals under a superseded key (see `Keyring`), and rows move between tables only in the order in which these are
 * listed. So a key under which one whole pass has found nothing is empty for good.
 */
export class Reencryption {
  readonly #parts: UpkeepParts;
  readonly #project: string;
  readonly #signal: AbortSignal;
  #keptUntil = 0;
  #rows = 16;

  constructor(parts: UpkeepParts, project: string, signal: AbortSignal) {
    this.#parts = parts;
    this.#project = project;
    this.#signal = signal;
  }

  /** Works until nothing is left to do; false while another process has the work. */
  async run(): Promise<boolean> {
    for (;;) {
      this.#signal.throwIfAborted();
      const held = await this.#claim();
      if (held === 'none') return true;
      if (held === 'elsewhere') return false;
      try {
        await this.#work(held);
      } catch (error) {
        // The work went to somebody else, or was begun again.
        if (!isRookeryError(error, 'FENCED')) throw error;
      }
    }
  }

  async #work(held: Held): Promise<void> {
    const old = new Set(await this.#parts.engine.read(() => supersededKeys(this.#project)));
    const total = await this.#count(held, old);
    await this.#submit(() => noteTotal(this.#project, held, total));
    let found: Map<string, number>;
    let sealed: number;
    do {
      found = new Map();
      sealed = 0;
      for await (const { table, rows } of this.#stale(held, old)) {
        for (let done = 0; done < rows.length; ) {
          const chunk = chunkFrom(rows, done, this.#rows);
          const kept = await this.#seal(held, table, chunk, old);
          for (const id of kept) found.set(id, (found.get(id) ?? 0) + 1);
          sealed += chunk.length - kept.length;
          done += chunk.length;
        }
      }
    } while (sealed > 0);
    await this.#finish(held, old, found);
  }

  async #count(held: Held, old: ReadonlySet<string>): Promise<number> {
    let count = 0;
    for await (const { rows } of this.#stale(held, old)) count += rows.length;
    return count;
  }

  /** Rows under old keys, page by page through all tables. */
  async *#stale(held: Held, old: ReadonlySet<string>) {
    for (const table of this.#parts.tables) {
      let after: readonly Parameter[] | undefined = beginningOf(table);
      while (after) {
        this.#signal.throwIfAborted();
        const from: readonly Parameter[] = after;
        const rows: ScannedRow[] = await this.#parts.engine.read(() =>
          scanSealed(this.#project, table, from, pageRows),
        );
        const stale = rows.filter(({ mark }) => mark !== null && old.has(hex(mark)));
        if (stale.length > 0) yield { table, rows: stale };
        else await this.#keep(held);
        after = rows.length === pageRows ? placeOf(table, rows.at(-1)!) : undefined;
        await turn();
      }
    }
  }

  /** Seals rows anew; answers the keys of those that it could not open. */
  async #seal(
    held: Held,
    table: SealedTable,
    rows: readonly ScannedRow[],
    old: ReadonlySet<string>,
  ): Promise<string[]> {
    const advance = (context: WriteContext, done: number) => this.#advance(context, held, done);
    let tookMs = 0;
    const unread = await this.#submit(function* (context) {
      const started = performance.now();
      const kept: string[] = [];
      for (const row of rows) {
        const id = yield* reseal(context, table, placeOf(table, row), old);
        if (id !== undefined) kept.push(id);
      }
      yield* advance(context, rows.length - kept.length);
      tookMs = performance.now() - started;
      return kept;
    });
    const fitting = Math.round((rows.length * chunkMs) / Math.max(tookMs, 0.01));
    this.#rows = Math.min(mostRows, Math.max(fewestRows, Math.min(2 * this.#rows, fitting)));
    await delay(Math.min(tookMs, longestRestMs), undefined, { signal: this.#signal });
    return unread;
  }

  async #keep(held: Held): Promise<void> {
    if (performance.now() < this.#keptUntil - leaseMs / 2) return;
    await this.#submit((context) => this.#advance(context, held, 0));
  }

  *#advance(context: WriteContext, held: Held, done: number): Work<void> {
    if ((yield* advanceRotation(this.#project, held, context.now + leaseMs, done)) !== 1) throw lost();
    context.tx.touch(keysTopic);
    this.#keptUntil = performance.now() + leaseMs;
  }

  #claim(): Promise<Held | 'none' | 'elsewhere'> {
    const { holder } = this.#parts;
    const project = this.#project;
    return this.#submit(function* (context): Work<Held | 'none' | 'elsewhere'> {
      const row = yield* rotationOf(project);
      if (row?.state !== 'running') return 'none';
      const claimed = yield* claimRotation(project, holder, context.now + leaseMs, context.now);
      return claimed === 1 ? { holder, round: row.round } : 'elsewhere';
    });
  }

  #finish(held: Held, old: ReadonlySet<string>, found: ReadonlyMap<string, number>): Promise<void> {
    const project = this.#project;
    const unreadable = [...found.values()].reduce((sum, count) => sum + count, 0);
    return this.#submit(function* (context): Work<void> {
      const rotation = (yield* rotationOf(project))!;
      if ((yield* endRotation(project, held, context.now, unreadable)) !== 1) throw lost();
      for (const id of old) if (!found.has(id)) yield* leaveEmpty(context, id);
      yield* recordEnd(context, rotation, unreadable);
      context.tx.touch(keysTopic);
    });
  }

  /** A job of the group commit, in the name of the agent who asked for the rotation. */
  #submit<T>(run: (context: WriteContext) => Work<T>): Promise<T> {
    const { services, commits } = this.#parts;
    const project = this.#project;
    return commits.submit({
      project,
      *run(tx): Work<T> {
        const agent = (yield* rotationOf(project))?.started_by ?? '';
        const principal = { project, agent, rights: new Set<never>() };
        return yield* run(
          new WriteContext({ principal, operation: 'keys.rotate', risk: 'low' }, tx, services),
        );
      },
    });
  }
}

function lost(): RookeryError {
  return new RookeryError('FENCED', 'the rotation is in other hands, or was begun again');
}

/** Opens one envelope and seals it under the current key; answers its old key where it does not open. */
function* reseal(
  context: WriteContext,
  table: SealedTable,
  place: readonly Parameter[],
  old: ReadonlySet<string>,
): Work<string | undefined> {
  const { project } = context;
  const row = yield* sealedRow(project, table, place);
  const envelope = row?.envelope;
  if (!row || !envelope) return undefined;
  const key = keyIdOf(envelope);
  if (!key || !old.has(hex(key))) return undefined;
  const binding = table.binding(row);
  const content = yield* opened(context, envelope, binding);
  if (content === undefined) return hex(key);
  const { sealed } = yield* context.seal(content, true, binding);
  yield* replaceEnvelope(project, table, place, { from: envelope, to: sealed! });
  return undefined;
}

/** What does not open stays as it is, for `audit verify` to name; its key is not empty then. */
function* opened(
  context: ReadContext,
  sealed: Uint8Array,
  binding: Parameters<ReadContext['open']>[1],
): Work<string | undefined> {
  try {
    return yield* context.open({ value: null, sealed }, binding);
  } catch (error) {
    if (isRookeryError(error, 'TAMPERED')) return undefined;
    throw error;
  }
}

/** A compromised key without records ends by itself; any other waits for somebody to retire it. */
function* leaveEmpty(context: WriteContext, id: string): Work<void> {
  yield* noteEmptied(context.project, id, context.now);
  const row = yield* keyById(context.project, id);
  if (row?.state !== 'compromised' || row.retired_at !== null) return;
  yield* step(context, row, { to: 'compromised', retired: true, operation: 'keys.retire' });
}

function* recordEnd(context: WriteContext, rotation: RotationRow, unreadable: number): Work<void> {
  const facts = { finished: 1, records: rotation.done, ...(unreadable > 0 && { unreadable }) };
  const subject = { kind: 'rotation', name: String(rotation.round), scope: 'project' };
  yield* context.record(subject, { facts });
}

function chunkFrom(rows: readonly ScannedRow[], start: number, most: number): ScannedRow[] {
  const chunk: ScannedRow[] = [];
  let bytes = 0;
  for (const row of rows.slice(start, start + most)) {
    chunk.push(row);
    bytes += row.bytes ?? 0;
    if (bytes >= chunkBytes) break;
  }
  return chunk;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
