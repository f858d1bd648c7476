import { hash, type KeyObject } from 'node:crypto';
import type { Random } from '../clock.ts';
import type { Transaction } from '../commit.ts';
import { RookeryError } from '../errors.ts';
import type { Work } from '../work.ts';
import { keyIdLength } from './envelope.ts';
import {
  equalBytes,
  hkdf,
  hmac,
  keyLength,
  type NestedKey,
  nestedKey,
  nestedMac,
  secretKey,
  unwrapKey,
  wrapKey,
} from './primitives.ts';
import { addKey, type KeyRow, keyById, keysOf, primaryKey, reserveUses, retireKey } from './statements.ts';

/**
 * The key hierarchy: root key → store key and project keys → one data key per scope. Rows hold wrapped keys only. From
 * a data key three keys are derived, so that no key serves two purposes: one encrypts, one commits (GCM itself does
 * not tell under which key a ciphertext was made), one salts the ledger's commitments.
 */
export interface DataKey {
  readonly id: Uint8Array;
  readonly encryption: KeyObject;
  readonly salt: NestedKey;
  /** Encryptions left of the block that was reserved on disk. */
  left: number;
}

interface ProjectKey {
  readonly id: string;
  readonly wrapping: KeyObject;
  readonly pseudonym: NestedKey;
  /** Gives each agent a key of its own, see `agentKey`. */
  readonly agents: KeyObject;
}

const wrapName = 'aes256-kwp';
/** Uses are reserved before they happen, in blocks: a crash can only count too many. */
const useBlock = 2 ** 16;
/** Random 96-bit nonces are safe for 2^32 uses of a key (NIST SP 800-38D); a new one is made long before. */
const usesMax = 2 ** 30;
const storeProject = '';

/** The keys of one open store. Caches only what is committed. */
export class Keyring {
  readonly #root: KeyObject;
  readonly #random: Random;
  readonly #projects = new Map<string, ProjectKey>();
  readonly #primaries = new Map<string, DataKey>();
  readonly #byId = new Map<string, DataKey>();
  #authentication: KeyObject | undefined;

  constructor(rootKey: Uint8Array, random: Random) {
    if (rootKey.length !== keyLength) {
      throw new RookeryError(
        'WRONG_KEY',
        `the root key must have ${keyLength} bytes, this one has ${rootKey.length}`,
      );
    }
    this.#root = secretKey(rootKey);
    this.#random = random;
  }

  /** Unwraps or creates the store key. A root key that is not this store's is refused here, before anything else. */
  *unlock(now: number): Work<void> {
    let row = yield* primaryKey(storeProject, 'store', '');
    if (!row) {
      yield* this.#create(storeProject, 'store', '', this.#root, null, now);
      row = yield* primaryKey(storeProject, 'store', '');
    }
    this.#authentication = secretKey(derive(this.#unwrap(this.#root, row!), 'rookery/head/v1'));
  }

