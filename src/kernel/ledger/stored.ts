import { RookeryError } from '../errors.ts';
import type { Work } from '../work.ts';
import { leavesBetween, subtreesBetween } from './statements.ts';
import {
  consistencyRanges,
  emptyRoot,
  hashLength,
  inclusionRanges,
  nodeHash,
  type Range,
  splitPoint,
  tileHeight,
} from './tree.ts';

/**
 * The tree as it lies in the store: leaf hashes beside the entries, and the root of every 256 of them, of every 256 of
 * those, and so on. The hash of a perfect subtree is put together from at most 128 kept ones.
 */
export function* rootAt(project: string, size: number): Work<Uint8Array> {
  return size === 0 ? emptyRoot : yield* rangeHash(project, { start: 0, end: size });
}

/** Hashes that prove entry `index + 1` in the tree of `size` entries, the leaf's sibling first. */
export function* inclusionPath(project: string, index: number, size: number): Work<Uint8Array[]> {
  return yield* hashesOf(project, inclusionRanges(index, size));
}

/** Hashes that prove that the tree of `oldSize` entries is a prefix of the one of `size`; oldSize at least 1. */
export function* consistencyPath(project: string, oldSize: number, size: number): Work<Uint8Array[]> {
  return yield* hashesOf(project, consistencyRanges(oldSize, size));
}

function* hashesOf(project: string, ranges: readonly Range[]): Work<Uint8Array[]> {
  const hashes: Uint8Array[] = [];
  for (const range of ranges) hashes.push(yield* rangeHash(project, range));
  return hashes;
}

/** The hash over a range that is a node of some tree: it splits where the tree does. */
function* rangeHash(project: string, { start, end }: Range): Work<Uint8Array> {
  const width = end - start;
  const split = splitPoint(width);
  if (split * 2 === width || width === 1) return yield* perfectHash(project, start, width);
  const left = yield* perfectHash(project, start, split);
  return nodeHash(left, yield* rangeHash(project, { start: start + split, end }));
}

/** The hash over an aligned run of 2^n leaves, from the highest kept hashes that lie in it. */
function* perfectHash(project: string, start: number, width: number): Work<Uint8Array> {
  const level = Math.floor(Math.log2(width) / tileHeight);
  const each = 2 ** (level * tileHeight);
  const [from, to] = [start / each, (start + width) / each];
  const row = yield* level === 0
    ? leavesBetween(project, from, to)
    : subtreesBetween(project, level, from, to);
  const kept = Buffer.from(row?.hashes ?? '', 'hex');
  if (kept.length !== (to - from) * hashLength)
    throw new RookeryError('TAMPERED', `the ledger lacks hashes between ${start} and ${start + width}`);
  return foldPairs(kept);
}

/** The root over 2^n hashes that lie one after the other; their memory is used up. */
function foldPairs(hashes: Buffer): Uint8Array {
  const at = (i: number) => hashes.subarray(i * hashLength, (i + 1) * hashLength);
  for (let count = hashes.length / hashLength / 2; count >= 1; count /= 2) {
    for (let i = 0; i < count; i++) hashes.set(nodeHash(at(2 * i), at(2 * i + 1)), i * hashLength);
  }
  return at(0);
}
