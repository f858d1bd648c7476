import { join } from 'node:path';
import * as memory from '../../../domains/memory/operations.ts';
import { limits } from '../../../kernel/limits.ts';
import { Emitter } from '../emitter.ts';
import { type MemoryStats, type StoredEntry, SwarmMemoryManager } from './manager.ts';
import type { SwarmMemoryMetrics } from './meter.ts';
import {
  defaults,
  type MemoryCallOptions,
  type MemorySetOptions,
  type SwarmMemoryOptions,
} from './options.ts';
import type { MemorySession } from './session.ts';
import { allKeys, entriesOf, type KeyListing, type KeyValues, pagesOf } from './several.ts';

export interface MemoryStoreOptions extends SwarmMemoryOptions {
  /** Where keys lie that are given without one. Default `memory-store`. */
  readonly namespace?: string | undefined;
  /** The manager to work with, in place of one of its own; it is not closed with the adapter. */
  readonly memoryManager?: SwarmMemoryManager | undefined;
}

export interface MemoryStoreStats extends MemoryStats {
  readonly adapter: {
    readonly gets: number;
    readonly sets: number;
    readonly deletes: number;
    readonly hits: number;
    readonly misses: number;
    readonly hitRate: number;
    readonly namespace: string;
    readonly swarmId: string;
  };
  readonly performance: SwarmMemoryMetrics;
}

const forwarded = ['get', 'set', 'delete', 'accessDenied', 'aclCacheCleared', 'error'] as const;
const nothingCounted = { gets: 0, sets: 0, deletes: 0, hits: 0, misses: 0 };

/** Seed 001's key-value store over the memory of a swarm: one namespace, team level where nothing is said. */
export class MemoryStoreAdapter extends Emitter {
  readonly namespace: string;
  readonly #manager: SwarmMemoryManager;
  readonly #own: boolean;
  readonly #options: MemoryStoreOptions;
  readonly #forwards = new Map<string, (event: unknown) => void>();
  #counts = { ...nothingCounted };
  #ready: Promise<void> | undefined;

  constructor(options: MemoryStoreOptions = {}) {
    super('MemoryStoreAdapter', options);
    const { memoryManager, namespace = 'memory-store', ...own } = options;
    this.namespace = namespace;
    this.#options = options;
    this.#own = memoryManager === undefined;
    this.#manager = memoryManager ?? new SwarmMemoryManager(own);
    for (const event of forwarded) this.#forward(event);
  }

