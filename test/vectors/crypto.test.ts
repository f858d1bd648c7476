import { expect, it } from 'vitest';
import { isRookeryError } from '../../src/kernel/errors.ts';
import * as signing from '../../src/kernel/ledger/signer.ts';
import * as primitives from '../../src/kernel/vault/primitives.ts';
import { sabotaged } from '../support/sabotage.ts';
import { describeVectors, tally, vectorCases } from '../support/vectors.ts';

interface Published<Case, Group> {
  readonly testGroups: readonly (Group & {
    readonly tests: readonly (Case & { tcId: number; result: 'valid' | 'invalid' })[];
  })[];
}

/** The cases of a Wycheproof file, each with the members of its group. */
function wycheproof<Case, Group = unknown>(file: string) {
  const { testGroups } = vectorCases<Published<Case, Group>>(`crypto/${file}`);
  return testGroups.flatMap((group) => group.tests.map((test) => ({ ...group, ...test })));
}

const published = {
  name: (one: { tcId: number }) => `tcId ${one.tcId}`,
  expected: (one: { result: string }) => one.result === 'valid',
};
const hex = (text: string) => Buffer.from(text, 'hex');

/** Whether an act succeeds; a refusal must be one of our own errors, with nothing handed out. */
function accepted(act: () => boolean, code: 'TAMPERED' | 'WRONG_KEY'): boolean {
  try {
    return act();
  } catch (error) {
    if (isRookeryError(error, code)) return false;
    throw error;
  }
}

type Sealed = Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>;
const sealedCases = () => wycheproof<Sealed>('aes-256-gcm.json');

describeVectors('Wycheproof AES-256-GCM through open and seal', () => {
  it('opens 39 and refuses 27 records [A1]', () => {
    const judge = (one: Sealed) =>
      accepted(() => {
        const key = primitives.secretKey(hex(one.key));
        const sealed = Buffer.concat([hex(one.ct), hex(one.tag)]);
        const plaintext = primitives.open(key, hex(one.iv), hex(one.aad), sealed);
        return plaintext.equals(hex(one.msg));
      }, 'TAMPERED');
    expect(tally(sealedCases(), { ...published, judge })).toEqual({ accepted: 39, rejected: 27, wrong: [] });
  });

  it('seals the 39 to the same bytes', () => {
    const valid = sealedCases().filter(({ result }) => result === 'valid');
    for (const one of valid) {
      const key = primitives.secretKey(hex(one.key));
      const sealed = primitives.seal(key, hex(one.iv), hex(one.aad), hex(one.msg));
      expect(sealed.toString('hex')).toBe(one.ct + one.tag);
    }
  });

  /** How many of the valid records still open with their tag cut to 0 … 15 bytes. */
  const openCut = (open: typeof primitives.open) => {
    let opened = 0;
    for (const one of sealedCases().filter(({ result }) => result === 'valid')) {
      for (let length = 0; length < primitives.tagLength; length++) {
        const cut = Buffer.concat([hex(one.ct), hex(one.tag).subarray(0, length)]);
        try {
          open(primitives.secretKey(hex(one.key)), hex(one.iv), hex(one.aad), cut);
          opened++;
        } catch (error) {
          expect((error as { code?: string }).code).toBe('TAMPERED');
        }
      }
    }
    return opened;
  };

  it('refuses tags of 0 to 15 bytes [A3]', () => {
    expect(openCut(primitives.open)).toBe(0);
  });

  it('would notice an unchecked tag length [A1 sabotage]', async () => {
    const twin = await sabotaged<typeof primitives>('vault/primitives.ts', {
      text: 'export const tagLength = 16;',
      by: 'export const tagLength = 4;',
    });
    expect(openCut(twin.open)).toBeGreaterThan(0);
  });
});

describeVectors('Wycheproof AES-256 key wrap with padding through wrapKey and unwrapKey', () => {
  it('unwraps 25 and refuses 69 blobs [A1]', () => {
    const cases = wycheproof<Record<'key' | 'msg' | 'ct', string>>('aes-256-kwp.json');
    const judge = (one: (typeof cases)[number]) =>
      accepted(
        () => primitives.unwrapKey(primitives.secretKey(hex(one.key)), hex(one.ct)).equals(hex(one.msg)),
        'WRONG_KEY',
      );
    expect(tally(cases, { ...published, judge })).toEqual({ accepted: 25, rejected: 69, wrong: [] });
    for (const one of cases.filter(({ result }) => result === 'valid')) {
      const wrapped = primitives.wrapKey(primitives.secretKey(hex(one.key)), hex(one.msg));
      expect(wrapped.toString('hex')).toBe(one.ct);
    }
  });
});

describeVectors('Wycheproof HKDF-SHA-256 through hkdf', () => {
  it('derives 83 and refuses 3 [A1]', () => {
    const cases = wycheproof<Record<'ikm' | 'salt' | 'info' | 'okm', string> & { size: number }>(
      'hkdf-sha256.json',
    );
    const judge = (one: (typeof cases)[number]) => {
      try {
        return primitives.hkdf(hex(one.ikm), hex(one.salt), hex(one.info), one.size).equals(hex(one.okm));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return false;
      }
    };
    expect(tally(cases, { ...published, judge })).toEqual({ accepted: 83, rejected: 3, wrong: [] });
  });
});

describeVectors('Wycheproof HMAC-SHA-256 through hmac and equalBytes', () => {
  it('accepts 66 and rejects 108 [A1]', () => {
    const cases = wycheproof<Record<'key' | 'msg' | 'tag', string>, { tagSize: number }>('hmac-sha256.json');
    const judge = (one: (typeof cases)[number]) => {
      const mac = primitives.hmac(primitives.secretKey(hex(one.key)), hex(one.msg));
      return primitives.equalBytes(mac.subarray(0, one.tagSize / 8), hex(one.tag));
    };
    expect(tally(cases, { ...published, judge })).toEqual({ accepted: 66, rejected: 108, wrong: [] });
  });
});

describeVectors('Wycheproof Ed25519 through signatureCheck', () => {
  const judged = (check: typeof signing.signatureCheck) => {
    const cases = wycheproof<Record<'msg' | 'sig', string>, { publicKey: { pk: string } }>('ed25519.json');
    const judge = (one: (typeof cases)[number]) => check(hex(one.publicKey.pk))(hex(one.msg), hex(one.sig));
    return tally(cases, { ...published, judge });
  };

  it('accepts 88 and rejects 63 signatures [A1]', () => {
    expect(judged(signing.signatureCheck)).toEqual({ accepted: 88, rejected: 63, wrong: [] });
  });

  it('would notice signatures that are only looked at for their length [A1 sabotage]', async () => {
    const twin = await sabotaged<typeof signing>('ledger/signer.ts', {
      text: 'signature.length === signatureLength && verify(',
      by: 'signature.length === signatureLength || verify(',
    });
    expect(judged(twin.signatureCheck).wrong).not.toEqual([]);
  });
});
