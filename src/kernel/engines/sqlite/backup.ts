import { rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import type { BackupOptions, Engine } from '../../engine.ts';
import { RookeryError } from '../../errors.ts';
import { createFile } from './connection.ts';

/** A live database: its file, and the connection of this process. */
export interface Source {
  readonly path: string;
  readonly db: DatabaseSync;
}

/**
 * Copies a live database into a temporary name, checks the copy and renames it: a file under the final name is complete.
 * A copy that fails its check is removed. `openCopy` opens it for the caller's own verification.
 */
export async function copyChecked(
  source: Source,
  file: string,
  openCopy: (path: string) => Engine,
  { onProgress = () => {}, verify }: BackupOptions,
): Promise<void> {
  const partial = `${file}.partial`;
  createFile(partial);
  try {
    await copyMoment(source, partial, onProgress);
    if (verify) await verifyCopy(openCopy(partial), verify);
    checkStructure(partial);
    await rename(partial, file);
  } catch (error) {
    for (const ending of ['', '-wal', '-shm']) rmSync(partial + ending, { force: true });
    throw error;
  }
}

/**
 * The state at one moment. Copying runs in another thread: a file is read through a connection of its own, in a
 * transaction that keeps that moment, so that it neither meets the statements of this thread (beside four writers that failed three times in ten)
 * nor begins anew with each commit.
 */
async function copyMoment(
  source: Source,
  partial: string,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const progress = ({ totalPages, remainingPages }: { totalPages: number; remainingPages: number }) =>
    onProgress(totalPages - remainingPages, totalPages);
  if (source.path === ':memory:') {
    await backup(source.db, partial, { progress });
    return;
  }
  const reader = new DatabaseSync(source.path, { readOnly: true, timeout: 5000 });
  try {
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM sqlite_master').get();
    await backup(reader, partial, { progress });
  } finally {
    reader.close();
  }
}

async function verifyCopy(copy: Engine, verify: NonNullable<BackupOptions['verify']>): Promise<void> {
  try {
    await verify(copy);
  } finally {
    await copy.close();
  }
}

/** Last, because it also leaves the copy as one file without a log. */
function checkStructure(partial: string): void {
  const copy = new DatabaseSync(partial);
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
    const answer = Object.values(copy.prepare('PRAGMA integrity_check').get()!)[0];
    if (answer !== 'ok') throw new RookeryError('STORAGE_FAILED', `the backup is damaged: ${String(answer)}`);
  } finally {
    copy.close();
  }
}
