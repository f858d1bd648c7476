import * as loop from '../../../domains/loop/operations.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { DualWrite, type DualWriteMetrics } from '../../../kernel/live/dual-write.ts';
import type { Mutation } from '../../../kernel/operation.ts';
import { Emitter } from '../emitter.ts';
import type { Role, RoleName, RoleOptions } from '../roles.ts';
import type { SharedStore } from '../store.ts';
import { type CFNLoopMemoryConfig, keepingOf, type MemoryOptions } from './options.ts';
import { LoopSession } from './session.ts';

/** What the loop of a phase goes on with after a restart. */
export interface LoopRecovery {
  readonly loop: 2 | 3 | 4;
  readonly action: string;
  readonly context: Readonly<Record<string, unknown>>;
}

export type {
  Loop2Consensus,
  Loop2ValidationResult,
  Loop3Confidence,
  Loop4Decision,
} from '../../../domains/loop/operations.ts';

/**
 * Seed 000's memory of the loop: confidences of agents, consensus of validators, decisions of the product owner. The
 * database is written first, then Redis; reads come from the database.
 *
 * Events: `initialized`, `shutdown`, `dualWriteFailure {key, error, store}`, `error`.
 */
export class CFNLoopMemoryManager extends Emitter {
  readonly config: CFNLoopMemoryConfig;
  #opening: Promise<LoopSession> | undefined;
  #session: LoopSession | undefined;
  #shutDown = false;

  constructor(config: CFNLoopMemoryConfig) {
    super('CFNLoopMemoryManager', config);
    this.config = config;
  }

  /** Opens the database, making it where there is none. A wrong key is refused here. Safe to repeat. */
  async initialize(): Promise<void> {
    this.#shutDown = false;
    this.#opening ??= this.#open();
    await this.#opening;
  }

  async #open(): Promise<LoopSession> {
    try {
      this.#session = await LoopSession.open(this.config, (failure) =>
        this.emit('dualWriteFailure', failure),
      );
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    this.emit('initialized', { swarmId: this.config.swarmId });
    return this.#session;
  }

  /** For the other objects of this door, which work on the same store. Throws while it is not initialized. */
  session(): LoopSession {
    if (this.#session) return this.#session;
    throw new Error('SQLite database not initialized');
  }

  /**
   * The store, for one more user of this door, opened where nobody has yet. Throws CLOSED after `shutdown`: nobody would
   * close it again.
   */
  async share(): Promise<SharedStore> {
    if (this.#shutDown) throw new RookeryError('CLOSED', 'the cfnMemoryManager is shut down');
    await this.initialize();
    return this.session().store.share();
  }

  /** Finishes what is queued and gives the database back; the Redis client stays the program's. Safe to repeat. */
  async shutdown(): Promise<void> {
    this.#shutDown = true;
    const session = await this.#opening?.catch(() => undefined);
    if (!session || session !== this.#session) return;
    this.#opening = undefined;
    this.#session = undefined;
    await session.close();
    this.emit('shutdown', { swarmId: this.config.swarmId });
  }

  /** An agent speaks for itself: another `agentId` in the options is refused. */
  async storeLoop3Confidence(data: loop.Loop3Confidence, options: MemoryOptions = {}): Promise<void> {
    const { agentId, ...said } = data;
    if ((options.agentId ?? agentId) !== agentId) throw new Error('Access denied');
    const key = loop.keys.confidence(said.phase, agentId);
    await this.#store(loop.reportConfidence, key, said, { ...options, agentId });
  }

  async storeLoop2Consensus(data: loop.Loop2Consensus, options: MemoryOptions = {}): Promise<void> {
    const { consensusId: id, validationResults = [], ...said } = data;
    const results = validationResults.map(({ validatorId: validator, ...result }) => ({
      validator,
      ...result,
    }));
    const key = loop.keys.consensus(said.phase, id);
    await this.#store(loop.recordConsensus, key, { id, ...said, validationResults: results }, options);
  }

  async storeLoop4Decision(data: loop.Loop4Decision, options: MemoryOptions = {}): Promise<void> {
    const { decisionId: id, ...said } = data;
    await this.#store(loop.decide, loop.keys.decision(said.phase, id), { id, ...said }, options);
  }

  async #store(operation: Mutation, key: string, record: object, options: MemoryOptions): Promise<void> {
    const session = this.session();
    if (!(await session.admits(options))) throw new Error('Access denied');
    const input = { ...record, swarm: this.config.swarmId, ...keepingOf(options) };
    await session.write(operation, options, key, input);
    this.log('debug', `stored ${key}`);
  }

  /** Those that the caller may read, newest first. */
  async getLoop3Confidence(phase: string, options: MemoryOptions = {}): Promise<loop.Loop3Confidence[]> {
    const found: loop.Loop3Confidence[] = [];
    for await (const page of this.session().pages(loop.confidences, options, { phase }))
      found.push(...page.confidences.map(loop.loop3Confidence));
    return found;
  }

  /** The most recent one; `null` where there is none that the caller may read. */
  async getLoop2Consensus(phase: string, options: MemoryOptions = {}): Promise<loop.Loop2Consensus | null> {
    const session = this.session();
    if (!(await session.admits(options))) return null;
    const input = { phase, swarm: this.config.swarmId };
    const found = await session.actors.invoke(loop.consensus, options, input);
    return found ? loop.loop2Consensus(found) : null;
  }

  /** Newest first; `[]` without the role. */
  async getLoop4DecisionHistory(phase: string, options: MemoryOptions = {}): Promise<loop.Loop4Decision[]> {
    const found: loop.Loop4Decision[] = [];
    for await (const page of this.session().pages(loop.decisions, options, { phase }))
      found.push(...page.decisions.map(loop.loop4Decision));
    return found;
  }

  /** Where the loop of a phase stands, by the database alone. */
  async recoverCFNLoopState(phase: string): Promise<LoopRecovery> {
    const input = { phase, swarm: this.config.swarmId };
    return (await this.session().actors.invoke(loop.state, {}, input)) as LoopRecovery;
  }

  /** Appoints an agent in the swarm: by `grantedBy`, which must hold a role that may, else by who holds the file. */
  async grantRole(agentId: string, role: RoleName, options?: RoleOptions): Promise<Role> {
    return await this.session().roles.grant(agentId, role, options);
  }

  async revokeRole(agentId: string, role: RoleName, options?: RoleOptions): Promise<boolean> {
    return await this.session().roles.revoke(agentId, role, options);
  }

  async listRoles(agentId: string): Promise<Role[]> {
    return await this.session().roles.list(agentId);
  }

  /** Of the stores of this manager since it was initialized. */
  getMetrics(): DualWriteMetrics {
    return this.#session?.metrics() ?? new DualWrite(undefined, systemClock, 0).metrics();
  }
}
