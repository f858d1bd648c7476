import { expect, it } from 'vitest';
import { parseCheckpoint } from '../../src/kernel/ledger/checkpoint.ts';
import * as notes from '../../src/kernel/ledger/note.ts';
import { verifyConsistency } from '../../src/kernel/ledger/proof.ts';
import * as receipts from '../../src/kernel/ledger/receipt.ts';
import { entryBundle, hashTile, tilePath } from '../../src/kernel/ledger/tiles.ts';
import { consistencyRanges, Frontier, leafHash } from '../../src/kernel/ledger/tree.ts';
import { sabotaged } from '../support/sabotage.ts';
import {
  describeVectors,
  succeeds,
  tally,
  vectorBytes,
  vectorCases,
  vectorText,
} from '../support/vectors.ts';

interface ReceiptCase {
  name: string;
  leaf: string;
  proof: string;
  valid: boolean;
}

function judgeReceipts(verify: typeof receipts.verifyReceipt, parse = notes.parseVerifierKey) {
  const log = parse(vectorText('tlog/tessera/vkey.txt').trim());
  return tally(vectorCases<{ cases: ReceiptCase[] }>('tlog/proofs.json').cases, {
    name: (one) => one.name,
    expected: (one) => one.valid,
    judge: (one) => succeeds(() => verify(Buffer.from(one.leaf, 'base64'), one.proof, { log })),
  });
}

describeVectors('receipts over a Tessera log (C2SP tlog-proof)', () => {
  it('accepts 122 and rejects 52 receipts [A1]', () => {
    expect(judgeReceipts(receipts.verifyReceipt)).toEqual({ accepted: 122, rejected: 52, wrong: [] });
  });

  it.each([
    ['lenient base64', 'ledger/encoding.ts', "if (bytes.toString('base64') !== text)", 'if (false)'],
    ['numbers in any form', 'ledger/encoding.ts', '/^(0|[1-9][0-9]{0,19})$/', '/^[+-]?[0-9]+$/'],
    [
      'known signatures that are not checked',
      'ledger/note.ts',
      'if (!verifier.verify(text, signature))',
      'if (false)',
    ],
    [
      'the tree not looked at',
      'ledger/receipt.ts',
      'if (!verifyInclusion(',
      'if (false && !verifyInclusion(',
    ],
  ])('would notice %s [A1 sabotage]', async (_, file, text, by) => {
    const twin = await sabotaged<typeof receipts>('ledger/receipt.ts', { in: file, text, by });
    expect(judgeReceipts(twin.verifyReceipt).wrong).not.toEqual([]);
  });
});

const sizes = Array.from({ length: 16 }, (_, size) => size);

/** The entries of a bundle: each after its length in two bytes. */
function unbundle(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
    entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
  return entries;
}

describeVectors('a Tessera log (C2SP tlog-checkpoint and tlog-tiles)', () => {
  const allEntries = () => unbundle(vectorBytes(`tlog/tessera/${tilePath('entries', 0, 15)}`));
  const rootOf = (size: number) => {
    const tree = new Frontier();
    for (const entry of allEntries().slice(0, size)) tree.append(leafHash(entry));
    return Buffer.from(tree.root());
  };

  it.each(sizes)('opens checkpoint %i: signature, origin, size and root [A1]', (size) => {
    const log = notes.parseVerifierKey(vectorText('tlog/tessera/vkey.txt').trim());
    const checkpoint = receipts.openCheckpoint(vectorBytes(`tlog/tessera/checkpoint.${size}`), { log });
    expect(checkpoint.origin).toBe('example.com/log/testdata');
    expect(checkpoint.size).toBe(BigInt(size));
    expect(rootOf(size).equals(checkpoint.root)).toBe(true);
  });

  it('writes the 15 hash tiles and 15 entry bundles byte for byte [A1]', () => {
    const entries = allEntries();
    expect(entries).toHaveLength(15);
    for (const size of sizes.slice(1)) {
      const shown = entries.slice(0, size);
      const tile = vectorBytes(`tlog/tessera/${tilePath(0, 0, size)}`);
      const bundle = vectorBytes(`tlog/tessera/${tilePath('entries', 0, size)}`);
      expect(Buffer.compare(hashTile(shown.map(leafHash)), tile)).toBe(0);
      expect(Buffer.compare(entryBundle(shown), bundle)).toBe(0);
    }
  });

  it('proves every later size a continuation of every earlier one', () => {
    const leaves = allEntries().map(leafHash);
    const hashOf = (start: number, end: number) => {
      const tree = new Frontier();
      for (const leaf of leaves.slice(start, end)) tree.append(leaf);
      return tree.root();
    };
    for (let size = 1; size <= 15; size++) {
      for (let oldSize = 1; oldSize <= size; oldSize++) {
        const path = consistencyRanges(oldSize, size).map(({ start, end }) => hashOf(start, end));
        const proof = { path, oldRoot: rootOf(oldSize), root: rootOf(size) };
        expect(verifyConsistency({ ...proof, oldSize: BigInt(oldSize), size: BigInt(size) })).toBe(true);
      }
    }
  });
});

describeVectors('C2SP samples', () => {
  it('verifies the signed note under its key', () => {
    const key = notes.parseVerifierKey(vectorText('tlog/c2sp/signed-note.vkey.txt').trim());
    const { text, signers } = notes.openNote(vectorBytes('tlog/c2sp/signed-note.txt'), [key]);
    expect(text).toBe('This is an example message.\n');
    expect(signers).toEqual([key]);
  });

  it('parts a note at the last empty line', () => {
    const { text, signatures } = notes.parseNote(vectorBytes('tlog/c2sp/signed-note-blank-line.txt'));
    expect(text).toContain('\n\n');
    expect(text.endsWith('ed è subito sera.\n')).toBe(true);
    expect(signatures.map(({ name }) => name)).toEqual(['quasimodo.example/salvatore']);
  });

  it('reads a checkpoint and its cosignature', () => {
    const plain = notes.parseNote(vectorBytes('tlog/c2sp/checkpoint.txt'));
    expect(parseCheckpoint(plain.text)).toMatchObject({
      origin: 'example.com/behind-the-sofa',
      size: 20852163n,
    });
    const { signatures } = notes.parseNote(vectorBytes('tlog/c2sp/cosigned-checkpoint.txt'));
    const witness = signatures.find(({ name }) => name === 'witness.example.com/w1')!;
    expect(witness.signature).toHaveLength(72);
    expect(notes.parseCosignature(witness.signature)).toMatchObject({ time: 1679315147n });
  });

  it('reads the checkpoint of a witness request: one name, two keys', () => {
    const request = vectorText('tlog/c2sp/add-checkpoint-request.txt');
    const { signatures } = notes.parseNote(request.slice(request.indexOf('\n\n') + 2));
    expect(new Set(signatures.map(({ name }) => name)).size).toBe(1);
    expect(new Set(signatures.map(({ keyId }) => keyId)).size).toBe(2);
  });

  it('refuses a receipt whose signatures are abbreviated', () => {
    const { checkpoint } = receipts.parseReceipt(vectorText('tlog/c2sp/tlog-proof-abbreviated.txt'));
    expect(() => notes.parseNote(checkpoint)).toThrow('canonical base64');
  });
});
