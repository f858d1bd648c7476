import { RookeryError } from '../errors.ts';

/**
 * The strict readings that signed notes, checkpoints and receipts are made of. Each text has exactly one form: a
 * reader that also took another one would accept a changed receipt as the same.
 */

/** RFC 4648 §4 with padding. Refuses white space, missing padding, the URL alphabet and stray bits in the last group. */
export function decodeBase64(what: string, text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw malformed(what, 'canonical base64 with padding');
  return bytes;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

const decimal = /^(0|[1-9][0-9]{0,19})$/;
const largest = 2n ** 64n - 1n;

/** Digits without sign or leading zero, below 2^64. */
export function decodeDecimal(what: string, text: string): bigint {
  const value = decimal.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > largest) throw malformed(what, 'a decimal number without sign or leading zero');
  return value;
}

const controlCharacters = /[\u0000-\u0009\u000b-\u001f]/;

/** The text of bytes that came from outside: valid UTF-8, lines end in U+000A, no other control character. */
export function decodeText(what: string, given: string | Uint8Array): string {
  const text = typeof given === 'string' ? given : decodeUtf8(what, given);
  if (!text.isWellFormed() || controlCharacters.test(text)) {
    throw malformed(what, 'well-formed text whose only control character is the line feed');
  }
  return text;
}

function decodeUtf8(what: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed(what, 'UTF-8');
  }
}

/** The error of a note, checkpoint or receipt that is not in its format. */
export function malformed(what: string, accepted: string): RookeryError {
  return new RookeryError('INVALID_INPUT', `${what}: ${accepted}`, { field: what, accepted });
}
