import { writeFile } from 'node:fs/promises';
import {
  type BenchmarkOptions,
  type BenchmarkResults,
  PerformanceBenchmarks,
} from '../benchmarks/benchmarks.ts';
import { Emitter } from '../emitter.ts';
import type { ACLLevelInput } from '../levels.ts';
import { MemoryStoreAdapter, type MemoryStoreOptions } from '../memory/adapter.ts';
import { type EntryEvent, type MemoryStats, SwarmMemoryManager } from '../memory/manager.ts';
import type { Vote } from '../redis/consensus.ts';
import { RedisCoordinator } from '../redis/coordinator.ts';
import { AgentRegistry } from '../registry/registry.ts';
import type { AgentFilter, AgentInfo, Permission, RegisteredAgent } from '../registry/shapes.ts';
import { type SQLiteMemorySystemOptions, type SystemSettings, systemSettings } from './options.ts';

export interface SystemMetrics {
  readonly startTime: number;
  readonly operations: number;
  readonly errors: number;
  readonly lastActivity: number | null;
  /** Milliseconds since `initialize`. */
  readonly uptime: number;
  readonly isInitialized: boolean;
  readonly components: Readonly<
    Record<'memoryManager' | 'memoryAdapter' | 'redisCoordinator' | 'agentRegistry', unknown>
  >;
}

const ownCapabilities = ['memory-management', 'acl-control', 'coordination', 'monitoring'];
const memoryNamespace = 'swarm-memory';
const coordinatorEvents = [
  'redisConnected',
  'redisDisconnected',
  'schemaUpdate',
  'migrationRequest',
  'consensusRequest',
  'consensusVote',
] as const;

