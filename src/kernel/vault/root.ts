import { RookeryError } from '../errors.ts';
import { hkdf, keyLength } from './primitives.ts';

/**
 * Where the root key comes from. Asked under the write lock of the store, except for `adopt`: whoever replaces the root key
 * does so under the same lock, so that what lies in files and what the store was wrapped under are looked at together.
 */
export interface RootKeys {
  /** Keys that may be the store's, the likeliest first. */
  candidates(): readonly Uint8Array[];
  /** This one is the store's: puts in order what an interrupted replacement left behind. */
  settle(current: Uint8Array): void;
  /** Keeps a key that is to become the store's, on disk when this returns, beside the one that still is. */
  prepare(next: Uint8Array): void;
  /** A prepared key has become the store's: it takes its place after the commit, unless somebody has settled it already. */
  adopt(next: Uint8Array): void;
  /** Whether a new key must come from outside, because nothing here keeps one. */
  readonly given: boolean;
}

/** A root key that the program was given: who opens the store the next time must bring the one it has then. */
export function givenRootKey(key: Uint8Array): RootKeys {
  assertRootKey(key);
  let current = key;
  return {
    candidates: () => [current],
    settle: () => {},
    prepare: () => {},
    adopt: (next) => {
      current = next;
    },
    given: true,
  };
}

const howToMake = 'make one with: openssl rand -base64 32';
/** Below this it is not a key of any kind but a mistake. */
const leastBytes = 16;

export function assertRootKey(key: Uint8Array): void {
  if (key.length === keyLength) return;
  const what =
    key.length < leastBytes
      ? `has ${key.length} bytes, which anybody could find by trying`
      : `must have ${keyLength} bytes, this one has ${key.length}`;
  throw new RookeryError(
    'WRONG_KEY',
    `the root key ${what}: give ${keyLength} random bytes or their base64 (${howToMake})`,
    { lengthBytes: key.length },
  );
}

/** Reads a root key from text. What is not base64 is refused, and not taken for other bytes than were meant. */
export function rootKeyFromText(text: string): Uint8Array {
  const trimmed = text.trim();
  if (!/^[\w+/-]*={0,2}$/.test(trimmed)) {
    throw new RookeryError(
      'WRONG_KEY',
      `the root key is not base64: give ${keyLength} random bytes in base64 (${howToMake})`,
    );
  }
  const key = Buffer.from(trimmed, 'base64');
  assertRootKey(key);
  return key;
}

/** What the checkpoints of a store without a key file of its own are signed with. */
export function signingSeedOf(rootKey: Uint8Array): Uint8Array {
  return hkdf(rootKey, new Uint8Array(0), 'rookery/ledger-signing/v1', keyLength);
}
