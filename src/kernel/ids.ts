import type { Random } from './clock.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * `<prefix>_<10 characters of time><26 characters of randomness>`, Crockford base 32, lower case.
 * Sorts by time, so that an index on it grows at its end, and carries 130 random bits, so that nobody guesses one.
 * (A UUID version 7 sorts too but has 74 random bits; version 4 has 122 and does not sort.)
 */
export function newId(prefix: string, now: number, random: Random): string {
  return `${prefix}_${encodeTime(now)}${encodeBytes(random.bytes(26))}`;
}

/** `length` characters of the same alphabet, five random bits each: for token secrets and the like. */
export function randomText(length: number, random: Random): string {
  return encodeBytes(random.bytes(length));
}

function encodeTime(now: number): string {
  let text = '';
  let rest = now;
  for (let i = 0; i < 10; i++) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += alphabet[byte & 31];
  return text;
}
