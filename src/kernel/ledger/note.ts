import { hash } from 'node:crypto';
import { RookeryError } from '../errors.ts';
import { decodeBase64, decodeText, encodeBase64, malformed } from './encoding.ts';
import { publicKeyLength, type Signer, signatureCheck } from './signer.ts';

/**
 * Signed notes (c2sp.org/signed-note): a text, an empty line, and lines `— <key name> <base64(key id ‖ signature)>`.
 * The text may hold empty lines itself, so the note is parted at the last one.
 */
export interface Note {
  /** With its final line feed: these are the bytes that are signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** Signature types: what the byte before a public key says about what is signed, and how. */
export const signatureTypes = { ed25519: 0x01, cosignature: 0x04 } as const;

/** One key that somebody trusts, from its `<name>+<key id>+<base64>` form. */
export interface Verifier {
  readonly name: string;
  readonly keyId: string;
  /** A `cosignature` key is a witness's: it signs the text together with a time. */
  readonly type: keyof typeof signatureTypes;
  verify(text: string, signature: Uint8Array): boolean;
}

/** More than any note has; a bound on the work that a hostile one can cause. */
const signaturesMax = 100;
const noteLengthMax = 1_000_000;
const dash = '— ';
const keyIdLength = 4;

export function parseNote(given: string | Uint8Array): Note {
  const note = decodeText('note', given);
  const end = note.lastIndexOf('\n\n');
  if (note.length > noteLengthMax) throw malformed('note', `at most ${noteLengthMax} characters`);
  if (end < 0 || !note.endsWith('\n') || end + 2 === note.length)
    throw malformed('note', 'a text, an empty line and signature lines');
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > signaturesMax) throw malformed('note', `at most ${signaturesMax} signatures`);
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [name, encoded, ...rest] = line.slice(dash.length).split(' ');
  const shaped = line.startsWith(dash) && name !== undefined && encoded !== undefined && rest.length === 0;
  if (!shaped || !isKeyName(name)) throw malformed('signature line', '"— <key name> <base64>"');
  const bytes = decodeBase64('signature', encoded);
  if (bytes.length <= keyIdLength) throw malformed('signature', 'a key id and a signature');
  return { name, keyId: hex(bytes.subarray(0, keyIdLength)), signature: bytes.subarray(keyIdLength) };
}

/**
 * The note's text and who of the `verifiers` signed it. Signatures of unknown keys say nothing and are skipped; a bad
 * one of a known key, or no known one at all, throws TAMPERED.
 */
export function openNote(
  given: string | Uint8Array,
  verifiers: readonly Verifier[],
): { text: string; signers: Verifier[] } {
  const { text, signatures } = parseNote(given);
  const signers = new Set<Verifier>();
  for (const { name, keyId, signature } of signatures) {
    const verifier = verifiers.find((known) => known.name === name && known.keyId === keyId);
    if (!verifier) continue;
    if (!verifier.verify(text, signature))
      throw new RookeryError('TAMPERED', `the signature of ${name} does not fit the note`, { name, keyId });
    signers.add(verifier);
  }
  if (signers.size === 0) throw new RookeryError('TAMPERED', 'no known key has signed the note');
  return { text, signers: [...signers] };
}

/** Signs a text, which must end in a line feed, under a key name. */
export function signNote(text: string, name: string, signer: Signer): string {
  if (!text.endsWith('\n') || decodeText('text', text) !== text) throw malformed('text', 'a final line feed');
  const id = Buffer.from(keyIdOf(name, signatureTypes.ed25519, signer.publicKey), 'hex');
  return `${text}\n${dash}${name} ${encodeBase64(Buffer.concat([id, signer.sign(text)]))}\n`;
}

export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  if (!isKeyName(name)) throw malformed('key name', 'not empty, without space and "+"');
  const type = signatureTypes.ed25519;
  return `${name}+${keyIdOf(name, type, publicKey)}+${encodeBase64(Buffer.concat([Buffer.of(type), publicKey]))}`;
}

const verifierKeyForm = /^(?<name>[^+]+)\+(?<keyId>[0-9a-f]{8})\+(?<encoded>\S+)$/su;

/** Reads `<name>+<key id>+<base64(type ‖ public key)>` and refuses a key id that is not the key's own. */
export function parseVerifierKey(text: string): Verifier {
  const { name = '', keyId = '', encoded = '' } = verifierKeyForm.exec(text)?.groups ?? {};
  if (!isKeyName(name)) throw malformed('verifier key', '"<name>+<key id>+<base64>"');
  const bytes = decodeBase64('verifier key', encoded);
  const publicKey = bytes.subarray(1);
  if (publicKey.length !== publicKeyLength || keyIdOf(name, bytes[0]!, publicKey) !== keyId)
    throw malformed('verifier key', 'a 32-byte key with the key id that belongs to it');
  const check = signatureCheck(publicKey);
  if (bytes[0] === signatureTypes.ed25519) return { name, keyId, type: 'ed25519', verify: check };
  if (bytes[0] !== signatureTypes.cosignature)
    throw malformed('verifier key', 'of type 1 (Ed25519) or 4 (Ed25519 cosignature)');
  return {
    name,
    keyId,
    type: 'cosignature',
    verify: (signed, signature) => {
      const cosignature = parseCosignature(signature);
      return (
        cosignature !== undefined && check(cosignedText(signed, cosignature.time), cosignature.signature)
      );
    },
  };
}

/** First four bytes of SHA-256(name ‖ line feed ‖ type ‖ public key), in hexadecimal. */
export function keyIdOf(name: string, type: number, publicKey: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey])).slice(
    0,
    2 * keyIdLength,
  );
}

const timeLength = 8;

/** A witness's signature (c2sp.org/tlog-cosignature): POSIX seconds as eight bytes, then the Ed25519 signature. */
export function parseCosignature(
  bytes: Uint8Array,
): { readonly time: bigint; readonly signature: Uint8Array } | undefined {
  if (bytes.length <= timeLength) return undefined;
  const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return { time, signature: bytes.subarray(timeLength) };
}

/** What a witness signs: it does not name the witness, so every witness needs a key of its own. */
export function cosignedText(checkpoint: string, time: bigint): string {
  return `cosignature/v1\ntime ${time}\n${checkpoint}`;
}

/** Not empty, no Unicode space, no plus sign. */
function isKeyName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}+]/u.test(name);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
