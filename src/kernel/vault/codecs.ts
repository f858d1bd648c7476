import { createRequire } from 'node:module';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { invalid, RookeryError } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * How content is compressed. The number stands in every envelope, so what one codec wrote is readable for ever after,
 * whatever new content is written with.
 */
interface Codec {
  readonly number: number;
  compress(bytes: Uint8Array): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

/** Where compression of new content begins, and with what. */
export interface Compression {
  readonly codec: CodecName;
  /** Content longer than this is compressed when that makes it smaller, in bytes. */
  readonly thresholdBytes: number;
}

export const codecNames = ['zstd', 'lz4'] as const;
export type CodecName = (typeof codecNames)[number];

export const defaultCompression: Compression = { codec: 'zstd', thresholdBytes: 1024 };

/** Compressed content opens to no more than this, whatever it says of itself. */
const openedBytesMax = 4 * limits.valueBytes;

const codecs: Readonly<Record<CodecName, Codec>> = {
  zstd: {
    number: 1,
    compress: zstdCompressSync,
    decompress: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: openedBytesMax }),
  },
  // A block with its length before it, as the package writes it.
  lz4: {
    number: 2,
    compress: (bytes) => lz4().compressSync(Buffer.from(bytes)),
    decompress: (bytes) => {
      if (bytes.length < 4 || Buffer.from(bytes).readUInt32LE() > openedBytesMax) throw unknownFormat();
      return lz4().uncompressSync(bytes);
    },
  },
};
const byNumber = new Map(Object.values(codecs).map((codec) => [codec.number, codec]));

/** The number of content that is as it was given. */
export const plainCodec = 0;

/** The name of a codec by its number; undefined for plain content. */
export function codecName(number: number): CodecName | undefined {
  return codecNames.find((name) => codecs[name].number === number);
}

/** The number of a codec by its name; undefined for what is none. */
export function codecNumber(name: unknown): number | undefined {
  const known = codecNames.find((codec) => codec === name);
  return known && codecs[known].number;
}

export function compress(plain: Uint8Array, { codec, thresholdBytes }: Compression) {
  if (plain.length > thresholdBytes) {
    const bytes = codecs[codec].compress(plain);
    if (bytes.length < plain.length) return { bytes, codec: codecs[codec].number };
  }
  return { bytes: plain, codec: plainCodec };
}

export function decompress(bytes: Uint8Array, codec: number): Uint8Array {
  if (codec === plainCodec) return bytes;
  const known = byNumber.get(codec);
  if (!known) throw unknownFormat();
  return known.decompress(bytes);
}

/** Settings with defaults for what is left out. Throws when the codec's package is not installed. */
export function compressionFrom(given: Partial<Compression> = {}): Compression {
  const { codec, thresholdBytes } = { ...defaultCompression, ...given };
  if (!codecNames.includes(codec)) throw invalid('compression.codec', `one of ${codecNames.join(', ')}`);
  if (!Number.isSafeInteger(thresholdBytes) || thresholdBytes < 0)
    throw invalid('compression.thresholdBytes', 'a whole number of bytes, at least 0');
  if (codec === 'lz4') lz4();
  return { codec, thresholdBytes };
}

/** The same settings for one record: from the first byte on, or never, where that is asked for. */
export function compressing(settings: Compression, asked: boolean | undefined): Compression {
  if (asked === undefined) return settings;
  return { ...settings, thresholdBytes: asked ? 0 : Number.POSITIVE_INFINITY };
}

export function hasLz4(): boolean {
  try {
    lz4();
    return true;
  } catch {
    return false;
  }
}

interface Lz4 {
  compressSync(bytes: Buffer): Buffer;
  uncompressSync(bytes: Uint8Array): Buffer;
}

let loaded: Lz4 | undefined;

/** The optional package, loaded when it is first needed. */
function lz4(): Lz4 {
  try {
    loaded ??= createRequire(import.meta.url)('lz4-napi') as Lz4;
    return loaded;
  } catch (cause) {
    const message = 'content is compressed with lz4: npm install lz4-napi';
    throw new RookeryError('MISSING_PACKAGE', message, { package: 'lz4-napi' }, { cause });
  }
}

function unknownFormat(): RookeryError {
  return new RookeryError('TAMPERED', 'stored data is not in a known format');
}
