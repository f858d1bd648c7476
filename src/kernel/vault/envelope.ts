import { RookeryError } from '../errors.ts';
import { type Compression, compress, decompress, defaultCompression, plainCodec } from './codecs.ts';
import type { DataKey } from './data-key.ts';
import { nonceLength, open, seal } from './primitives.ts';

/**
 * How stored content looks: magic "RK" ‖ version ‖ algorithm ‖ codec, then for an encrypted record key id(8) ‖
 * nonce(12) ‖ ciphertext ‖ tag(16), for a clear one the content. Compressed first, encrypted after.
 */
const magic = [0x52, 0x4b] as const;
const version = 1;
const algorithms = { clear: 0, aes256gcm: 1 } as const;
export const headerLength = 5;
export const keyIdLength = 8;

/**
 * What a ciphertext is bound to. Moving it to another row, lowering its level by SQL or replaying an old revision
 * under a new number makes it unreadable.
 */
export interface Binding {
  readonly project: string;
  readonly table: string;
  readonly record: string;
  readonly scope: string;
  readonly revision: number;
}

/** Clear content in an envelope: only worth it when compression helped; undefined otherwise. */
export function packClear(
  content: string,
  compression: Compression = defaultCompression,
): Uint8Array | undefined {
  const { bytes, codec } = compress(Buffer.from(content), compression);
  if (codec === plainCodec) return undefined;
  return Buffer.concat([Buffer.of(...magic, version, algorithms.clear, codec), bytes]);
}

export function packSealed(
  key: DataKey,
  nonce: Uint8Array,
  binding: Binding,
  content: string,
  compression: Compression = defaultCompression,
): Uint8Array {
  const { bytes, codec } = compress(Buffer.from(content), compression);
  const header = sealedHeader(codec);
  return Buffer.concat([
    header,
    key.id,
    nonce,
    seal(key.encryption, nonce, aad(binding, header, key.id), bytes),
  ]);
}

/** What an envelope of encrypted content begins with. */
export function sealedHeader(codec: number): Buffer {
  return Buffer.of(...magic, version, algorithms.aes256gcm, codec);
}

/** The id of the key that an envelope asks for; undefined for a clear one. */
export function keyIdOf(envelope: Uint8Array): Uint8Array | undefined {
  const algorithm = readHeader(envelope)[3];
  return algorithm === algorithms.clear
    ? undefined
    : envelope.subarray(headerLength, headerLength + keyIdLength);
}

export function isCompressed(envelope: Uint8Array): boolean {
  return readHeader(envelope)[4] !== plainCodec;
}

export function unpack(envelope: Uint8Array, binding: Binding, key: DataKey | undefined): string {
  const header = readHeader(envelope);
  const codec = header[4]!;
  const body = headerLength + keyIdLength;
  if (!key) return textOf(envelope.subarray(headerLength), codec);
  const nonce = envelope.subarray(body, body + nonceLength);
  const content = open(
    key.encryption,
    nonce,
    aad(binding, header, key.id),
    envelope.subarray(body + nonceLength),
  );
  return textOf(content, codec);
}

function readHeader(envelope: Uint8Array): Uint8Array {
  const known =
    envelope.length > headerLength &&
    envelope[0] === magic[0] &&
    envelope[1] === magic[1] &&
    envelope[2] === version;
  if (!known) throw new RookeryError('TAMPERED', 'stored data is not in a known format');
  return envelope.subarray(0, headerLength);
}

/** Every field with its length before it, so that no two bindings have the same bytes. */
function aad(
  { project, table, record, scope, revision }: Binding,
  header: Uint8Array,
  keyId: Uint8Array,
): Uint8Array {
  const texts = [project, table, record, scope, String(revision)].map((text) => Buffer.from(text));
  return Buffer.concat([header, keyId, ...texts.flatMap((text) => [lengthPrefix(text.length), text])]);
}

function lengthPrefix(length: number): Uint8Array {
  return Buffer.of(length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

function textOf(bytes: Uint8Array, codec: number): string {
  const { buffer, byteOffset, byteLength } = decompress(bytes, codec);
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}
