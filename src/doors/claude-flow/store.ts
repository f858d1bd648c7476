import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecretFile, memoryPath, rootKeyFileOf } from '../../folder.ts';
import { createFile } from '../../kernel/engines/sqlite/connection.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { openRookery, type Rookery, type RookeryOptions } from '../../rookery.ts';
import { fingerprintOf, type KeyMaterial, keyMaterialOf, rootKeyFrom } from './key-material.ts';

export interface OpenStoreOptions {
  /** A database file; `:memory:` for a store of its own that ends with its last user. */
  readonly dbPath: string;
  /** 32 bytes as they are, else at least 16 that are stretched; without any, see `keyMaterialOf`. */
  readonly encryptionKey?: KeyMaterial | undefined;
  /** What else the store beneath is opened with: `clock`, `redis` and the like. */
  readonly rookery?: Omit<RookeryOptions, 'path' | 'url' | 'masterKey' | 'agent' | 'project'>;
}

interface OpenStore {
  readonly path: string;
  readonly opening: Promise<Rookery>;
  /** Where nobody gave a key: the one that was made for a memory database, else none, as it lies beside the file. */
  readonly made?: Uint8Array | undefined;
  readonly keyGiven: boolean;
  users: number;
}

/** The stores of this process that are open: one for each path, key and set of options. */
const open = new Map<string, OpenStore>();

/**
 * An open store with one more user: managers on the same file and key work on the same one. It closes when its last
 * user has released it. A memory database is private to who opened it, and to whom that passes it with `share`.
 */
export class SharedStore {
  readonly rookery: Rookery;
  readonly path: string;
  readonly #name: string;
  readonly #entry: OpenStore;
  #released: Promise<void> | undefined;

  static async open(options: OpenStoreOptions): Promise<SharedStore> {
    const path = options.dbPath === memoryPath ? memoryPath : resolve(options.dbPath);
    const material = keyMaterialOf(options.encryptionKey);
    const name = nameOf(path, material, options.rookery);
    let entry = open.get(name);
    if (!entry) {
      const made = material === undefined && path === memoryPath ? randomBytes(32) : undefined;
      const opening = openAt(path, made ?? material, options.rookery);
      entry = { path, opening, made, keyGiven: material !== undefined, users: 0 };
      open.set(name, entry);
    }
    entry.users++;
    try {
      return new SharedStore(name, entry, await entry.opening);
    } catch (error) {
      if (--entry.users === 0) open.delete(name);
      throw error;
    }
  }

  private constructor(name: string, entry: OpenStore, rookery: Rookery) {
    this.rookery = rookery;
    this.path = entry.path;
    this.#name = name;
    this.#entry = entry;
  }

  /** The same store for one more user. */
  share(): SharedStore {
    if (this.#released) throw new RookeryError('CLOSED', 'the store is closed');
    this.#entry.users++;
    return new SharedStore(this.#name, this.#entry, this.rookery);
  }

  /**
   * A verified copy in one file, replacing what is there. Where nobody gave a key, the one in use is written beside the
   * copy as it lies beside the database, mode 0600: without it the copy could not be opened.
   */
  async backup(file: string): Promise<string> {
    const target = resolve(file);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    await this.rookery.store.backup(target);
    const key = this.#keyText();
    if (key !== undefined) {
      const keyFile = rootKeyFileOf(target);
      rmSync(keyFile, { force: true });
      createSecretFile(keyFile, key);
    }
    return target;
  }

  #keyText(): string | undefined {
    const { made, keyGiven, path } = this.#entry;
    if (made) return `${Buffer.from(made).toString('base64')}\n`;
    const file = rootKeyFileOf(path);
    return !keyGiven && existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  /** Gives the store back; the last user closes it, which finishes what is queued. Safe to repeat. */
  release(): Promise<void> {
    this.#released ??= this.#giveBack();
    return this.#released;
  }

  async #giveBack(): Promise<void> {
    if (--this.#entry.users > 0) return;
    if (open.get(this.#name) === this.#entry) open.delete(this.#name);
    await this.rookery.close();
  }
}

async function openAt(
  path: string,
  material: KeyMaterial | undefined,
  more: OpenStoreOptions['rookery'] = {},
): Promise<Rookery> {
  // An empty file first: a path without an ending would mean a folder where nothing is.
  if (path !== memoryPath) createFile(path);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new RookeryError('STORAGE_FAILED', `${path} is a folder: name the database file in it`, { path });
  const masterKey = material === undefined ? undefined : await rootKeyFrom(material, path);
  return await openRookery({ path, ...(masterKey && { masterKey }), ...more });
}

let memoryStores = 0;

function nameOf(
  path: string,
  material: KeyMaterial | undefined,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const key = material === undefined ? 'file' : fingerprintOf(material);
  const options = Object.entries(more).map(([option, value]) => `${option}=${identify(value)}`);
  const own = path === memoryPath ? [String(++memoryStores)] : [];
  return [path, ...own, key, ...options.sort()].join('\n');
}

const identities = new WeakMap<object, string>();
let objects = 0;

/** Clients, clocks and functions by which one they are; plain values by what they are. */
function identify(value: unknown): string {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return String(value);
  if (Object.getPrototypeOf(value) === Object.prototype) return JSON.stringify(value);
  let name = identities.get(value);
  if (name === undefined) {
    name = `#${++objects}`;
    identities.set(value, name);
  }
  return name;
}
