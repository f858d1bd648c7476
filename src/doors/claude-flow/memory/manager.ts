import type { z } from 'zod';
import * as memory from '../../../domains/memory/operations.ts';
import type { Operation } from '../../../kernel/operation.ts';
import { Emitter } from '../emitter.ts';
import { isDenied } from '../errors.ts';
import { type ACLLevel, numberOf } from '../levels.ts';
import { SharedStore } from '../store.ts';
import { MemoryMeter, type SwarmMemoryMetrics } from './meter.ts';
import {
  defaults,
  type MemoryCallOptions,
  type MemorySetOptions,
  type SwarmMemoryOptions,
  storeSettings,
} from './options.ts';
import { MemorySession } from './session.ts';

/** What `set` answers. The value is the caller's own: it stands in no event and no log. */
export interface StoredEntry {
  readonly id: string;
  readonly key: string;
  readonly value: unknown;
  readonly aclLevel: ACLLevel;
  readonly projectId: string;
  readonly scope: string;
  readonly version: number;
}

export interface MemoryStats {
  readonly total_memory_entries: number;
  /** As stored: compressed and encrypted. */
  readonly total_size_bytes: number;
  readonly avg_access_count: number;
  readonly entries_with_ttl: number;
  readonly compressed_entries: number;
  readonly encrypted_entries: number;
}

type StoredItem = z.output<typeof memory.set.output>;

/** What events tell of an entry; never its value. */
export interface EntryEvent {
  readonly key: string;
  readonly namespace: string;
  readonly agentId: string;
  /** Null where nothing was found. */
  readonly aclLevel: ACLLevel | null | undefined;
}

/**
 * Seed 001's memory of a swarm: entries under namespaced keys, each for one audience. Initialises itself at the first
 * call where `initialize` was not called.
 */
export class SwarmMemoryManager extends Emitter {
  readonly options: SwarmMemoryOptions;
  readonly #meter = new MemoryMeter();
  #opening: Promise<MemorySession> | undefined;
  #session: MemorySession | undefined;
  #closed = false;

  constructor(options: SwarmMemoryOptions = {}) {
    super('SwarmMemoryManager', options);
    this.options = options;
  }

  get isInitialized(): boolean {
    return this.#session !== undefined;
  }

  /** What it works with, once it is open. */
  get current(): MemorySession | undefined {
    return this.#session;
  }

  /** Opens the database, making it where there is none. A wrong key is refused here. Safe to repeat. */
  async initialize(): Promise<this> {
    await this.session();
    return this;
  }