  #forward(event: (typeof forwarded)[number]): void {
    const forward = (told: unknown) => (event === 'error' ? this.fail(told) : this.emit(event, told));
    this.#forwards.set(event, forward);
    this.#manager.on(event, forward);
  }

  /** Safe to repeat; any call does it. */
  async initialize(): Promise<this> {
    this.#ready ??= this.#begin().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    await this.#ready;
    return this;
  }

  async #begin(): Promise<void> {
    await this.#manager.initialize();
    this.emit('adapterInitialized', { namespace: this.namespace });
  }

  async get(key: string, options: MemoryCallOptions = {}): Promise<unknown> {
    const value = await (await this.#started()).get(key, this.#placed(options));
    this.#counted(value !== null);
    return value;
  }

  async set(key: string, value: unknown, options: MemorySetOptions = {}): Promise<StoredEntry> {
    const manager = await this.#started();
    const stored = await manager.set(key, value, {
      ...this.#placed(options),
      ttl: this.#ttlOf(options),
    });
    this.#counts.sets++;
    this.emit('setItem', { key, namespace: stored.id.slice(0, -key.length - 1), aclLevel: stored.aclLevel });
    return stored;
  }

  async delete(key: string, options: MemoryCallOptions = {}): Promise<boolean> {
    const deleted = await (await this.#started()).delete(key, this.#placed(options));
    this.#counts.deletes++;
    if (deleted) this.emit('deleteItem', { key, namespace: this.namespace });
    return deleted;
  }

  async has(key: string, options: MemoryCallOptions = {}): Promise<boolean> {
    return await (await this.#started()).has(key, this.#placed(options));
  }

  /** The adapter's namespace, or with `clearAll` every one: for holders of the system role. Answers how many. */
  async clear(options: MemoryCallOptions & { readonly clearAll?: boolean } = {}): Promise<number> {
    const { clearAll = false, ...rest } = options;
    const { namespace: _, ...everywhere } = rest;
    const cleared = await (await this.#started()).clear(clearAll ? everywhere : this.#placed(rest));
    this.emit('clear', { namespace: clearAll ? null : this.namespace, count: cleared });
    return cleared;
  }

  /** Values in the order of the keys, `null` for what is missing. */
  async mget(keys: readonly string[], options: MemoryCallOptions = {}): Promise<unknown[]> {
    const manager = await this.#started();
    const placed = this.#placed(options);
    const found: unknown[] = [];
    for (const page of pagesOf(keys, limits.batchItems)) {
      const asked = async (session: MemorySession) => {
        const { key: _, ...where } = await session.address(page[0]!, placed);
        return { ...where, keys: page };
      };
      const { values } = await manager.read(memory.mget, placed, asked, { values: page.map(() => null) });
      found.push(...values.map((item) => (item ? item.value : null)));
    }
    for (const value of found) this.#counted(value !== null);
    return found;
  }

  /** All or none, in one transaction: an object, a map, or pairs of key and value. */
  async mset(values: KeyValues, options: MemorySetOptions = {}): Promise<StoredEntry[]> {
    const manager = await this.#started();
    const { session, placed } = await this.#address(options);
    const entries = entriesOf(values);
    if (entries.length === 0) return [];
    const level = session.level(placed.aclLevel ?? 'team');
    const { key: _, ...target } = session.target('', level, placed);
    const { encrypt, compress, type = 'data' } = options;
    const { items } = await manager.write(memory.mset, placed, {
      ...target,
      entries,
      ttl: this.#ttlOf(options),
      encrypt: encrypt === true || undefined,
      compress,
      type,
    });
    this.#counts.sets += items.length;
    return items.map((item, i) => manager.stored(item, entries[i]!.value, placed));
  }

  /** Keys that the agent can read, the newest first, each once. */
  async keys(options: KeyListing = {}): Promise<string[]> {
    return await allKeys(await this.#started(), this.#placed(options), options);
  }

  /** Entries whose keys match a glob (`*`, `?`), by key. */
  async getPattern(pattern: string, options: MemoryCallOptions = {}): Promise<Record<string, unknown>> {
    const keys = await this.keys({ ...options, pattern });
    const values = await this.mget(keys, options);
    const found = keys.map((key, i) => [key, values[i]] as const);
    return Object.fromEntries(found.filter(([, value]) => value !== null));
  }

  /** `ttl` in seconds. */
  async setex(
    key: string,
    ttl: number,
    value: unknown,
    options: MemorySetOptions = {},
  ): Promise<StoredEntry> {
    return await this.set(key, value, { ...options, ttl });
  }

  async incr(key: string, options: MemorySetOptions = {}): Promise<number> {
    return await this.incrby(key, 1, options);
  }

  async decr(key: string, options: MemorySetOptions = {}): Promise<number> {
    return await this.incrby(key, -1, options);
  }

  /**
   * A missing key counts from 0, and lives as long as one that is set. One that is there keeps its time. What holds no
   * number is refused and stays.
   */
  async incrby(key: string, by: number, options: MemorySetOptions = {}): Promise<number> {
    const initialTtl = this.#ttlOf({});
    return (await this.#rewrite(memory.incr, key, options, { by, initialTtl })).value;
  }

  async decrby(key: string, by: number, options: MemorySetOptions = {}): Promise<number> {
    return await this.incrby(key, -by, options);
  }

  /** The value before; `null` where there was none. */
  async getset(key: string, value: unknown, options: MemorySetOptions = {}): Promise<unknown> {
    const ttl = this.#ttlOf(options);
    const { value: before } = await this.#rewrite(memory.getset, key, { ...options, ttl }, { value });
    return before;
  }

  async getdel(key: string, options: MemoryCallOptions = {}): Promise<unknown> {
    const manager = await this.#started();
    const placed = this.#placed(options);
    const item = await manager.read(memory.getdel, placed, (session) => session.address(key, placed), null);
    this.#counted(item !== null);
    return item ? item.value : null;
  }

  /** The new length. A missing key starts empty, and lives as long as one that is set. */
  async append(key: string, text: string, options: MemorySetOptions = {}): Promise<number> {
    const initialTtl = this.#ttlOf({});
    return (await this.#rewrite(memory.append, key, options, { text, initialTtl })).length;
  }

  async strlen(key: string, options: MemoryCallOptions = {}): Promise<number> {
    return await (await this.#started()).strlen(key, this.#placed(options));
  }

  async getStats(): Promise<MemoryStoreStats> {
    const manager = await this.#started();
    const { hits, misses } = this.#counts;
    const { swarmId = defaults.swarmId } = manager.options;
    const hitRate = hits + misses === 0 ? 0 : hits / (hits + misses);
    return {
      ...(await manager.getStats()),
      adapter: { ...this.#counts, hitRate, namespace: this.namespace, swarmId },
      performance: manager.getMetrics(),
    };
  }

  /** A copy of the whole database in a folder, under a name with namespace and time. Answers the file. */
  async backup(folder: string): Promise<string> {
    const manager = await this.#started();
    const name = this.namespace.replace(/[^\w.-]/g, '_');
    const time = new Date().toISOString().replace(/:/g, '-');
    const file = await manager.backup(join(folder, `memory-store-backup-${name}-${time}.db`));
    this.emit('backup', { file });
    return file;
  }

  async optimize(): Promise<void> {
    await (await this.#started()).optimize();
    this.emit('optimized');
  }

  resetMetrics(): void {
    this.#counts = { ...nothingCounted };
  }

  getMemoryManager(): SwarmMemoryManager {
    return this.#manager;
  }

  /** Closes a manager of its own; one that was given stays open. */
  async close(): Promise<void> {
    for (const [event, forward] of this.#forwards) this.#manager.off(event, forward);
    if (this.#own) await this.#manager.close();
    this.emit('adapterClosed', { namespace: this.namespace });
  }

  /** A change of what is there, in one step, at the level that the call names. */
  async #rewrite<Op extends typeof memory.incr | typeof memory.getset | typeof memory.append>(
    operation: Op,
    key: string,
    options: MemorySetOptions,
    change: object,
  ) {
    const manager = await this.#started();
    const { session, placed } = await this.#address(options);
    const { ttl, encrypt, compress, type } = options;
    const level = session.level(placed.aclLevel ?? 'team');
    const how = { ttl: ttl ?? undefined, encrypt: encrypt === true || undefined, compress, type };
    return await manager.write(operation, placed, {
      ...session.target(key, level, placed),
      ...how,
      ...change,
    });
  }

  async #started(): Promise<SwarmMemoryManager> {
    await this.initialize();
    return this.#manager;
  }

  async #address<Options extends MemoryCallOptions>(options: Options) {
    const manager = await this.#started();
    return { session: await manager.session(), placed: this.#placed(options) };
  }

  /** What the call says, else the adapter, else its manager. */
  #ttlOf({ ttl }: MemorySetOptions): number {
    return ttl ?? this.#options.defaultTTL ?? this.#manager.options.defaultTTL ?? defaults.defaultTTL;
  }

  #placed<Options extends MemoryCallOptions>(options: Options): Options {
    return { ...options, namespace: options.namespace ?? this.namespace };
  }

  #counted(hit: boolean): void {
    this.#counts.gets++;
    if (hit) this.#counts.hits++;
    else this.#counts.misses++;
  }
}
