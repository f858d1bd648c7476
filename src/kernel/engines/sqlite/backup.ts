import { rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import type { BackupOptions, Engine } from '../../engine.ts';
import { RookeryError } from '../../errors.ts';
import { createFile } from './connection.ts';

/**
 * Copies a live database into a temporary name, checks the copy and renames it: a file under the final name is complete.
 * A copy that fails its check is removed. `openCopy` opens it for the caller's own verification.
 */
export async function copyChecked(
  source: DatabaseSync,
  file: string,
  openCopy: (path: string) => Engine,
  { onProgress = () => {}, verify }: BackupOptions,
): Promise<void> {
  const partial = `${file}.partial`;
  createFile(partial);
  try {
    await backup(source, partial, {
      progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
    });
    if (verify) await verifyCopy(openCopy(partial), verify);
    checkStructure(partial);
    await rename(partial, file);
  } catch (error) {
    for (const ending of ['', '-wal', '-shm']) rmSync(partial + ending, { force: true });
    throw error;
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
