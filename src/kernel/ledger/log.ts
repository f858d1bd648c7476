import type { Random } from '../clock.ts';
import { randomText } from '../ids.ts';
import type { Work } from '../work.ts';
import { decodeBase64, encodeBase64 } from './encoding.ts';
import { formatVerifierKey, parseVerifierKey, signNote, type Verifier } from './note.ts';
import type { Signer } from './signer.ts';
import { addStoreValue, storeValue, storeValues } from './statements.ts';

/**
 * The store as a transparency log. Each project is a log of its own; its name, the *origin*, is made of the store's
 * id, which is drawn once when the store is made, and of the project. All are signed with one key.
 */
export class Log {
  readonly storeId: string;
  readonly #signer: Signer;
  readonly #publicKeys: readonly Uint8Array[];

  constructor(storeId: string, signer: Signer, publicKeys: readonly Uint8Array[]) {
    this.storeId = storeId;
    this.#signer = signer;
    this.#publicKeys = publicKeys;
  }

  /** `rookery.local/<store id>/<project>`; what a key name may not hold is percent-encoded. */
  originOf(project: string): string {
    return `rookery.local/${this.storeId}/${encodeURIComponent(project)}`;
  }

  get publicKey(): Uint8Array {
    return this.#signer.publicKey;
  }

  sign(project: string, text: string): string {
    return signNote(text, this.originOf(project), this.#signer);
  }

  /** What an outsider needs in order to verify: the C2SP verifier key of the project's log. */
  verifierKeyOf(project: string): string {
    return formatVerifierKey(this.originOf(project), this.#signer.publicKey);
  }

  /** Verifier keys that this store signed with before its key file was lost or replaced. */
  formerKeysOf(project: string): string[] {
    const current = encodeBase64(this.#signer.publicKey);
    return this.#publicKeys
      .filter((key) => encodeBase64(key) !== current)
      .map((key) => formatVerifierKey(this.originOf(project), key));
  }

  /** Every key under which a stored checkpoint may stand, the current one first. */
  verifiersOf(project: string): Verifier[] {
    return [this.verifierKeyOf(project), ...this.formerKeysOf(project)].map(parseVerifierKey);
  }
}

const storeIdName = 'id';
const storeIdLength = 20; // 100 bits
const keyPrefix = 'signing-key/';

/**
 * Names the store at its first opening and remembers every public key it has signed with, each under the root key's
 * authentication: a key that somebody adds by SQL is not believed.
 */
export function* establishLog(options: {
  readonly signer: Signer;
  readonly random: Random;
  readonly authenticate: (bytes: Uint8Array) => Uint8Array;
}): Work<Log> {
  const { signer, random } = options;
  const mark = (key: string) =>
    encodeBase64(options.authenticate(Buffer.from(`rookery/signing-key/v1\n${key}\n`)));
  let row = yield* storeValue(storeIdName);
  if (!row) {
    yield* addStoreValue(storeIdName, randomText(storeIdLength, random));
    row = yield* storeValue(storeIdName);
  }
  const current = encodeBase64(signer.publicKey);
  if (!(yield* storeValue(keyPrefix + current))) yield* addStoreValue(keyPrefix + current, mark(current));
  const known = (yield* storeValues(keyPrefix)).map(({ name, value }) => ({
    key: name.slice(keyPrefix.length),
    mark: value,
  }));
  const publicKeys = known
    .filter((entry) => entry.mark === mark(entry.key))
    .map((entry) => decodeBase64('signing key', entry.key));
  return new Log(row!.value, signer, publicKeys);
}
