import { type Fields, known } from './adapter/calls.ts';
import type { CursorMove, NewCursor } from './adapter/cursors.ts';
import type { LockInput, LockResult } from './adapter/locks.ts';
import { getAdapter } from './database.ts';
import type { Cursor, Event, Lock, Mailbox } from './shapes.ts';

/**
 * Squawk, the module of seed 002: mailboxes, cursors and locks in one SQLite file, by the seed's names.
 *
 * @example
 * await initializeDatabase();
 * await eventOps.append('team-a', [{ type: 'TaskAssigned', data: { task_id: 'task-1' } }]);
 * await cursorOps.advance('team-a', 1);
 * await closeDatabase();
 */
export type { Stats } from './adapter/adapter.ts';
export { SquawkAdapter } from './adapter/adapter.ts';
export type { PruneOptions, RecoveryCandidate, RestoreOptions } from './adapter/checkpoints.ts';
export type { CursorMove, NewCursor } from './adapter/cursors.ts';
export type { EventFilter } from './adapter/events.ts';
export type { LockInput, LockResult } from './adapter/locks.ts';
export type { MessageFilter } from './adapter/messages.ts';
export type { MissionFilter, SortieFilter } from './adapter/missions.ts';
export { closeDatabase, type DatabaseOptions, getAdapter, initializeDatabase } from './database.ts';
export type {
  Checkpoint,
  Message,
  Mission,
  RecoveryContext,
  RestoreResult,
  Sortie,
} from './mission-shapes.ts';
export { type DetectionOptions, RecoveryDetector } from './recovery/detector.ts';
export { formatRecoveryPrompt } from './recovery/prompt.ts';
export { StateRestorer } from './recovery/restorer.ts';
export { type SquawkServer, type SquawkServerOptions, startSquawkServer } from './server.ts';
export type { Cursor, Event, Lock, Mailbox, Specialist } from './shapes.ts';

/** Mailboxes of the open database. */
export const mailboxOps = {
  create: async (id: string): Promise<Mailbox> => await getAdapter().mailboxes.create({ id }),
  getById: async (id: string): Promise<Mailbox | null> => await getAdapter().mailboxes.getById(id),
  /** The newest first. */
  getAll: async (): Promise<Mailbox[]> => await getAdapter().mailboxes.getAll(),
  exists: async (id: string): Promise<boolean> => (await getAdapter().mailboxes.getById(id)) !== null,
};

/** Events of mailboxes, in the order of their sequence numbers. */
export const eventOps = {
  /** All of the batch or nothing; a mailbox that does not exist is made. Answers what was inserted. */
  append: async (streamId: string, events: readonly Fields[]): Promise<Event[]> =>
    await getAdapter().events.appendTo(streamId, events),
  getByMailbox: async (
    streamId: string,
    { after = 0, limit }: { readonly after?: number; readonly limit?: number } = {},
  ): Promise<Event[]> => await getAdapter().events.ofMailbox(streamId, after, limit),
};

/** How far consumers have come. Every call answers the row as it is stored then. */
export const cursorOps = {
  /** `RangeError` for a position that is none, or beyond the head of the mailbox. */
  advance: async (streamId: string, position: number, how: CursorMove = {}): Promise<Cursor> =>
    await getAdapter().cursors.advance(streamId, position, how),
  getById: async (id: string): Promise<Cursor | null> => await getAdapter().cursors.getById(id),
  getByStream: async (streamId: string, consumer_id?: string): Promise<Cursor | null> =>
    await getAdapter().cursors.getByStream(streamId, known(consumer_id)),
  update: async (
    id: string,
    to: { readonly position?: number; readonly reset?: boolean },
  ): Promise<Cursor | null> => await getAdapter().cursors.update(id, to),
  upsert: async (cursor: NewCursor & CursorMove): Promise<Cursor> =>
    await getAdapter().cursors.create(cursor),
};

/** Locks on files. */
export const lockOps = {
  acquire: async (input: LockInput): Promise<LockResult> => await getAdapter().locks.acquire(input),
  /** By its holder, or by `specialistId`, which must be the holder. `null` for an id that is none. */
  release: async (id: string, specialistId?: string): Promise<Lock | null> =>
    await getAdapter().locks.release(id, specialistId),
  renew: async (id: string, specialistId: string, timeoutMs?: number): Promise<Lock | null> =>
    await getAdapter().locks.renew(id, specialistId, timeoutMs),
  getById: async (id: string): Promise<Lock | null> => await getAdapter().locks.getById(id),
  /** Who holds the file now, by any spelling of its path. */
  getByFile: async (file: string): Promise<Lock | null> => await getAdapter().locks.getByFile(file),
  /** Held and not expired, the oldest first. */
  getActive: async (): Promise<Lock[]> => await getAdapter().locks.getActive(),
  getAll: async (): Promise<Lock[]> => await getAdapter().locks.getAll(),
  getExpired: async (): Promise<Lock[]> => await getAdapter().locks.getExpired(),
  forceRelease: async (
    id: string,
    how: { readonly by?: string; readonly reason?: string } = {},
  ): Promise<Lock | null> => await getAdapter().locks.forceRelease(id, how),
  /** Tells expired locks that they are, and answers how many. */
  releaseExpired: async (): Promise<number> => await getAdapter().locks.releaseExpired(),
};
