import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { RookeryError } from '../errors.ts';

export const keyLength = 32;
export const nonceLength = 12;
export const tagLength = 16;
const algorithm = 'aes-256-gcm';

/** A key as OpenSSL holds it: seven times cheaper per use than raw bytes (measured 1.6 against 11.8 µs for an HMAC). */
export function secretKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes);
}

/** AES-256-GCM: ciphertext ‖ 128-bit tag. The nonce must never repeat under a key. */
export function seal(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  if (nonce.length !== nonceLength) throw new RangeError(`nonce of ${nonceLength} bytes`);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagLength });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens what `seal` made; anything else throws TAMPERED, with one text for a wrong key and for changed bytes. Node
 * accepts shorter tags and hands out plaintext before it is authenticated: neither happens here.
 */
export function open(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer {
  if (nonce.length !== nonceLength || sealed.length < tagLength) throw tampered();
  const tag = sealed.subarray(sealed.length - tagLength);
  try {
    const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagLength });
    decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(sealed.subarray(0, sealed.length - tagLength));
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    throw tampered();
  }
}

function tampered(): RookeryError {
  return new RookeryError('TAMPERED', 'stored data failed authentication');
}

/** RFC 5649 key wrap with padding: deterministic, authenticated, made for keys. */
const wrapAlgorithm = 'id-aes256-wrap-pad';
const wrapIv = Buffer.from('a65959a6', 'hex');

export function wrapKey(key: KeyObject, secret: Uint8Array): Buffer {
  if (secret.length === 0) throw new RangeError('nothing to wrap');
  const cipher = createCipheriv(wrapAlgorithm, key, wrapIv);
  return Buffer.concat([cipher.update(secret), cipher.final()]);
}

/** Throws WRONG_KEY when the blob was not wrapped with this key. */
export function unwrapKey(key: KeyObject, wrapped: Uint8Array): Buffer {
  try {
    if (wrapped.length < 16 || wrapped.length % 8 !== 0) throw new RangeError('not a wrapped key');
    const decipher = createDecipheriv(wrapAlgorithm, key, wrapIv);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    throw new RookeryError('WRONG_KEY', 'the key does not open what it should');
  }
}

export function hmac(key: KeyObject, message: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

/** Two independent keys, each filling one block of SHA-256 as hexadecimal text. */
export interface NestedKey {
  readonly inner: string;
  readonly outer: string;
}

export function nestedKey(secret: Uint8Array, purpose: string): NestedKey {
  const bytes = hkdf(secret, new Uint8Array(0), purpose, 2 * keyLength);
  return { inner: bytes.toString('hex', 0, keyLength), outer: bytes.toString('hex', keyLength) };
}

/**
 * NMAC (Bellare, Canetti, Krawczyk 1996): SHA-256(outer ‖ SHA-256(inner ‖ message)), the construction HMAC is derived
 * from, with two real keys in place of two paddings. As one-shot hashes over text it costs 0.8 µs where `createHmac`
 * costs 1.6 µs, and every write needs two.
 */
export function nestedMac(key: NestedKey, message: string, encoding: 'hex' | 'base64url'): string {
  return hash('sha256', key.outer + hash('sha256', key.inner + message, 'hex'), encoding);
}

/** HKDF-SHA256 (RFC 5869); `length` at most 255 × 32 bytes. */
export function hkdf(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array | string,
  length: number,
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
