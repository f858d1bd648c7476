import type { z } from 'zod';
import * as fleet from '../../../domains/fleet/operations.ts';
import type { Level } from '../../../kernel/access/model.ts';
import type { RedisSource } from '../../../kernel/live/redis.ts';
import type { Mutation } from '../../../kernel/operation.ts';
import { Emitter, type Logging } from '../emitter.ts';
import { type ACLLevelInput, levelFrom } from '../levels.ts';
import type { CFNLoopMemoryManager } from './manager.ts';

export interface AgentLifecycleConfig extends Logging {
  /** Accepted as the seed has it: messages go out through the memory manager's Redis. */
  readonly redisClient?: RedisSource | undefined;
  /** Initialized before the first call. */
  readonly cfnMemoryManager: CFNLoopMemoryManager;
  readonly swarmId: string;
  readonly projectId?: string | undefined;
}

export interface AgentSpawn {
  readonly agentId: string;
  readonly name: string;
  readonly type: string;
  readonly swarmId: string;
  readonly teamId?: string | undefined;
  readonly projectId?: string | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly aclLevel: ACLLevelInput;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

export type AgentLifecycleEventType =
  | 'spawn'
  | 'update'
  | 'confidence_update'
  | 'task_assigned'
  | 'task_completed'
  | 'terminate'
  | 'error';

export interface AgentLifecycleEvent {
  readonly eventId: string;
  readonly eventType: AgentLifecycleEventType;
  readonly agentId: string;
  readonly agentType: string;
  readonly swarmId: string;
  readonly timestamp: number;
  readonly phase?: string;
  readonly iteration?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface AgentLifecycleMetrics {
  readonly lifecycleEvents: number;
  readonly agentRegistrations: number;
  readonly confidenceUpdates: number;
  readonly agentTerminations: number;
  readonly auditLogsWritten: number;
  readonly errors: number;
}

type Counted = Exclude<keyof AgentLifecycleMetrics, 'lifecycleEvents' | 'auditLogsWritten'>;

const shownTypes = [
  'spawn',
  'update',
  'confidence_update',
  'task_assigned',
  'task_completed',
  'terminate',
  'error',
] as const satisfies readonly AgentLifecycleEventType[];

const historyLimit = 100;

/**
 * Seed 000's history of agents: started, sure of their work, ended. Each call is one event, one audit row of category
 * `agent-lifecycle` and, for the two ends of a life, one message on `cfn-loop:agent-lifecycle`.
 */
export class AgentLifecycleSQLiteManager extends Emitter {
  readonly config: AgentLifecycleConfig;
  readonly #counts: Record<Counted, number> = {
    agentRegistrations: 0,
    confidenceUpdates: 0,
    agentTerminations: 0,
    errors: 0,
  };

  constructor(config: AgentLifecycleConfig) {
    super('AgentLifecycleSQLiteManager', config);
    this.config = config;
  }

  /** An agent that was terminated lives again. */
  async registerAgentSpawn(spawn: AgentSpawn): Promise<void> {
    const { agentId: id, name, type, capabilities, metadata } = spawn;
    const { swarmId: swarm = this.config.swarmId, teamId: team } = spawn;
    const level = levelFrom(spawn.aclLevel);
    const input = { id, swarm, team, name, type, capabilities, metadata, level };
    await this.#tell('agentRegistrations', fleet.spawn, id, input);
  }

  /** An agent that was never started is made. */
  async updateAgentConfidence(
    agentId: string,
    confidence: number,
    reasoning?: string,
    phase?: string,
    iteration?: number,
  ): Promise<void> {
    const level = await this.#levelOf(agentId);
    const input = { agent: agentId, confidence, reasoning, phase, iteration, level };
    await this.#tell('confidenceUpdates', fleet.reportConfidence, agentId, input);
  }

  /** Its leases end and its access with them. */
  async registerAgentTermination(agentId: string, reason: string = ''): Promise<void> {
    const level = await this.#levelOf(agentId);
    await this.#tell('agentTerminations', fleet.terminate, agentId, { agent: agentId, reason, level });
  }

  /** Newest first; 100 events unless asked otherwise. */
  async getAgentLifecycleHistory(
    agentId: string,
    options: { readonly limit?: number; readonly eventTypes?: readonly AgentLifecycleEventType[] } = {},
  ): Promise<AgentLifecycleEvent[]> {
    const { limit = historyLimit, eventTypes: types = shownTypes } = options;
    const session = this.config.cfnMemoryManager.session();
    const { events } = await session.actors.administer(fleet.lifecycle, { agent: agentId, types, limit });
    return events.map(eventOf);
  }

  getMetrics(): AgentLifecycleMetrics {
    const { agentRegistrations, confidenceUpdates, agentTerminations } = this.#counts;
    const lifecycleEvents = agentRegistrations + confidenceUpdates + agentTerminations;
    return { ...this.#counts, lifecycleEvents, auditLogsWritten: lifecycleEvents };
  }

  /** The memory manager stays open: it is the program's. */
  async shutdown(): Promise<void> {
    this.emit('shutdown', { swarmId: this.config.swarmId });
  }

  async #tell(counted: Counted, operation: Mutation, agentId: string, input: unknown): Promise<void> {
    const session = this.config.cfnMemoryManager.session();
    try {
      await session.administer(operation, `agent:${agentId}`, input);
      this.#counts[counted]++;
    } catch (error) {
      this.#counts.errors++;
      throw error;
    }
  }

  /**
   * What is said of an agent's work is for the level that it was started with, as the audience of this manager, which is
   * where histories are read. The manager is no member of the system: what would be for that is its own.
   */
  async #levelOf(agentId: string): Promise<Level | undefined> {
    const session = this.config.cfnMemoryManager.session();
    const level = (await session.actors.administer(fleet.get, { id: agentId }))?.level;
    return level === 'system' ? 'private' : level;
  }
}

type StoredEvent = z.output<typeof fleet.lifecycle.output>['events'][number];

function eventOf(event: StoredEvent): AgentLifecycleEvent {
  const { phase, iteration, data } = event;
  return {
    ...{ eventId: event.id, eventType: event.type as AgentLifecycleEventType, agentId: event.agent },
    ...{ agentType: event.agentType, swarmId: event.swarm, timestamp: event.at },
    ...(phase !== null && { phase }),
    ...(iteration !== null && { iteration }),
    metadata: data,
  };
}

export function createAgentLifecycleSQLiteManager(config: AgentLifecycleConfig): AgentLifecycleSQLiteManager {
  return new AgentLifecycleSQLiteManager(config);
}
