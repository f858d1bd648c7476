import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

/** Ed25519 (RFC 8032), the signature of checkpoints. */
export interface Signer {
  /** The 32 raw bytes of the public key. */
  readonly publicKey: Uint8Array;
  sign(message: string | Uint8Array): Uint8Array;
}

export const publicKeyLength = 32;
export const signatureLength = 64;

/** What stands before the 32 raw bytes in the standard containers (RFC 8410). */
const publicHeader = Buffer.from('302a300506032b6570032100', 'hex');
const privateHeader = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A new key in the form it is kept in a file: PKCS #8, PEM. */
export function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** The signer of a key file. Throws TypeError for a key of another kind. */
export function signerFromPem(pem: string): Signer {
  return signerOf(createPrivateKey(pem));
}

/** The signer whose private key is these 32 bytes. */
export function signerFromSeed(seed: Uint8Array): Signer {
  const key = Buffer.concat([privateHeader, seed]);
  return signerOf(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
}

function signerOf(key: KeyObject): Signer {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TypeError(`an Ed25519 key, not ${key.asymmetricKeyType}`);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: spki.subarray(publicHeader.length),
    sign: (message) => sign(null, bytesOf(message), key),
  };
}

/** Checks signatures under one raw public key. Whatever is not 64 bytes long is no signature. */
export function signatureCheck(
  publicKey: Uint8Array,
): (message: string | Uint8Array, signature: Uint8Array) => boolean {
  const key = createPublicKey({
    key: Buffer.concat([publicHeader, publicKey]),
    format: 'der',
    type: 'spki',
  });
  return (message, signature) =>
    signature.length === signatureLength && verify(null, bytesOf(message), key, signature);
}

function bytesOf(message: string | Uint8Array): Uint8Array {
  return typeof message === 'string' ? Buffer.from(message) : message;
}
