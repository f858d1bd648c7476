import { decodeBase64, decodeDecimal, decodeText, encodeBase64, malformed } from './encoding.ts';
import { emptyRoot, hashLength } from './tree.ts';

/** What a log says of itself (c2sp.org/tlog-checkpoint): its name, how many entries it has, and the root over them. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Uint8Array;
}

/** The text of a checkpoint as it is signed: three lines. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/** Reads the text of a checkpoint. Extension lines, which others may use, are passed over. */
export function parseCheckpoint(given: string): Checkpoint {
  const text = decodeText('checkpoint', given);
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n');
  const complete = text.endsWith('\n') && origin && size !== undefined && root !== undefined;
  if (!complete || extensions.includes('')) throw malformed('checkpoint', 'lines for origin, size and root');
  const checkpoint = {
    origin,
    size: decodeDecimal('checkpoint size', size),
    root: decodeBase64('checkpoint root', root),
  };
  if (checkpoint.root.length !== hashLength) throw malformed('checkpoint root', `${hashLength} bytes`);
  if (checkpoint.size === 0n && Buffer.compare(checkpoint.root, emptyRoot) !== 0)
    throw malformed('checkpoint root', 'the root of the empty tree, for size 0');
  return checkpoint;
}
