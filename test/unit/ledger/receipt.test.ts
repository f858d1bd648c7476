import { describe, expect, it } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from '../../../src/kernel/ledger/checkpoint.ts';
import { formatVerifierKey, parseVerifierKey, signNote } from '../../../src/kernel/ledger/note.ts';
import * as receipts from '../../../src/kernel/ledger/receipt.ts';
import { signerFromSeed } from '../../../src/kernel/ledger/signer.ts';
import { tilePath } from '../../../src/kernel/ledger/tiles.ts';
import { emptyRoot, Frontier, inclusionRanges, leafHash } from '../../../src/kernel/ledger/tree.ts';
import { sabotaged } from '../../support/sabotage.ts';

const origin = 'rookery.example/log';
const signer = signerFromSeed(Buffer.alloc(32, 1));
const log = parseVerifierKey(formatVerifierKey(origin, signer.publicKey));
const entries = Array.from({ length: 1000 }, (_, i) => `{"actor":"agent-${i}","seq":${i + 1},"v":1}`);

function rootOf(start: number, end: number): Uint8Array {
  const tree = new Frontier();
  for (const entry of entries.slice(start, end)) tree.append(leafHash(entry));
  return tree.root();
}

function receiptOf(index: number, size = entries.length): string {
  const text = formatCheckpoint({ origin, size: BigInt(size), root: rootOf(0, size) });
  const path = inclusionRanges(index, size).map(({ start, end }) => rootOf(start, end));
  return receipts.formatReceipt({ index: BigInt(index), path, checkpoint: signNote(text, origin, signer) });
}

/** Every text that differs from a given one in one bit, as bytes. */
function* flips(bytes: Buffer): Generator<Buffer> {
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}

function acceptedFlips(verify: typeof receipts.verifyReceipt, leaf: Buffer, proof: Buffer): number {
  const accepts = (entry: Buffer, receipt: Buffer) => {
    try {
      return verify(entry, receipt, { log }) !== undefined;
    } catch {
      return false;
    }
  };
  expect(accepts(leaf, proof)).toBe(true);
  let accepted = 0;
  for (const flipped of flips(proof)) if (accepts(leaf, flipped)) accepted++;
  for (const flipped of flips(leaf)) if (accepts(flipped, proof)) accepted++;
  return accepted;
}

describe('receipts', () => {
  it('say where an entry is', () => {
    const { index, checkpoint } = receipts.verifyReceipt(entries[41]!, receiptOf(41), { log });
    expect([index, checkpoint.size, checkpoint.origin]).toEqual([41n, 1000n, origin]);
  });

  it('are rejected with any bit flipped, in the receipt or in the entry [A2]', () => {
    const proof = Buffer.from(receiptOf(773));
    const leaf = Buffer.from(entries[773]!);
    expect(8 * (proof.length + leaf.length)).toBeGreaterThan(5000);
    expect(acceptedFlips(receipts.verifyReceipt, leaf, proof)).toBe(0);
  });

  it('would notice lenient base64 [A2 sabotage]', async () => {
    const twin = await sabotaged<typeof receipts>('ledger/receipt.ts', {
      in: 'ledger/encoding.ts',
      text: "if (bytes.toString('base64') !== text)",
      by: 'if (false)',
    });
    const proof = Buffer.from(receiptOf(773));
    expect(acceptedFlips(twin.verifyReceipt, Buffer.from(entries[773]!), proof)).toBeGreaterThan(0);
  });

  it('count only with the quorum of witnesses that their reader asks for', () => {
    const trust = { log, witnesses: [], quorum: 1 };
    expect(() => receipts.verifyReceipt(entries[0]!, receiptOf(0), trust)).toThrow(
      '0 witnesses have cosigned, 1 are needed',
    );
  });

  it('are refused when another log signed under its own name', () => {
    const other = formatCheckpoint({ origin: 'other.example', size: 1n, root: leafHash('x') });
    const proof = receipts.formatReceipt({
      index: 0n,
      path: [],
      checkpoint: signNote(other, origin, signer),
    });
    expect(() => receipts.verifyReceipt('x', proof, { log })).toThrow('of other.example, not of');
  });
});

describe('checkpoints', () => {
  const root = Buffer.from(emptyRoot).toString('base64');
  it.each([
    ['a size with a leading zero', `o\n01\n${root}\n`],
    ['a negative size', `o\n-1\n${root}\n`],
    ['a size past 2^64', `o\n18446744073709551616\n${root}\n`],
    ['no origin', `\n1\n${root}\n`],
    ['no final line feed', `o\n1\n${root}`],
    ['a short root', 'o\n1\nAAAA\n'],
    ['an empty extension line', `o\n1\n${root}\n\nx\n`],
    ['a root over nothing that is not the empty one', `o\n0\n${Buffer.alloc(32).toString('base64')}\n`],
  ])('are refused with %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow('checkpoint');
  });

  it('may have extension lines', () => {
    expect(parseCheckpoint(`o\n0\n${root}\nextension\n`)).toMatchObject({ origin: 'o', size: 0n });
  });
});

it('names tiles in groups of three digits', () => {
  expect(tilePath(0, 0)).toBe('tile/0/000');
  expect(tilePath(1, 1234067)).toBe('tile/1/x001/x234/067');
  expect(tilePath('entries', 1000, 7)).toBe('tile/entries/x001/000.p/7');
});