  /** Keyed hash over a ledger head. */
  authenticate = (bytes: Uint8Array): Uint8Array => hmac(this.#authentication!, bytes);

  /** A name as the ledger knows it: the same name gives the same pseudonym, and nobody without the key can guess. */
  *pseudonym(tx: Transaction, kind: string, name: string): Work<string> {
    const key = yield* this.#projectKey(tx);
    return pseudonymOf(key, kind, name);
  }

  /** The same outside a transaction; undefined while the project has no key, and so no entries. */
  *pseudonymIfAny(project: string, kind: string, name: string): Work<string | undefined> {
    return (yield* this.pseudonyms(project))?.(kind, name);
  }

  /** The same for many names, with one look at the store. */
  *pseudonyms(project: string): Work<((kind: string, name: string) => string) | undefined> {
    const key = yield* this.#knownProjectKey(project);
    return key && ((kind, name) => pseudonymOf(key, kind, name));
  }

  /** The key of what one agent has said, as the store vouches for it: no agent can make another's proof. */
  *agentKey(tx: Transaction, agent: string): Work<KeyObject> {
    return agentKeyOf(yield* this.#projectKey(tx), agent);
  }

  /** The same outside a transaction; undefined while the project has no key. */
  *agentKeyIfAny(project: string, agent: string): Work<KeyObject | undefined> {
    const key = yield* this.#knownProjectKey(project);
    return key && agentKeyOf(key, agent);
  }

  /** The scope's current data key, made at its first use. */
  *primary(tx: Transaction, scope: string): Work<DataKey> {
    const cached = this.#primaries.get(cacheKey(tx.project, scope));
    if (cached) return cached;
    const parent = yield* this.#projectKey(tx);
    let row = yield* primaryKey(tx.project, 'data', scope);
    if (!row) {
      yield* this.#create(tx.project, 'data', scope, parent.wrapping, parent.id, tx.now);
      row = yield* primaryKey(tx.project, 'data', scope);
    }
    const key = this.#dataKey(parent, row!);
    tx.afterCommit(() => this.#primaries.set(cacheKey(tx.project, scope), key));
    return key;
  }

  /** Accounts for one encryption under the scope's key and answers the key to use. */
  *forEncryption(tx: Transaction, scope: string): Work<DataKey> {
    const key = yield* this.primary(tx, scope);
    if (key.left > 0) {
      key.left--;
      return key;
    }
    const id = hex(key.id);
    yield* reserveUses(tx.project, id, useBlock);
    const row = yield* keyById(tx.project, id);
    if (row!.uses > usesMax) {
      yield* retireKey(tx.project, id);
      this.#primaries.delete(cacheKey(tx.project, scope));
      return yield* this.forEncryption(tx, scope);
    }
    tx.afterCommit(() => {
      key.left = useBlock - 1;
    });
    return key;
  }

  /** A data key by the id in an envelope. */
  *byId(project: string, id: Uint8Array): Work<DataKey> {
    const cached = this.#byId.get(cacheKey(project, hex(id)));
    if (cached) return cached;
    const parent = yield* this.#knownProjectKey(project);
    const row = yield* keyById(project, hex(id));
    if (!parent || !row || row.purpose !== 'data') {
      throw new RookeryError('TAMPERED', 'the key of this record does not exist');
    }
    const key = this.#dataKey(parent, row);
    this.#byId.set(cacheKey(project, hex(id)), key);
    return key;
  }

  /**
   * The keys a scope has and had, for verification: a commitment was salted with the one that was current then. Never
   * creates one.
   */
  *ofScope(project: string, scope: string): Work<DataKey[]> {
    const parent = yield* this.#knownProjectKey(project);
    if (!parent) return [];
    const rows = yield* keysOf(project, 'data', scope);
    return rows.map((row) => this.#dataKey(parent, row));
  }

  *#projectKey(tx: Transaction): Work<ProjectKey> {
    const known = this.#projects.get(tx.project);
    if (known) return known;
    let row = yield* primaryKey(tx.project, 'project', '');
    if (!row) {
      yield* this.#create(tx.project, 'project', '', this.#root, null, tx.now);
      row = yield* primaryKey(tx.project, 'project', '');
    }
    const key = this.#decodeProjectKey(row!);
    tx.afterCommit(() => this.#projects.set(tx.project, key));
    return key;
  }

  *#knownProjectKey(project: string): Work<ProjectKey | undefined> {
    const known = this.#projects.get(project);
    if (known) return known;
    const row = yield* primaryKey(project, 'project', '');
    return row && this.#decodeProjectKey(row);
  }

  *#create(
    project: string,
    purpose: string,
    scope: string,
    wrapping: KeyObject,
    parent: string | null,
    now: number,
  ): Work<void> {
    const secret = this.#random.bytes(keyLength);
    const id = hex(this.#random.bytes(keyIdLength));
    const wrapped = wrapKey(wrapping, secret);
    const commitment = commit(secret);
    yield* addKey(
      project,
      { id, parent_id: parent, purpose, scope, algorithm: wrapName, wrapped, commitment },
      now,
    );
  }

  #unwrap(wrapping: KeyObject, row: KeyRow): Buffer {
    let secret: Buffer;
    try {
      secret = unwrapKey(wrapping, row.wrapped);
    } catch (cause) {
      throw new RookeryError('WRONG_KEY', 'the root key does not belong to this store', {}, { cause });
    }
    if (!equalBytes(commit(secret), row.commitment)) {
      throw new RookeryError('TAMPERED', 'a stored key does not match its commitment');
    }
    return secret;
  }

  #decodeProjectKey(row: KeyRow): ProjectKey {
    const secret = this.#unwrap(this.#root, row);
    const wrapping = secretKey(derive(secret, 'rookery/wrap/v1'));
    const pseudonym = nestedKey(secret, 'rookery/pseudonym/v1');
    return { id: row.id, wrapping, pseudonym, agents: secretKey(derive(secret, 'rookery/agents/v1')) };
  }

  #dataKey(parent: ProjectKey, row: KeyRow): DataKey {
    const secret = this.#unwrap(parent.wrapping, row);
    return {
      id: Buffer.from(row.id, 'hex'),
      encryption: secretKey(derive(secret, 'rookery/enc/v1')),
      salt: nestedKey(secret, 'rookery/salt/v1'),
      left: 0,
    };
  }
}

/**
 * A salted commitment to content: SHA-256(salt ‖ content), the salt being MAC(scope's salt key, resource ‖ revision).
 * One entry can be opened to an outsider by its salt alone; when the scope's key is destroyed, no content can be
 * guessed from the ledger any more.
 */
export function commitment(key: DataKey, resource: string, revision: number, content: string): string {
  const salt = nestedMac(key.salt, `${resource}\n${revision}`, 'hex');
  return hash('sha256', salt + content, 'base64url');
}

const pseudonymLength = 22; // 132 bits

function pseudonymOf(key: ProjectKey, kind: string, name: string): string {
  return `${kind}/${nestedMac(key.pseudonym, `${kind}\n${name}`, 'base64url').slice(0, pseudonymLength)}`;
}

function agentKeyOf({ agents }: ProjectKey, agent: string): KeyObject {
  return secretKey(hmac(agents, agent));
}

function derive(secret: Uint8Array, purpose: string): Buffer {
  return hkdf(secret, new Uint8Array(0), purpose, keyLength);
}

function commit(secret: Uint8Array): Buffer {
  return derive(secret, 'rookery/commit/v1');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function cacheKey(project: string, name: string): string {
  return `${project}\n${name}`;
}
