import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { invalid, RookeryError } from './kernel/errors.ts';
import { newSigningKey, type Signer, signerFromPem, signerFromSeed } from './kernel/ledger/signer.ts';
import { keyLength } from './kernel/vault/primitives.ts';
import {
  assertRootKey,
  givenRootKey,
  type RootKeys,
  rootKeyFromText,
  signingSeedOf,
} from './kernel/vault/root.ts';

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
  readonly root: RootKeys;
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
    return { file: path, root: givenRootKey(rootKey), signer: derivedSigner(rootKey) };
  }
  const absolute = resolve(path);
  const isFolder = existsSync(absolute) ? statSync(absolute).isDirectory() : extname(absolute) === '';
  const file = isFolder ? join(absolute, databaseName) : absolute;
  makeFolder(dirname(file));
  const own = basename(file) === databaseName;
  const keyFile = rootKeyFileOf(file);
  const signingKeyFile = own ? join(dirname(file), signingKeyName) : `${file}.signing.key`;
  // The root key first: a folder that is refused for it is left as it was.
  const root = given === undefined ? rootKeyInFile(keyFile, file) : givenRootKey(decodeKey(given));
  return { file, root, signer: loadSigner(signingKeyFile) };
}

/** Where the root key of a database file lies, unless it is given. */
export function rootKeyFileOf(file: string): string {
  return basename(file) === databaseName ? join(dirname(file), rootKeyName) : `${file}.key`;
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
  return { root: givenRootKey(rootKey), signer: derivedSigner(rootKey) };
}

/** The signing key of a store that has no folder of its own. */
export function derivedSigner(rootKey: Uint8Array): Signer {
  return signerFromSeed(signingSeedOf(rootKey));
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

/**
 * The root key in a file of its own. A key that is to follow it lies beside it under a name of its own from before the
 * commit that makes it the store's until it takes the file's place: whatever moment a crash picks, one of the files fits.
 */
function rootKeyInFile(keyFile: string, databaseFile: string): RootKeys {
  const prepared = () => preparedKeys(keyFile);
  if (!existsSync(keyFile) && prepared().length === 0) {
    if (existsSync(databaseFile) && statSync(databaseFile).size > 0 && !existsSync(keyFile)) {
      throw new RookeryError(
        'WRONG_KEY',
        `${keyFile} is missing: without it ${databaseFile} cannot be opened`,
        { keyFile },
      );
    }
    createSecretFile(keyFile, encodeKey(randomBytes(keyLength)));
  }
  return {
    // The prepared ones first: between two looks one of them may take the place of the other file, not the reverse.
    candidates: () =>
      prepared()
        .concat(readKeys([keyFile]))
        .reverse(),
    settle(current) {
      const own = preparedName(keyFile, current);
      moveOver(own, keyFile);
      for (const file of preparedFiles(keyFile, true)) rmSync(file, { force: true });
    },
    prepare: (next) => void createSecretFile(preparedName(keyFile, next), encodeKey(next)),
    adopt: (next) => moveOver(preparedName(keyFile, next), keyFile),
    given: false,
  };
}

const fingerprintLength = 16;

function preparedName(keyFile: string, key: Uint8Array): string {
  return `${keyFile}.${createHash('sha256').update(key).digest('hex').slice(0, fingerprintLength)}`;
}

/** With `drafts`, also what a crash has left of files that were about to become one. */
function preparedFiles(keyFile: string, drafts = false): string[] {
  const draft = '(\\.\\d+\\.[0-9a-f]{8})?';
  const name = new RegExp(`^[0-9a-f]{${fingerprintLength}}${drafts ? draft : ''}$`);
  const start = `${basename(keyFile)}.`;
  return readdirSync(dirname(keyFile))
    .filter((file) => file.startsWith(start) && name.test(file.slice(start.length)))
    .map((file) => join(dirname(keyFile), file));
}

function preparedKeys(keyFile: string): Uint8Array[] {
  return readKeys(preparedFiles(keyFile));
}

/** The keys in those of the files that are there. */
function readKeys(files: readonly string[]): Uint8Array[] {
  return files.flatMap((file) => {
    try {
      return [rootKeyFromText(readFileSync(file, 'utf8'))];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

function encodeKey(key: Uint8Array): string {
  return `${Buffer.from(key).toString('base64')}\n`;
}

/** Nothing where the file is gone: somebody else has moved it to the same place. */
function moveOver(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  syncFolder(dirname(to));
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
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
    syncFolder(dirname(file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function decodeKey(key: Uint8Array | string): Uint8Array {
  if (typeof key === 'string') return rootKeyFromText(key);
  assertRootKey(key);
  return key;
}
