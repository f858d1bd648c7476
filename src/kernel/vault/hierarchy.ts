import type { KeyObject } from 'node:crypto';
import type { Random } from '../clock.ts';
import { invalid, RookeryError } from '../errors.ts';
import { signerFromSeed } from '../ledger/signer.ts';
import type { Transaction } from '../transaction.ts';
import type { Work } from '../work.ts';
import { keyIdLength } from './envelope.ts';
import {
  equalBytes,
  hkdf,
  hmac,
  keyLength,
  type NestedKey,
  nestedKey,
  secretKey,
  unwrapKey,
  wrapKey,
} from './primitives.ts';
import { type RootKeys, signingSeedOf } from './root.ts';
import {
  addKey,
  endKey,
  heldPrimary,
  type KeyRow,
  keyById,
  keysUnder,
  primaryKey,
  projectKeysUnderRoot,
  rewrap,
  wipeKey,
} from './statements.ts';

const wrapName = 'aes256-kwp';
const wholeStore = '';

/** A key that wraps others. */
export interface Wrapping {
  readonly id: string;
  readonly key: KeyObject;
}

/** What a project has for good, whatever keys are replaced. */
export interface Standing {
  /** Makes the pseudonyms of the ledger. */
  readonly names: NestedKey;
  /** Gives each agent a key of its own, see `agentKey`. */
  readonly agents: KeyObject;
}

/**
 * The keys above the data keys. The root key wraps the keys of the store: `store` authenticates the heads of ledgers and
 * stays for ever, `wrap` wraps the keys of projects and is replaced together with the root key, `signing` is the seed of
 * the checkpoints' signatures where no file holds it. Of a project, `project` is what its `Standing` comes from and stays
 * for ever; it also wraps the data keys, until a `wrap` key of the project takes that over.
 *
 * Rows hold wrapped keys only, and a row's parent never changes what is in it. What is remembered here is therefore never
 * stale: which key is current is asked of the store each time.
 */
export class Hierarchy {
  readonly #root: RootKeys;
  readonly #random: Random;
  /** Of the store and of projects, by id. */
  readonly #wrappings = new Map<string, Wrapping>();
  readonly #standing = new Map<string, Standing>();
  #authentication: KeyObject | undefined;

  constructor(root: RootKeys, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  /** Unwraps or creates the keys of the store. A root key that is not its own is refused before anything is written. */
  *unlock(now: number): Work<void> {
    const [first] = this.#root.candidates();
    let store = yield* primaryKey(wholeStore, 'store', '');
    if (!store) {
      const secret = this.#random.bytes(keyLength);
      yield* this.#add(
        wholeStore,
        { secret, purpose: 'store', under: { id: null, key: secretKey(first!) } },
        now,
      );
      store = (yield* primaryKey(wholeStore, 'store', ''))!;
    }
    const { root, secret } = this.#underRoot(store);
    this.#root.settle(root);
    this.#authentication = secretKey(derive(secret, 'rookery/head/v1'));
    if (yield* primaryKey(wholeStore, 'wrap', '')) return;
    const under = { id: null, key: secretKey(root) };
    yield* this.#add(wholeStore, { secret: this.#random.bytes(keyLength), purpose: 'wrap', under }, now);
    yield* this.#adoptProjects(root);
  }