/** Seed 001's whole: memory, agents and coordination of one swarm over one database. */
export class SQLiteMemorySystem extends Emitter {
  readonly options: SQLiteMemorySystemOptions;
  readonly settings: SystemSettings;
  redisCoordinator: RedisCoordinator | null = null;
  performanceBenchmarks: PerformanceBenchmarks | null = null;
  isInitialized = false;
  isShuttingDown = false;
  readonly metrics = { startTime: Date.now(), operations: 0, errors: 0, lastActivity: null as number | null };
  #memoryManager: SwarmMemoryManager | undefined;
  #memoryAdapter: MemoryStoreAdapter | undefined;
  #agentRegistry: AgentRegistry | undefined;
  #beginning: Promise<this> | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: SQLiteMemorySystemOptions = {}) {
    super('SQLiteMemorySystem', options);
    this.options = options;
    this.settings = systemSettings(options);
  }

  /** This and the two below: from `initialize` on; throws before. */
  get memoryManager(): SwarmMemoryManager {
    return this.#memoryManager ?? uninitialised('Memory manager');
  }

  get memoryAdapter(): MemoryStoreAdapter {
    return this.#memoryAdapter ?? uninitialised('Memory adapter');
  }

  get agentRegistry(): AgentRegistry {
    return this.#agentRegistry ?? uninitialised('Agent registry');
  }

  /** Resolves also while Redis is away. Rejects where the database cannot be opened: a wrong key, for example. */
  async initialize(): Promise<this> {
    if (this.#ending) throw new Error('Memory system is shut down');
    this.#beginning ??= this.#begin().catch(async (error: unknown) => {
      this.metrics.errors++;
      await this.#close();
      this.#beginning = undefined;
      throw error;
    });
    return await this.#beginning;
  }

  async #begin(): Promise<this> {
    const { redisConfig, enableRedisCoordination, enablePerformanceMonitoring, benchmarkOutputDir } =
      this.settings;
    const { swarmId, agentId, dbPath } = this.settings;
    const memoryManager = new SwarmMemoryManager({ ...this.options, ...this.settings });
    this.#watch(memoryManager);
    await memoryManager.initialize();
    this.#memoryManager = memoryManager;
    this.#memoryAdapter = this.#adapter({ namespace: memoryNamespace });
    this.#agentRegistry = new AgentRegistry({ memoryManager, ...this.#logging });
    this.agentRegistry.on('agentRegistered', (agent) => this.emit('agentRegistered', agent));
    const own = { id: agentId, name: 'SQLite Memory System', type: 'system', capabilities: ownCapabilities };
    await this.agentRegistry.registerAgent(own);
    if (enableRedisCoordination) await this.#coordinate(memoryManager, { redisConfig, swarmId, agentId });
    if (enablePerformanceMonitoring)
      this.performanceBenchmarks = new PerformanceBenchmarks({ dbPath, outputDir: benchmarkOutputDir });
    this.metrics.startTime = Date.now();
    this.isInitialized = true;
    this.emit('initialized', { swarmId });
    return this;
  }

  get #logging() {
    return { debug: this.options.debug, logLevel: this.options.logLevel };
  }

  #watch(memoryManager: SwarmMemoryManager): void {
    memoryManager.on('error', (error) => this.#failed(error));
    for (const type of ['get', 'set', 'delete'] as const)
      memoryManager.on(type, ({ key, namespace, aclLevel }: EntryEvent) => {
        this.#counted();
        this.log('debug', `${type} in ${namespace} at level ${aclLevel ?? 'none'}`);
        this.emit('memoryOperation', { type, data: { key, namespace, aclLevel } });
      });
  }

  async #coordinate(
    memoryManager: SwarmMemoryManager,
    options: Pick<SystemSettings, 'redisConfig' | 'swarmId' | 'agentId'>,
  ): Promise<void> {
    const coordinator = new RedisCoordinator({ ...options, memoryManager, ...this.#logging });
    this.redisCoordinator = coordinator;
    coordinator.on('error', (error) => this.#failed(error));
    for (const event of coordinatorEvents) coordinator.on(event, (told) => this.emit(event, told));
    coordinator.on('shutdownRequest', () => void this.gracefulShutdown());
    await coordinator.initialize();
  }

  async registerAgent(info: AgentInfo & { readonly id?: string | undefined } = {}): Promise<RegisteredAgent> {
    return await this.#counting(this.agentRegistry).registerAgent(info);
  }

  /** `undefined` for one that is not registered. */
  async getAgent(agentId: string): Promise<RegisteredAgent | undefined> {
    return await this.#counting(this.agentRegistry).getAgent(agentId);
  }

  async listAgents(filter: AgentFilter = {}): Promise<RegisteredAgent[]> {
    return await this.#counting(this.agentRegistry).listAgents(filter);
  }

  async grantPermission(
    agentId: string,
    resourceType: string,
    level: ACLLevelInput,
    actions: readonly string[],
  ): Promise<Permission> {
    return await this.#counting(this.agentRegistry).grantPermission(agentId, resourceType, level, actions);
  }

  async hasPermission(
    agentId: string,
    resourceType: string,
    action: string,
    level: ACLLevelInput = 3,
  ): Promise<boolean> {
    return await this.#counting(this.agentRegistry).hasPermission(agentId, resourceType, action, level);
  }

  /** Opens a vote of the swarm. Answers its id. */
  async requestConsensus(targetId: string, targetType: string, threshold = 0.9): Promise<string> {
    return await this.#counting(this.#coordinator()).requestConsensus(targetId, targetType, threshold);
  }

  async submitVote(consensusId: string, vote: Vote, confidence?: number): Promise<string> {
    return await this.#counting(this.#coordinator()).submitVote(consensusId, vote, confidence);
  }

  /** An adapter on this system's store, under its own namespace; initialised at its first call. */
  createMemoryAdapter(options: MemoryStoreOptions = {}): MemoryStoreAdapter {
    return this.#adapter(options);
  }

  #adapter(options: MemoryStoreOptions): MemoryStoreAdapter {
    return new MemoryStoreAdapter({ ...this.#logging, ...options, memoryManager: this.memoryManager });
  }

  async getMemoryStats(): Promise<MemoryStats> {
    return await this.#counting(this.memoryManager).getStats();
  }

  async getSystemMetrics(): Promise<SystemMetrics> {
    const { isInitialized, metrics } = this;
    const adapter = await this.#memoryAdapter?.getStats();
    return {
      ...metrics,
      uptime: isInitialized ? Date.now() - metrics.startTime : 0,
      isInitialized,
      components: {
        memoryManager: this.#memoryManager?.getMetrics() ?? null,
        memoryAdapter: adapter ? adapter.adapter : null,
        redisCoordinator: this.redisCoordinator?.getMetrics() ?? null,
        agentRegistry: this.#agentRegistry?.getMetrics() ?? null,
      },
    };
  }

  /** Measures in a database of its own. */
  async runBenchmarks(options: BenchmarkOptions = {}): Promise<BenchmarkResults> {
    if (!this.performanceBenchmarks) throw new Error('Performance monitoring not enabled');
    const results = await this.performanceBenchmarks.run(options);
    this.emit('benchmarksCompleted', results);
    return results;
  }

  /** A verified copy of the database, and the registry as JSON beside it. */
  async backup(path: string): Promise<{ backupFile: string; registryFile: string }> {
    const backupFile = await this.#counting(this.memoryManager).backup(path);
    const registryFile = `${backupFile}-registry.json`;
    const state = await this.agentRegistry.exportState();
    await writeFile(registryFile, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    return { backupFile, registryFile };
  }

  async optimize(): Promise<void> {
    await this.#counting(this.memoryManager).optimize();
  }

  /** Finishes what is queued, tells the others, and closes. Safe to repeat. */
  async gracefulShutdown(): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #end(): Promise<void> {
    this.isShuttingDown = true;
    await this.#beginning?.catch(() => {});
    await this.#close();
    this.isInitialized = false;
    this.emit('shutdown');
  }

  /** Gives back whatever was opened. */
  async #close(): Promise<void> {
    try {
      await this.redisCoordinator?.shutdown();
    } finally {
      await this.#memoryAdapter?.close();
      await this.#memoryManager?.close();
    }
  }

  #counting<T>(component: T): T {
    this.#counted();
    return component;
  }

  #counted(): void {
    this.metrics.operations++;
    this.metrics.lastActivity = Date.now();
  }

  #failed(error: unknown): void {
    this.metrics.errors++;
    this.fail(error);
  }

  #coordinator(): RedisCoordinator {
    return this.redisCoordinator ?? uninitialised('Redis coordinator');
  }
}

function uninitialised(component: string): never {
  throw new Error(`${component} not initialized`);
}
