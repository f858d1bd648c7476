import { hashLength, nodeHash } from './tree.ts';

/**
 * Verification of inclusion and consistency proofs (RFC 9162 §2.1.3.2 and §2.1.4.2). Indexes and sizes are BigInt,
 * because a proof comes from outside and may speak of more than 2^53 leaves.
 */
export interface InclusionProof {
  readonly index: bigint;
  readonly size: bigint;
  readonly leaf: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly root: Uint8Array;
}

export function verifyInclusion({ index, size, leaf, path, root }: InclusionProof): boolean {
  if (index < 0n || index >= size || !areHashes([leaf, root, ...path])) return false;
  let position = index;
  let last = size - 1n;
  let current = leaf;
  for (const sibling of path) {
    if (last === 0n) return false;
    if (position % 2n === 1n || position === last) {
      current = nodeHash(sibling, current);
      [position, last] = skipUnpaired(position, last);
    } else {
      current = nodeHash(current, sibling);
    }
    position >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(current, root);
}

export interface ConsistencyProof {
  readonly oldSize: bigint;
  readonly size: bigint;
  readonly path: readonly Uint8Array[];
  readonly oldRoot: Uint8Array;
  readonly root: Uint8Array;
}

export function verifyConsistency({ oldSize, size, path, oldRoot, root }: ConsistencyProof): boolean {
  // Nothing can be consistent with an empty tree: sizes 0 and 0 with equal roots are refused too.
  if (oldSize <= 0n || oldSize > size) return false;
  if (oldSize === size) return path.length === 0 && equal(oldRoot, root);
  if (path.length === 0 || !areHashes([oldRoot, root, ...path])) return false;
  const steps = isPowerOfTwo(oldSize) ? [oldRoot, ...path] : [...path];
  let position = oldSize - 1n;
  let last = size - 1n;
  while (position % 2n === 1n) {
    position >>= 1n;
    last >>= 1n;
  }
  let older = steps[0]!;
  let newer = steps[0]!;
  for (const sibling of steps.slice(1)) {
    if (last === 0n) return false;
    if (position % 2n === 1n || position === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      [position, last] = skipUnpaired(position, last);
    } else {
      newer = nodeHash(newer, sibling);
    }
    position >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(older, oldRoot) && equal(newer, root);
}

/** Climbs over the levels on which this node has no sibling to its right. */
function skipUnpaired(position: bigint, last: bigint): [bigint, bigint] {
  let [p, l] = [position, last];
  while (p % 2n === 0n && p !== 0n) {
    p >>= 1n;
    l >>= 1n;
  }
  return [p, l];
}

function isPowerOfTwo(size: bigint): boolean {
  return (size & (size - 1n)) === 0n;
}

function areHashes(candidates: readonly Uint8Array[]): boolean {
  return candidates.every((candidate) => candidate.length === hashLength);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