  /** For the other objects of this door, which work on the same store. */
  session(): Promise<MemorySession> {
    if (this.#closed) return Promise.reject(new Error('Memory manager is closed'));
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<MemorySession> {
    const { store: given, dbPath = ':memory:', encryptionKey } = this.options;
    const rookery = storeSettings(this.options);
    const store = given?.share() ?? (await SharedStore.open({ dbPath, encryptionKey, rookery }));
    try {
      const session = new MemorySession(store, this.options);
      await session.actors.settle();
      this.#meter.begin(store.rookery.store.services.stored);
      this.#session = session;
      this.emit('initialized', { dbPath });
      return session;
    } catch (error) {
      await store.release();
      throw error;
    }
  }

  /** `null` for what is absent and for what the agent may not read. */
  async get(key: string, options: MemoryCallOptions = {}): Promise<unknown> {
    const found = await this.read(memory.get, options, (session) => session.address(key, options), null);
    this.emit('get', this.#seen(key, options, found && numberOf(found.level)));
    return found ? found.value : null;
  }

  /** Whether the agent could read it. */
  async has(key: string, options: MemoryCallOptions = {}): Promise<boolean> {
    return (
      await this.read(memory.has, options, (session) => session.address(key, options), { exists: false })
    ).exists;
  }

  async strlen(key: string, options: MemoryCallOptions = {}): Promise<number> {
    return (
      await this.read(memory.strlen, options, (session) => session.address(key, options), { length: 0 })
    ).length;
  }

  /** Rejects with `Access denied` where the agent is no member of the audience. */
  async set(key: string, value: unknown, options: MemorySetOptions = {}): Promise<StoredEntry> {
    const session = await this.session();
    const level = session.level(options.aclLevel ?? 'team');
    const { encrypt, compress, type = 'data' } = options;
    const item = await this.write(memory.set, options, {
      ...session.target(key, level, options),
      value,
      ttl: options.ttl ?? this.options.defaultTTL ?? defaults.defaultTTL,
      encrypt: encrypt === true || undefined,
      compress,
      type,
    });
    this.emit('set', this.#seen(key, options, numberOf(level)));
    return this.stored(item, value, options);
  }

  /** Whether there was something to delete that the agent may delete. */
  async delete(key: string, options: MemoryCallOptions = {}): Promise<boolean> {
    const { deleted } = await this.read(memory.remove, options, (session) => session.address(key, options), {
      deleted: false,
    });
    this.emit('delete', this.#seen(key, options, undefined));
    return deleted;
  }

  /** All entries of a namespace, or of all, whatever their audience: for holders of the system role. */
  async clear(options: MemoryCallOptions = {}): Promise<number> {
    const session = await this.session();
    try {
      return await this.#meter.timed(() => session.purge(options, options.namespace));
    } catch (error) {
      if (!isDenied(error)) throw error;
      this.#denied('*', options);
      throw new Error('System-level access required for clear operation', { cause: error });
    }
  }

  async getStats(): Promise<MemoryStats> {
    const stats = await (await this.session()).actors.administer(memory.stats, {});
    return {
      total_memory_entries: stats.entries,
      total_size_bytes: stats.sizeBytes,
      avg_access_count: stats.entries === 0 ? 0 : stats.accesses / stats.entries,
      entries_with_ttl: stats.withTtl,
      compressed_entries: stats.compressed,
      encrypted_entries: stats.encrypted,
    };
  }

  getMetrics(): SwarmMemoryMetrics {
    return this.#meter.metrics(this.#session?.actors.access);
  }

  clearACLCache(): void {
    this.#session?.actors.access.clear();
    this.emit('aclCacheCleared');
  }

  /** A copy in one file, verified before it gets its name. See `SharedStore.backup`. */
  async backup(path: string): Promise<string> {
    return await (await this.session()).store.backup(path);
  }

  async vacuum(): Promise<void> {
    await this.#optimize({ vacuum: true, analyze: false });
  }

  async analyze(): Promise<void> {
    await this.#optimize({ vacuum: false, analyze: true });
  }

  async optimize(): Promise<void> {
    await this.#optimize({ vacuum: true, analyze: true });
    this.clearACLCache();
  }

  async #optimize(what: { vacuum: boolean; analyze: boolean }): Promise<void> {
    await (await this.session()).store.rookery.store.engine.optimize(what);
  }

  /** Gives the database back, which finishes what is queued. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const session = await this.#opening?.catch(() => undefined);
    await session?.store.release();
    this.#session = undefined;
    this.emit('closed');
  }

  /** Runs a change as the agent of the call. */
  async write<Op extends Operation>(operation: Op, options: MemoryCallOptions, input: unknown) {
    const { actors } = await this.session();
    try {
      return await this.#meter.timed(() => actors.invoke(operation, options, input));
    } catch (error) {
      if (isDenied(error)) this.#denied((input as { key?: string }).key ?? '*', options);
      throw error;
    }
  }

  stored(item: StoredItem, value: unknown, options: MemoryCallOptions): StoredEntry {
    const { key, namespace, level, scope, revision: version } = item;
    const projectId = options.projectId ?? this.options.projectId ?? 'default';
    return { id: `${namespace}:${key}`, key, value, aclLevel: numberOf(level), projectId, scope, version };
  }

  /** Runs a read as the agent of the call. What may not be read is answered as what is not there. */
  async read<Op extends Operation, Miss>(
    operation: Op,
    options: MemoryCallOptions,
    input: (session: MemorySession) => Promise<unknown>,
    miss: Miss,
  ): Promise<z.output<Op['output']> | Miss> {
    const session = await this.session();
    try {
      return await this.#meter.timed(async () =>
        session.actors.invoke(operation, options, await input(session)),
      );
    } catch (error) {
      if (isDenied(error)) return miss;
      throw error;
    }
  }

  #seen(key: string, options: MemoryCallOptions, aclLevel: ACLLevel | null | undefined): EntryEvent {
    const { namespace = 'default', agentId = this.options.agentId ?? defaults.agentId } = options;
    return { key, namespace, agentId, aclLevel };
  }

  #denied(key: string, options: MemoryCallOptions): void {
    const { agentId, aclLevel } = options;
    this.emit('accessDenied', { key, agentId, aclLevel, context: { namespace: options.namespace } });
  }
}
