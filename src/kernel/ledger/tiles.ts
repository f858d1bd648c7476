import { RookeryError } from '../errors.ts';

/**
 * The tile layout of C2SP (c2sp.org/tlog-tiles), in which static files serve a log: hashes of one level in groups of
 * 256, and the entries themselves in bundles beside them.
 */
export const tileWidth = 256;

/** Path of a tile: `tile/<level>/<index>`, partial ones with `.p/<width>`; level `entries` is a bundle. */
export function tilePath(level: number | 'entries', index: number, width: number = tileWidth): string {
  const digits = String(index).padStart(3 * Math.max(1, Math.ceil(String(index).length / 3)), '0');
  const groups = digits.match(/\d{3}/g)!;
  const place = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${place}${width === tileWidth ? '' : `.p/${width}`}`;
}

/** The bytes of a hash tile: its hashes, one after the other. */
export function hashTile(hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes);
}

const bundledLengthMax = 0xffff;

/** The bytes of an entry bundle: each entry after its length in two bytes. */
export function entryBundle(entries: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const bytes = typeof entry === 'string' ? Buffer.from(entry) : entry;
      if (bytes.length > bundledLengthMax) {
        throw new RookeryError('TOO_LARGE', `a bundled entry has at most ${bundledLengthMax} bytes`);
      }
      return [Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes];
    }),
  );
}
