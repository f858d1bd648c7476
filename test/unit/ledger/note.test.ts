import { describe, expect, it } from 'vitest';
import { isRookeryError } from '../../../src/kernel/errors.ts';
import { encodeBase64 } from '../../../src/kernel/ledger/encoding.ts';
import * as notes from '../../../src/kernel/ledger/note.ts';
import {
  newSigningKey,
  type Signer,
  signerFromPem,
  signerFromSeed,
} from '../../../src/kernel/ledger/signer.ts';

const signer = (n: number): Signer => signerFromSeed(Buffer.alloc(32, n));
const text = 'rookery.example/log\n1\nroot\n';
const keyOf = (name: string, n: number) =>
  notes.parseVerifierKey(notes.formatVerifierKey(name, signer(n).publicKey));

/** A note with a signature line by each of the named signers. */
function signedBy(...signers: [name: string, n: number][]): string {
  const lines = signers.map(([name, n]) => notes.signNote(text, name, signer(n)).slice(text.length + 1));
  return `${text}\n${lines.join('')}`;
}

describe('signed notes', () => {
  it('open under the key they were signed with', () => {
    const note = signedBy(['a.example', 1]);
    expect(notes.openNote(note, [keyOf('a.example', 1)]).text).toBe(text);
    expect(notes.openNote(Buffer.from(note), [keyOf('a.example', 1)]).text).toBe(text);
  });

  it('are refused without a known signature, and for one bad one of a known key', () => {
    const note = signedBy(['a.example', 1]);
    expect(() => notes.openNote(note, [])).toThrow('no known key');
    expect(() => notes.openNote(note, [keyOf('a.example', 2)])).toThrow('no known key');
    expect(() => notes.openNote(note, [keyOf('b.example', 1)])).toThrow('no known key');
    const changed = note.replace('\n1\n', '\n2\n');
    expect(() => notes.openNote(changed, [keyOf('a.example', 1)])).toThrow('does not fit');
    const both = `${changed}${notes.signNote(changed.slice(0, text.length), 'b.example', signer(2)).slice(text.length + 1)}`;
    expect(notes.openNote(both, [keyOf('b.example', 2)]).signers).toHaveLength(1);
    expect(() => notes.openNote(both, [keyOf('b.example', 2), keyOf('a.example', 1)])).toThrow();
  });

  it('may carry 16 signatures and more', () => {
    const many = Array.from({ length: 40 }, (_, n): [string, number] => [`w${n}.example`, n]);
    const known = many.slice(24).map(([name, n]) => keyOf(name, n));
    expect(notes.openNote(signedBy(...many), known).signers).toHaveLength(16);
  });

  it.each([
    ['no signature', `${text}\n`],
    ['no empty line', signedBy(['a.example', 1]).replace('\n\n', '\n')],
    ['no final line feed', signedBy(['a.example', 1]).slice(0, -1)],
    ['a line after the signatures', `${signedBy(['a.example', 1])}x\n`],
    ['an empty line after the signatures', `${signedBy(['a.example', 1])}\n`],
    ['carriage returns', signedBy(['a.example', 1]).replaceAll('\n', '\r\n')],
    ['a hyphen for the dash', signedBy(['a.example', 1]).replace('—', '-')],
    ['two spaces', signedBy(['a.example', 1]).replace('a.example ', 'a.example  ')],
    ['unpadded base64', signedBy(['a.example', 1]).replace('=', '')],
    ['a signature that is only a key id', `${text}\n— a.example AAAAAA==\n`],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.of(0xff), Buffer.from(signedBy(['a.example', 1]))])],
    ['101 signatures', signedBy(...Array.from({ length: 101 }, (): [string, number] => ['a.example', 1]))],
  ])('are refused with %s', (_, note) => {
    expect(() => notes.parseNote(note)).toThrow(
      expect.toSatisfy((error: unknown) => isRookeryError(error, 'INVALID_INPUT')),
    );
  });

  it('are not signed under a name that could not be read back', () => {
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b']) {
      expect(() => notes.formatVerifierKey(name, signer(1).publicKey)).toThrow('key name');
    }
    expect(() => notes.signNote('no line feed', 'a', signer(1))).toThrow('line feed');
  });
});

describe('verifier keys', () => {
  it('are refused when the id is not the key’s own', () => {
    const key = notes.formatVerifierKey('a.example', signer(1).publicKey);
    expect(notes.parseVerifierKey(key)).toMatchObject({ name: 'a.example', type: 'ed25519' });
    const [name, id, encoded] = key.split('+', 3) as [string, string, string];
    const other = id.startsWith('0') ? `1${id.slice(1)}` : `0${id.slice(1)}`;
    for (const wrong of [
      `${name}+${other}+${key.slice(name.length + id.length + 2)}`,
      `b.example+${id}+${encoded}`,
      `${name}+${id.toUpperCase().replace(/\d/g, 'A')}+${encoded}`,
      `${name}+${id}`,
      'nonsense',
    ])
      expect(() => notes.parseVerifierKey(wrong)).toThrow('verifier key');
  });

  it('of a witness verify the text together with a time', () => {
    const [time, witness] = [1_700_000_000n, signer(7)];
    const id = notes.keyIdOf('w.example', notes.signatureTypes.cosignature, witness.publicKey);
    const key = Buffer.concat([Buffer.of(notes.signatureTypes.cosignature), witness.publicKey]);
    const verifier = notes.parseVerifierKey(`w.example+${id}+${encodeBase64(key)}`);
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(time);
    const signature = Buffer.concat([stamp, witness.sign(notes.cosignedText(text, time))]);
    expect(verifier.type).toBe('cosignature');
    expect(verifier.verify(text, signature)).toBe(true);
    expect(verifier.verify(`${text}x`, signature)).toBe(false);
    stamp.writeBigUInt64BE(time + 1n);
    expect(verifier.verify(text, Buffer.concat([stamp, signature.subarray(8)]))).toBe(false);
    expect(verifier.verify(text, witness.sign(text))).toBe(false);
    expect(verifier.verify(text, stamp)).toBe(false);
  });
});

describe('signing keys', () => {
  it('survive their file form', () => {
    const pem = newSigningKey();
    const [a, b] = [signerFromPem(pem), signerFromPem(pem)];
    expect(Buffer.compare(a.sign('x'), b.sign('x'))).toBe(0);
    expect(a.publicKey).toHaveLength(32);
  });
});