  /** Keyed hash over a ledger head. */
  authenticate = (bytes: Uint8Array): Uint8Array => hmac(this.#authentication!, bytes);

  /** Undefined while the project has no key. */
  *standingOf(project: string): Work<Standing | undefined> {
    const known = this.#standing.get(project);
    if (known) return known;
    const row = yield* primaryKey(project, 'project', '');
    return row && standingFrom(yield* this.#unwrapped(row));
  }

  /** The same in a transaction, which makes the key of a project that has none. */
  *standingIn(tx: Transaction): Work<Standing> {
    const known = this.#standing.get(tx.project);
    if (known) return known;
    const standing = standingFrom(yield* this.#unwrapped(yield* this.#projectKey(tx)));
    tx.afterCommit(() => this.#standing.set(tx.project, standing));
    return standing;
  }

  /** The key that new data keys of a project are wrapped with. */
  *wrappingIn(tx: Transaction): Work<Wrapping> {
    const row = (yield* primaryKey(tx.project, 'wrap', '')) ?? (yield* this.#projectKey(tx));
    return yield* this.#wrappingOf(row);
  }

  /** Unwraps a data key. */
  *secretOf(project: string, row: KeyRow): Work<Buffer> {
    return open(yield* this.#wrappingAbove(project, row), row);
  }

  /** Adds a key with a secret of its own under another; answers its id. */
  *add(
    tx: Transaction,
    key: { readonly purpose: string; readonly scope: string; readonly state: 'pending' | 'primary' },
    under: Wrapping,
  ): Work<string> {
    return yield* this.#add(tx.project, { ...key, secret: this.#random.bytes(keyLength), under }, tx.now);
  }

  /** Puts another key between the project's own and its data keys: all of them are wrapped again, no record is touched. */
  *replaceWrapping(tx: Transaction): Work<void> {
    const from = yield* this.wrappingIn(tx);
    const under = yield* this.#wrappingOf((yield* heldPrimary(wholeStore, 'wrap'))!);
    const old = yield* primaryKey(tx.project, 'wrap', '');
    if (old) yield* endKey(tx.project, old.id);
    const id = yield* this.add(tx, { purpose: 'wrap', scope: '', state: 'primary' }, under);
    const to = yield* this.#wrappingOf((yield* keyById(tx.project, id))!);
    yield* this.#moveAll(from, to);
    if (old) yield* wipeKey(tx.project, old.id);
  }

  /** The seed of the checkpoints' signatures, where it survives the root key that it was derived from. */
  *signingSeed(): Work<Buffer | undefined> {
    const row = yield* primaryKey(wholeStore, 'signing', '');
    return row && this.#underRoot(row).secret;
  }

  /**
   * Puts another root key in the place of the store's, and a new key between it and the projects: all keys of projects
   * are wrapped again, no record is touched. What heads are authenticated with stays, and so does the key that checkpoints
   * are signed with, `publicKey`, where it was derived from the root key.
   */
  *replaceRoot(tx: Transaction, given: Uint8Array | undefined, publicKey: Uint8Array): Work<void> {
    if (!given && this.#root.given)
      throw invalid('masterKey', 'this store was opened with a key of its own: give the one to follow it');
    const next = given ?? this.#random.bytes(keyLength);
    const under = { id: null, key: secretKey(next) };
    const wrap = (yield* heldPrimary(wholeStore, 'wrap'))!;
    const from = yield* this.#wrappingOf(wrap);
    const current = yield* this.#rewrapUnderRoot(under.key);
    const seed = signingSeedOf(current);
    const derived = equalBytes(signerFromSeed(seed).publicKey, publicKey);
    if (derived) yield* this.#add(wholeStore, { secret: seed, purpose: 'signing', under }, tx.now);
    yield* endKey(wholeStore, wrap.id);
    const secret = this.#random.bytes(keyLength);
    const id = yield* this.#add(wholeStore, { secret, purpose: 'wrap', under }, tx.now);
    const to = { id, key: wrappingFrom(secret) };
    yield* this.#moveAll(from, to);
    this.#wrappings.set(id, to);
    yield* wipeKey(wholeStore, wrap.id);
    this.#root.settle(current);
    this.#root.prepare(next);
    tx.afterCommit(() => this.#root.adopt(next));
  }

  /** What stays of the store's own keys; answers the root key that they were under. */
  *#rewrapUnderRoot(next: KeyObject): Work<Uint8Array> {
    const store = (yield* primaryKey(wholeStore, 'store', ''))!;
    const { root, secret } = this.#underRoot(store);
    yield* rewrap(wholeStore, store.id, null, wrapKey(next, secret));
    const signing = yield* primaryKey(wholeStore, 'signing', '');
    if (signing) {
      const seed = this.#underRoot(signing).secret;
      yield* rewrap(wholeStore, signing.id, null, wrapKey(next, seed));
    }
    return root;
  }

  /** Stores of the first kind had the keys of projects under the root key. */
  *#adoptProjects(root: Uint8Array): Work<void> {
    const to = yield* this.#wrappingOf((yield* primaryKey(wholeStore, 'wrap', ''))!);
    for (;;) {
      const rows = yield* projectKeysUnderRoot();
      if (rows.length === 0) return;
      for (const row of rows) {
        const secret = open({ id: '', key: secretKey(root) }, row);
        yield* rewrap(row.project_id, row.id, to.id, wrapKey(to.key, secret));
      }
    }
  }

  *#moveAll(from: Wrapping, to: Wrapping): Work<void> {
    for (;;) {
      const rows = yield* keysUnder(from.id);
      if (rows.length === 0) return;
      for (const row of rows) yield* rewrap(row.project_id, row.id, to.id, wrapKey(to.key, open(from, row)));
    }
  }

  *#projectKey(tx: Transaction): Work<KeyRow> {
    const row = yield* primaryKey(tx.project, 'project', '');
    if (row) return row;
    const wrap = yield* heldPrimary(wholeStore, 'wrap');
    const under = yield* this.#wrappingOf(wrap!);
    yield* this.add(tx, { purpose: 'project', scope: '', state: 'primary' }, under);
    return (yield* primaryKey(tx.project, 'project', ''))!;
  }

  *#wrappingOf(row: KeyRow): Work<Wrapping> {
    const known = this.#wrappings.get(row.id);
    if (known) return known;
    const wrapping = { id: row.id, key: wrappingFrom(yield* this.#unwrapped(row)) };
    this.#wrappings.set(row.id, wrapping);
    return wrapping;
  }

  /** The secret of a key of the store or of a project. */
  *#unwrapped(row: KeyRow): Work<Buffer> {
    if (row.parent_id === null) return this.#underRoot(row).secret;
    return open(yield* this.#wrappingAbove(wholeStore, row), row);
  }

  /** The key above one, which lies in the given project or, with an empty name, is the store's. */
  *#wrappingAbove(project: string, { parent_id }: KeyRow): Work<Wrapping> {
    const known = this.#wrappings.get(parent_id ?? '');
    if (known) return known;
    const parent = yield* keyById(project, parent_id ?? '');
    if (!parent) throw new RookeryError('TAMPERED', 'the key above a stored key does not exist');
    return yield* this.#wrappingOf(parent);
  }

  /** What the root key wraps, and which of the candidates that was. */
  #underRoot(row: KeyRow): { root: Uint8Array; secret: Buffer } {
    for (const root of this.#root.candidates()) {
      try {
        return { root, secret: open({ id: '', key: secretKey(root) }, row) };
      } catch (error) {
        if ((error as RookeryError).code !== 'WRONG_KEY') throw error;
      }
    }
    throw new RookeryError(
      'WRONG_KEY',
      this.#authentication
        ? 'the root key was replaced since the store was opened: open it again with the new one'
        : 'the root key does not belong to this store',
    );
  }

  *#add(
    project: string,
    key: {
      readonly secret: Uint8Array;
      readonly purpose: string;
      readonly scope?: string;
      readonly state?: 'pending' | 'primary';
      readonly under: { readonly id: string | null; readonly key: KeyObject };
    },
    now: number,
  ): Work<string> {
    const { secret, purpose, scope = '', state = 'primary', under } = key;
    const id = Buffer.from(this.#random.bytes(keyIdLength)).toString('hex');
    const wrapped = wrapKey(under.key, secret);
    const row = { id, parent_id: under.id, purpose, scope, algorithm: wrapName, wrapped, state };
    yield* addKey(project, { ...row, commitment: commit(secret) }, now);
    return id;
  }
}

/** Throws WRONG_KEY when the key above is another one. */
function open(wrapping: Wrapping, row: KeyRow): Buffer {
  let secret: Buffer;
  try {
    secret = unwrapKey(wrapping.key, row.wrapped);
  } catch (cause) {
    throw new RookeryError('WRONG_KEY', 'the root key does not belong to this store', {}, { cause });
  }
  if (equalBytes(commit(secret), row.commitment)) return secret;
  throw new RookeryError('TAMPERED', 'a stored key does not match its commitment');
}

function standingFrom(secret: Uint8Array): Standing {
  return {
    names: nestedKey(secret, 'rookery/pseudonym/v1'),
    agents: secretKey(derive(secret, 'rookery/agents/v1')),
  };
}

function wrappingFrom(secret: Uint8Array): KeyObject {
  return secretKey(derive(secret, 'rookery/wrap/v1'));
}

export function derive(secret: Uint8Array, purpose: string): Buffer {
  return hkdf(secret, new Uint8Array(0), purpose, keyLength);
}

/** GCM and key wrap do not tell under which key something was made: each row carries a hash only its key yields. */
function commit(secret: Uint8Array): Buffer {
  return derive(secret, 'rookery/commit/v1');
}
