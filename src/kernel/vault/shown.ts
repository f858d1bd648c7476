import type { ReadContext, Stored } from '../context.ts';
import type { Work } from '../work.ts';
import { codecName, codecNumber, plainCodec } from './codecs.ts';
import { type Binding, headerLength, keyIdLength, keyIdOf, sealedHeader } from './envelope.ts';
import { nonceLength, tagLength } from './primitives.ts';

/**
 * An encrypted record as JSON, for places outside the store: what seed 000's Redis keys hold. All but `v` and `alg` is
 * base64; `zip` is there when the content was compressed before it was encrypted. Who holds the key opens it with the
 * binding of the row that it was made for.
 */
export interface ShownEnvelope {
  readonly v: 1;
  readonly alg: 'aes-256-gcm';
  readonly kid: string;
  readonly iv: string;
  readonly tag: string;
  readonly ct: string;
  readonly zip?: string;
}

/** What may be shown of stored content outside the store: its text, or its envelope where it is encrypted. */
export function* shownOf(
  context: ReadContext,
  stored: Stored,
  binding: Omit<Binding, 'project'>,
): Work<string> {
  if (stored.sealed === null || keyIdOf(stored.sealed) === undefined)
    return yield* context.open(stored, binding);
  return JSON.stringify(shownEnvelope(stored.sealed));
}

/** The same where the content is at hand. */
export function showing({ sealed }: Stored, content: string): string {
  return sealed === null || keyIdOf(sealed) === undefined ? content : JSON.stringify(shownEnvelope(sealed));
}

export function shownEnvelope(sealed: Uint8Array): ShownEnvelope {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const nonceStart = headerLength + keyIdLength;
  const contentStart = nonceStart + nonceLength;
  const contentEnd = bytes.length - tagLength;
  const part = (start: number, end?: number) => bytes.subarray(start, end).toString('base64');
  const zip = codecName(bytes[headerLength - 1]!);
  return {
    v: 1,
    alg: 'aes-256-gcm',
    kid: part(headerLength, nonceStart),
    iv: part(nonceStart, contentStart),
    tag: part(contentEnd),
    ct: part(contentStart, contentEnd),
    ...(zip !== undefined && { zip }),
  };
}

/** The stored form of a shown envelope, for `context.open`. Undefined for what is none. */
export function sealedOf(shown: unknown): Uint8Array | undefined {
  const { v, alg, kid, iv, tag, ct, zip } = (shown ?? {}) as Record<string, unknown>;
  const codec = zip === undefined ? plainCodec : codecNumber(zip);
  const parts = [kid, iv, ct, tag];
  if (v !== 1 || alg !== 'aes-256-gcm' || codec === undefined) return undefined;
  if (!parts.every((part) => typeof part === 'string')) return undefined;
  return Buffer.concat([sealedHeader(codec), ...parts.map((part) => Buffer.from(part as string, 'base64'))]);
}
