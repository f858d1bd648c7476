import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { memoryPath } from '../../folder.ts';
import { createFile } from '../../kernel/engines/sqlite/connection.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { openRookery, type Rookery } from '../../rookery.ts';
import { SquawkAdapter } from './adapter/adapter.ts';
import { CheckpointCopies } from './copies.ts';
import { importLegacy, legacyName } from './legacy.ts';

/** The one open database of this process, as seed 002 has it. */
let current: { readonly path: string; readonly adapter: SquawkAdapter } | undefined;
/** Openings and closings, one after the other. */
let turn: Promise<unknown> = Promise.resolve();

/** Where the database lies when nobody says: `FLEET_DATA_DIR`, else `~/.local/share/fleet`. */
export function defaultPath(environment: NodeJS.ProcessEnv = process.env): string {
  const folder = environment['FLEET_DATA_DIR'] || join(homedir(), '.local', 'share', 'fleet');
  return join(folder, 'squawk.db');
}

export function pathOf(dbPath: string = defaultPath()): string {
  return dbPath === memoryPath ? dbPath : resolve(dbPath);
}

export interface DatabaseOptions {
  /** The folder for copies of checkpoints; `.flightline` beside the database when left out, none when false. */
  readonly flightline?: string | false;
}

/** Where copies of checkpoints lie when nobody says; nowhere for a database that is not a file. */
export function flightlineBeside(path: string): string | false {
  return path === memoryPath ? false : join(dirname(path), '.flightline');
}

/** Opens a Rookery store at exactly this file, making it where there is none. Its root key lies beside it. */
export async function openAt(path: string): Promise<Rookery> {
  // An empty file first: a path without an ending would mean a folder where nothing is.
  if (path !== memoryPath) createFile(path);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new RookeryError('STORAGE_FAILED', `${path} is a folder: name the database file in it`, { path });
  return await openRookery({ path });
}

/**
 * Opens the database, makes what is missing, and takes over a `squawk.json` that lies beside it. Calling it again with
 * the same path changes nothing, with another one the first is closed. Fails with a clear error where the file cannot
 * be used; there is no other place it falls back to.
 */
export function initializeDatabase(
  dbPath?: string,
  { flightline = flightlineBeside(pathOf(dbPath)) }: DatabaseOptions = {},
): Promise<void> {
  const path = pathOf(dbPath);
  return next(async () => {
    if (current?.path === path) return;
    await closeCurrent();
    const copies = flightline === false ? undefined : new CheckpointCopies(flightline, () => {});
    const adapter = await SquawkAdapter.open(path, () => openAt(path), copies);
    try {
      if (path !== memoryPath) await importLegacy(adapter, join(dirname(path), legacyName));
    } catch (error) {
      await adapter.close();
      throw error;
    }
    current = { path, adapter };
  });
}

/** The adapter of the open database. Throws before `initializeDatabase()` and after `closeDatabase()`. */
export function getAdapter(): SquawkAdapter {
  if (!current) throw new Error('Database not initialized. Call initializeDatabase() first.');
  return current.adapter;
}

/** Finishes what is under way, folds the log back into the file and closes it. Safe to call twice. */
export function closeDatabase(): Promise<void> {
  return next(closeCurrent);
}

async function closeCurrent(): Promise<void> {
  const closing = current;
  current = undefined;
  await closing?.adapter.close();
}

function next<T>(step: () => Promise<T>): Promise<T> {
  const done = turn.then(step, step);
  turn = done.catch(() => {});
  return done;
}
