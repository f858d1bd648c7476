import { argon2, hash, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { memoryPath } from '../../folder.ts';
import { SqliteEngine } from '../../kernel/engines/sqlite/engine.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { migrate } from '../../kernel/migrations/index.ts';
import { primaryKey } from '../../kernel/vault/statements.ts';
import type { Work } from '../../kernel/work.ts';
import { addStretching, isStore, storedStretching } from './statements.ts';

/** Key material as the seeds take it: bytes, or text that stands for its UTF-8 bytes. */
export type KeyMaterial = Uint8Array | string;

const keyBytes = 32;
const leastBytes = 16;

/** How material of another length becomes a key: kept in the file, so that later defaults change nothing there. */
interface Stretching {
  readonly kdf: 'argon2id';
  readonly salt: string;
  readonly memoryKiB: number;
  readonly passes: number;
}

/** Throws `Error('Invalid key length…')` for fewer than 16 bytes. */
export function bytesOf(material: KeyMaterial): Uint8Array {
  const bytes = typeof material === 'string' ? Buffer.from(material) : material;
  if (bytes.length >= leastBytes) return bytes;
  throw new Error(
    `Invalid key length: ${bytes.length} bytes, at least ${leastBytes} are needed; best are ${keyBytes} random ones, ` +
      `made once with require('node:crypto').randomBytes(${keyBytes}) and kept`,
  );
}

/** Names key material without telling it. */
export function fingerprintOf(material: KeyMaterial): string {
  return hash('sha256', bytesOf(material), 'base64url');
}

/**
 * The root key for key material: 32 bytes are the key itself; anything else is stretched with Argon2id (19 MiB, 2
 * passes, as OWASP asks for at least; 80 ms) and a salt that lies in the file. A store that was made with 32 bytes or
 * with a key file has no salt and refuses other material here.
 */
export async function rootKeyFrom(material: KeyMaterial, path: string): Promise<Uint8Array> {
  const bytes = bytesOf(material);
  if (bytes.length === keyBytes) return bytes;
  return await stretch(bytes, path === memoryPath ? newStretching() : await stretchingOf(path));
}

async function stretchingOf(path: string): Promise<Stretching> {
  const engine = new SqliteEngine(path);
  try {
    const known = await engine.read(knownStretching);
    return known ?? (await engine.transact(establishStretching));
  } finally {
    await engine.close();
  }
}

function* knownStretching(): Work<Stretching | undefined> {
  if (!(yield* isStore())) return undefined;
  const text = yield* storedStretching();
  if (text !== undefined) return JSON.parse(text) as Stretching;
  if (yield* primaryKey('', 'store', ''))
    throw new RookeryError('WRONG_KEY', 'the root key does not belong to this store');
  return undefined;
}

/** In the transaction that makes the store: whoever comes second finds the salt. */
function* establishStretching(): Work<Stretching> {
  const known = yield* knownStretching();
  if (known) return known;
  const stretching = newStretching();
  yield* migrate('sqlite', Date.now());
  yield* addStretching(JSON.stringify(stretching));
  return stretching;
}

function newStretching(): Stretching {
  return { kdf: 'argon2id', salt: randomBytes(16).toString('base64'), memoryKiB: 19_456, passes: 2 };
}

async function stretch(material: Uint8Array, { salt, memoryKiB, passes }: Stretching): Promise<Uint8Array> {
  return await promisify(argon2)('argon2id', {
    message: material,
    nonce: Buffer.from(salt, 'base64'),
    parallelism: 1,
    tagLength: keyBytes,
    memory: memoryKiB,
    passes,
  });
}

/** The material to use: the option, else the environment, else none, which means the key file beside the database. */
export function keyMaterialOf(
  given: KeyMaterial | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): KeyMaterial | undefined {
  return given ?? (environment['SQLITE_ENCRYPTION_KEY'] || undefined);
}
