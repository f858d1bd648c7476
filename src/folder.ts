import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { invalid, RookeryError } from './kernel/errors.ts';
import { newSigningKey, type Signer, signerFromPem, signerFromSeed } from './kernel/ledger/signer.ts';
import { hkdf, keyLength } from './kernel/vault/primitives.ts';

export const memoryPath = ':memory:';
export const databaseName = 'rookery.db';
export const rootKeyName = 'root.key';
export const signingKeyName = 'ledger-signing.key';

/** Where the store lies when nobody says: `ROOKERY_DATA`, else the XDG data folder. */
export function dataFolderOf(environment: NodeJS.ProcessEnv): string {
  const { ROOKERY_DATA, XDG_DATA_HOME } = environment;
  return ROOKERY_DATA || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'rookery');
}

/** What opening a store takes beside its engine. */
export interface Secrets {
  readonly rootKey: Uint8Array;
  readonly signer: Signer;
}

/** The database file and keys for a path. A path with an ending is the file itself, any other the folder. */
export function openFolder(
  path: string,
  options: { readonly masterKey?: Uint8Array | string },
): { file: string } & Secrets {
  const given = options.masterKey ?? process.env['ROOKERY_MASTER_KEY'];
  if (path === memoryPath) {
    const rootKey = given === undefined ? randomBytes(keyLength) : decodeKey(given);
    return { file: path, rootKey, signer: derivedSigner(rootKey) };
  }
  const absolute = resolve(path);
  const isFolder = existsSync(absolute) ? statSync(absolute).isDirectory() : extname(absolute) === '';
  const file = isFolder ? join(absolute, databaseName) : absolute;
  makeFolder(dirname(file));
  const own = basename(file) === databaseName;
  const keyFile = own ? join(dirname(file), rootKeyName) : `${file}.key`;
  const signingKeyFile = own ? join(dirname(file), signingKeyName) : `${file}.signing.key`;
  // The root key first: a folder that is refused for it is left as it was.
  const rootKey = given === undefined ? loadRootKey(keyFile, file) : decodeKey(given);
  return { file, rootKey, signer: loadSigner(signingKeyFile) };
}

/** The keys of a store on a server, which has no folder to keep one in: the root key must be given. */
export function givenSecrets(options: { readonly masterKey?: Uint8Array | string }): Secrets {
  const given = options.masterKey ?? process.env['ROOKERY_MASTER_KEY'];
  if (given === undefined) {
    throw invalid(
      'masterKey',
      `a store on a server needs ${keyLength} bytes or their base64, here or in ROOKERY_MASTER_KEY (make one with: openssl rand -base64 32)`,
    );
  }
  const rootKey = decodeKey(given);
  return { rootKey, signer: derivedSigner(rootKey) };
}

/** The signing key of a store that has no folder of its own. */
export function derivedSigner(rootKey: Uint8Array): Signer {
  return signerFromSeed(hkdf(rootKey, new Uint8Array(0), 'rookery/ledger-signing/v1', keyLength));
}

function loadSigner(keyFile: string): Signer {
  if (!existsSync(keyFile)) createSecretFile(keyFile, newSigningKey());
  try {
    return signerFromPem(readFileSync(keyFile, 'utf8'));
  } catch (cause) {
    throw new RookeryError('WRONG_KEY', `${keyFile} does not hold an Ed25519 key`, { keyFile }, { cause });
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new RookeryError(
      'STORAGE_FAILED',
      `cannot make the data folder ${folder}: ${code}`,
      { folder },
      { cause },
    );
  }
}

function loadRootKey(keyFile: string, databaseFile: string): Uint8Array {
  if (!existsSync(keyFile)) {
    if (existsSync(databaseFile) && statSync(databaseFile).size > 0 && !existsSync(keyFile)) {
      throw new RookeryError(
        'WRONG_KEY',
        `${keyFile} is missing: without it ${databaseFile} cannot be opened`,
        { keyFile },
      );
    }
    createSecretFile(keyFile, `${randomBytes(keyLength).toString('base64')}\n`);
  }
  return decodeKey(readFileSync(keyFile, 'utf8').trim());
}

/**
 * Writes a secret, mode 0600, on disk before it is used, and never over one that is there: whoever comes second
 * finds the first one's. Answers whether this call made it.
 */
export function createSecretFile(file: string, content: string): boolean {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = openSync(draft, 'wx', 0o600);
  writeSync(handle, content);
  fsyncSync(handle);
  closeSync(handle);
  try {
    linkSync(draft, file);
    chmodSync(file, 0o600);
    const folder = openSync(dirname(file), 'r');
    fsyncSync(folder);
    closeSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function decodeKey(key: Uint8Array | string): Uint8Array {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key;
  if (bytes.length === keyLength) return bytes;
  throw new RookeryError(
    'WRONG_KEY',
    `the root key must be ${keyLength} bytes or their base64 (make one with: openssl rand -base64 32)`,
    { lengthBytes: bytes.length },
  );
}
