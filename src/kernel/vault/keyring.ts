import { hash, type KeyObject } from 'node:crypto';
import type { Random } from '../clock.ts';
import { RookeryError } from '../errors.ts';
import type { Transaction } from '../transaction.ts';
import type { Work } from '../work.ts';
import type { DataKey } from './data-key.ts';
import { derive, Hierarchy, type Standing } from './hierarchy.ts';
import { hmac, nestedKey, nestedMac, secretKey } from './primitives.ts';
import type { RootKeys } from './root.ts';
import { type KeyRow, keyById, keysOf, primaryKey, reserveUses, wearOut } from './statements.ts';

/** Uses are reserved before they happen, in blocks: a crash can only count too many. */
const useBlock = 2 ** 16;
/** Random 96-bit nonces are safe for 2^32 uses of a key (NIST SP 800-38D); a new one is made long before. */
const usesMax = 2 ** 30;

/**
 * The keys of one open store. Remembers only what is committed, and a primary key only for the key epoch at which it was
 * one: each commit reads the epoch with the head, so no process seals under a key that another one has replaced.
 */
export class Keyring {
  readonly hierarchy: Hierarchy;
  readonly #primaries = new Map<string, { readonly epoch: number; readonly key: DataKey }>();
  readonly #byId = new Map<string, DataKey>();

  constructor(root: RootKeys, random: Random) {
    this.hierarchy = new Hierarchy(root, random);
  }

  /** Unwraps or creates the store's keys. A root key that is not this store's is refused here, before anything else. */
  unlock(now: number): Work<void> {
    return this.hierarchy.unlock(now);
  }

  /** Keyed hash over a ledger head. */
  authenticate = (bytes: Uint8Array): Uint8Array => this.hierarchy.authenticate(bytes);

  /** A name as the ledger knows it: the same name gives the same pseudonym, and nobody without the key can guess. */
  *pseudonym(tx: Transaction, kind: string, name: string): Work<string> {
    return pseudonymOf(yield* this.hierarchy.standingIn(tx), kind, name);
  }

  /** The same outside a transaction; undefined while the project has no key, and so no entries. */
  *pseudonymIfAny(project: string, kind: string, name: string): Work<string | undefined> {
    return (yield* this.pseudonyms(project))?.(kind, name);
  }

  /** The same for many names, with one look at the store. */
  *pseudonyms(project: string): Work<((kind: string, name: string) => string) | undefined> {
    const standing = yield* this.hierarchy.standingOf(project);
    return standing && ((kind, name) => pseudonymOf(standing, kind, name));
  }

  /** The key of what one agent has said, as the store vouches for it: no agent can make another's proof. */
  *agentKey(tx: Transaction, agent: string): Work<KeyObject> {
    return agentKeyOf(yield* this.hierarchy.standingIn(tx), agent);
  }

  /** The same outside a transaction; undefined while the project has no key. */
  *agentKeyIfAny(project: string, agent: string): Work<KeyObject | undefined> {
    const standing = yield* this.hierarchy.standingOf(project);
    return standing && agentKeyOf(standing, agent);
  }

  /** The scope's current data key, made at its first use. */
  *primary(tx: Transaction, scope: string): Work<DataKey> {
    const place = cacheKey(tx.project, scope);
    const epoch = tx.keyEpoch;
    const remembered = this.#primaries.get(place);
    if (remembered && remembered.epoch === epoch) return remembered.key;
    if (remembered) this.forget(tx.project);
    let row = yield* primaryKey(tx.project, 'data', scope);
    if (!row) {
      yield* this.draft(tx, scope, 'primary');
      row = (yield* primaryKey(tx.project, 'data', scope))!;
    }
    const key = yield* this.#dataKey(tx.project, row);
    if (epoch !== undefined) tx.afterCommit(() => this.#primaries.set(place, { epoch, key }));
    return key;
  }

  /** Adds a data key for a scope; answers its id. */
  *draft(tx: Transaction, scope: string, state: 'pending' | 'primary'): Work<string> {
    const under = yield* this.hierarchy.wrappingIn(tx);
    return yield* this.hierarchy.add(tx, { purpose: 'data', scope, state }, under);
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
      yield* wearOut(tx.project, id);
      tx.keysChanged();
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
    const place = cacheKey(project, hex(id));
    const cached = this.#byId.get(place);
    if (cached) return cached;
    const row = yield* keyById(project, hex(id));
    if (row?.purpose !== 'data') {
      throw new RookeryError('TAMPERED', 'the key of this record does not exist');
    }
    if (row.retired_at !== null || row.state === 'destroyed') {
      throw new RookeryError('TAMPERED', `the key of this record is ${row.state} and opens nothing any more`);
    }
    const key = yield* this.#dataKey(project, row);
    this.#byId.set(place, key);
    return key;
  }

  /**
   * The keys a scope has and had, for verification: a commitment was salted with the one that was current then. A retired
   * one opens nothing and still tells that; of a destroyed one nothing is left. Never creates one.
   */
  *ofScope(project: string, scope: string): Work<DataKey[]> {
    const keys: DataKey[] = [];
    for (const row of yield* keysOf(project, 'data', scope)) {
      if (row.state !== 'destroyed') keys.push(yield* this.#dataKey(project, row));
    }
    return keys;
  }

  /** Drops what is remembered of a project's data keys. What JavaScript has copied of them is beyond reach. */
  forget(project: string): void {
    for (const cache of [this.#primaries, this.#byId]) {
      for (const place of cache.keys()) if (place.startsWith(`${project}\n`)) cache.delete(place);
    }
  }

  /** Projects of which data keys are remembered. */
  remembered(): Set<string> {
    const places = [...this.#primaries.keys(), ...this.#byId.keys()];
    return new Set(places.map((place) => place.slice(0, place.indexOf('\n'))));
  }

  *#dataKey(project: string, row: KeyRow): Work<DataKey> {
    const secret = yield* this.hierarchy.secretOf(project, row);
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

function pseudonymOf({ names }: Standing, kind: string, name: string): string {
  return `${kind}/${nestedMac(names, `${kind}\n${name}`, 'base64url').slice(0, pseudonymLength)}`;
}

function agentKeyOf({ agents }: Standing, agent: string): KeyObject {
  return secretKey(hmac(agents, agent));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function cacheKey(project: string, name: string): string {
  return `${project}\n${name}`;
}
