import { RookeryError } from '../../errors.ts';

interface SqliteFailure extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

export function isSqliteFailure(error: unknown): error is SqliteFailure {
  return error instanceof Error && typeof (error as Partial<SqliteFailure>).errcode === 'number';
}

const busy = 5;
const locked = 6;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;
const ioErrorFsync = 1034;
const ioErrorWrite = 778;

export function isBusy(error: unknown): boolean {
  return isSqliteFailure(error) && ((error.errcode & 0xff) === busy || (error.errcode & 0xff) === locked);
}

export function isFull(error: unknown): boolean {
  return isSqliteFailure(error) && (error.errcode & 0xff) === full;
}

/** A commit that failed with one of these may or may not be on disk. */
export function isUnknownOutcome(error: unknown): boolean {
  return isSqliteFailure(error) && (error.errcode === ioErrorFsync || error.errcode === ioErrorWrite);
}

/** SQLite's result codes in the words of the catalogue. Anything that is not SQLite's passes through. */
export function translate(error: unknown): unknown {
  if (!isSqliteFailure(error)) return error;
  const cause = { cause: error };
  switch (error.errcode & 0xff) {
    case busy:
    case locked:
      return new RookeryError('BUSY', 'the store is locked by another process', {}, cause);
    case full:
      return new RookeryError('STORAGE_FULL', 'the disk is full; nothing was written', {}, cause);
    case corrupt:
      return new RookeryError(
        'STORAGE_FAILED',
        'the store file is damaged; keep it and restore a backup',
        {},
        cause,
      );
    case notADatabase:
      return new RookeryError('STORE_INCOMPATIBLE', 'the file is not a SQLite database', {}, cause);
    case readOnly:
    case cannotOpen:
    case ioError:
      return new RookeryError('STORAGE_FAILED', `the store cannot be used: ${error.errstr}`, {}, cause);
    default:
      return error;
  }
}
