import { expect, it } from 'vitest';
import * as proof from '../../src/kernel/ledger/proof.ts';
import { emptyRoot, Frontier, leafHash, nodeHash } from '../../src/kernel/ledger/tree.ts';
import { sabotaged } from '../support/sabotage.ts';
import { describeVectors, tally, vectorCases } from '../support/vectors.ts';

interface Inclusion {
  name: string;
  leafIdx: string;
  treeSize: string;
  leafHash: string | null;
  proof: string[] | null;
  root: string | null;
  wantErr: boolean;
}

interface Consistency {
  name: string;
  size1: string;
  size2: string;
  root1: string | null;
  root2: string | null;
  proof: string[] | null;
  wantErr: boolean;
}

const bytes = (base64: string | null) => Buffer.from(base64 ?? '', 'base64');

function inclusions(verify: typeof proof.verifyInclusion) {
  return tally(vectorCases<{ cases: Inclusion[] }>('rfc6962/inclusion.json').cases, {
    name: (one) => one.name,
    expected: (one) => !one.wantErr,
    judge: (one) =>
      verify({
        index: BigInt(one.leafIdx),
        size: BigInt(one.treeSize),
        leaf: bytes(one.leafHash),
        path: (one.proof ?? []).map(bytes),
        root: bytes(one.root),
      }),
  });
}

function consistencies(verify: typeof proof.verifyConsistency) {
  return tally(vectorCases<{ cases: Consistency[] }>('rfc6962/consistency.json').cases, {
    name: (one) => one.name,
    expected: (one) => !one.wantErr,
    judge: (one) =>
      verify({
        oldSize: BigInt(one.size1),
        size: BigInt(one.size2),
        path: (one.proof ?? []).map(bytes),
        oldRoot: bytes(one.root1),
        root: bytes(one.root2),
      }),
  });
}

describeVectors('transparency-dev/merkle (RFC 6962)', () => {
  it('accepts 6 and rejects 92 inclusion proofs [A1]', () => {
    expect(inclusions(proof.verifyInclusion)).toEqual({ accepted: 6, rejected: 92, wrong: [] });
  });

  it('accepts 6 and rejects 92 consistency proofs [A1]', () => {
    expect(consistencies(proof.verifyConsistency)).toEqual({ accepted: 6, rejected: 92, wrong: [] });
  });

  it('would notice nodes that are hashed without their prefix [A1 sabotage]', async () => {
    const twin = await sabotaged<typeof proof>('ledger/proof.ts', {
      in: 'ledger/tree.ts',
      text: 'nodeInput[0] = 1;',
      by: 'nodeInput[0] = 0;',
    });
    expect(inclusions(twin.verifyInclusion).wrong).not.toEqual([]);
    expect(consistencies(twin.verifyConsistency).wrong).not.toEqual([]);
  });

  it('would notice a verifier that finds anything consistent with an empty tree [A1 sabotage]', async () => {
    const twin = await sabotaged<typeof proof>('ledger/proof.ts', {
      text: 'if (oldSize <= 0n',
      by: 'if (oldSize < 0n',
    });
    expect(consistencies(twin.verifyConsistency).wrong).not.toEqual([]);
  });

  it('hashes 8 leaves to 15 nodes and 9 roots', () => {
    const { leafInputs, nodeHashes, rootHashes } = vectorCases<{
      leafInputs: string[];
      nodeHashes: string[][];
      rootHashes: string[];
    }>('rfc6962/tree.json');
    const tree = new Frontier();
    const roots = [emptyRoot.toString('hex')];
    const leaves = leafInputs.map((input) => leafHash(Buffer.from(input, 'hex')));
    const nodes: string[][] = [leaves.map((leaf) => leaf.toString('hex'))];
    for (const leaf of leaves) {
      tree.append(leaf, (height, hash) => {
        nodes[height] ??= [];
        nodes[height].push(Buffer.from(hash).toString('hex'));
      });
      roots.push(Buffer.from(tree.root()).toString('hex'));
    }
    expect(nodes).toEqual(nodeHashes);
    expect(nodes.flat()).toHaveLength(15);
    expect(roots).toEqual(rootHashes);
    expect(nodeHash(leaves[0]!, leaves[1]!).toString('hex')).toBe(nodeHashes[1]![0]);
  });
});
