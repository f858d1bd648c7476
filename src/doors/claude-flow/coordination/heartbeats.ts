import type { z } from 'zod';
import { gapIn } from '../../../domains/fleet/coordinators/model.ts';
import * as coordinators from '../../../domains/fleet/coordinators/operations.ts';
import { checkedCount, checkedId } from './ids.ts';
import { Monitor, type MonitorConfig } from './monitor.ts';
import type { CoordinationSession } from './session.ts';

export interface HeartbeatWarningConfig extends MonitorConfig {
  /** How often monitoring looks, in milliseconds. Default 10000. */
  readonly monitorInterval?: number | undefined;
  /** Silence that is more than this is a warning, in milliseconds. Default 120000. */
  readonly staleThreshold?: number | undefined;
  /** The warning that is a death. Default 3. */
  readonly maxWarnings?: number | undefined;
}

export interface HeartbeatRecord {
  readonly coordinatorId: string;
  readonly lastHeartbeat: number;
  readonly sequence: number;
  readonly iteration: number;
  readonly metadata?: HeartbeatMetadata;
}

export interface HeartbeatMetadata {
  readonly phase?: string;
  readonly agentCount?: number;
  readonly status?: string;
}

export type CoordinatorHealth = 'healthy' | 'warning' | 'critical' | 'dead';

/** Told by the `error` event of the monitor that was the first to notice. */
export class DeadCoordinatorError extends Error {
  readonly coordinatorId: string;

  constructor(coordinatorId: string, reason: string) {
    super(`Coordinator ${coordinatorId} is dead: ${reason}`);
    this.name = 'DeadCoordinatorError';
    this.coordinatorId = coordinatorId;
  }
}

type Coordinator = NonNullable<z.output<typeof coordinators.get.output>>;
type Findings = z.output<typeof coordinators.check.output>;

const heartbeatTtlSeconds = 300;
const none = {
  totalMonitorCycles: 0,
  warningsIssued: 0,
  coordinatorsMarkedDead: 0,
  cleanupsPerformed: 0,
  continuityViolations: 0,
};

/**
 * Seed 000's monitor of coordinators. Any number of them may run, in any number of processes: each warning, death and
 * recovery is told by one of them. Who is silent stays known; no heartbeat expires unseen.
 *
 * Events: `monitoring:started`, `monitoring:stopped`, `heartbeat:warning`, `coordinator:dead`, `coordinator:recovered`,
 * `cleanup:complete`, `cleanup:failed`, `continuity:violation`, `error`.
 */
export class HeartbeatWarningSystem extends Monitor {
  readonly #thresholds: {
    readonly staleMs: number;
    readonly maxWarnings: number;
    readonly intervalMs: number;
  };
  readonly #known = new Map<string, CoordinatorHealth>();
  readonly #dead = new Set<string>();
  #statistics = { ...none };

  constructor(config: HeartbeatWarningConfig = {}) {
    const thresholds = {
      staleMs: checkedCount('staleThreshold', config.staleThreshold ?? 120_000),
      maxWarnings: checkedCount('maxWarnings', config.maxWarnings ?? 3),
      intervalMs: checkedCount('monitorInterval', config.monitorInterval ?? 10_000),
    };
    const { intervalMs, staleMs: thresholdMs } = thresholds;
    super('HeartbeatWarningSystem', config, { intervalMs, thresholdMs });
    this.#thresholds = thresholds;
  }

  async registerHeartbeat(
    coordinatorId: string,
    iteration: number,
    metadata: HeartbeatMetadata = {},
  ): Promise<HeartbeatRecord> {
    const id = checkedId('coordinatorId', coordinatorId);
    checkedCount('iteration', iteration);
    if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
      throw new Error('metadata must be an object with phase, agentCount and status, or be left out');
    const session = await this.sessions.get();
    const { swarmId } = session.actors.place;
    const input = { id, iteration, phase: metadata.phase, metadata };
    const { output } = await session.write(coordinators.heartbeat, id, input);
    this.#known.set(id, output.health);
    this.#dead.delete(id);
    const record = recordOf(output)!;
    const text = JSON.stringify(record);
    await session.note('SETEX', `blocking:heartbeat:${id}`, heartbeatTtlSeconds, text);
    await session.note('HSET', `swarm:${swarmId}:heartbeat`, id, String(record.lastHeartbeat));
    return record;
  }

  /** The last one; `null` for a coordinator that never sent any. */
  async getHeartbeat(coordinatorId: string): Promise<HeartbeatRecord | null> {
    const found = await this.#get(coordinatorId);
    return (found && recordOf(found)) ?? null;
  }

  /** Milliseconds since the last heartbeat; `null` for a coordinator that never sent any. */
  async checkHeartbeatFreshness(coordinatorId: string): Promise<number | null> {
    const record = await this.getHeartbeat(coordinatorId);
    return record ? Math.max(0, (await this.sessions.get()).now - record.lastHeartbeat) : null;
  }

  /** As this object has seen it last; healthy for one that it does not know. */
  getHealthStatus(coordinatorId: string): CoordinatorHealth {
    return this.#known.get(coordinatorId) ?? 'healthy';
  }

  async markCoordinatorDead(coordinatorId: string, reason: string): Promise<void> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.sessions.get();
    const marked = await session.actors.administer(coordinators.markDead, { id, reason });
    if (!marked) throw new Error(`Coordinator not found: ${id}`);
    if (!marked.told) return;
    this.#tellDeath({ id, reason, consecutiveWarnings: marked.warnings, at: session.now });
    if (this.autoCleanup) await this.cleanupDeadCoordinator(id);
  }

  /** Removes exactly what is this coordinator's; open work stays for its successor. */
  async cleanupDeadCoordinator(coordinatorId: string): Promise<void> {
    await this.cleanUp(coordinatorId);
  }

  /** Whether a heartbeat continues the last one that is known: its number is at most one more. */
  async validateHeartbeatContinuity(coordinatorId: string, heartbeat: HeartbeatRecord): Promise<boolean> {
    const last = await this.getHeartbeat(coordinatorId);
    const violation = last && gapIn(last.sequence, heartbeat.sequence);
    if (!violation) return true;
    this.#statistics.continuityViolations++;
    this.emit('continuity:violation', { coordinatorId, ...violation });
    return false;
  }

  protected override async look(session: CoordinationSession): Promise<void> {
    this.#statistics.totalMonitorCycles++;
    const found = await session.actors.administer(coordinators.check, this.#thresholds);
    await this.#refresh(session);
    this.#tell(found);
    if (!this.autoCleanup) return;
    for (const { id } of found.deaths) await this.cleanupDeadCoordinator(id);
  }

  /** What `getHealthStatus` answers from. */
  async #refresh(session: CoordinationSession): Promise<void> {
    const present = new Set<string>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: z.output<typeof coordinators.list.output> = await session.actors.administer(
        coordinators.list,
        { cursor, limit: 1000 },
      );
      for (const { id, health } of page.coordinators) {
        this.#known.set(id, health);
        present.add(id);
      }
      cursor = page.nextCursor;
    }
    for (const id of this.#known.keys()) if (!present.has(id) && !this.#dead.has(id)) this.#known.delete(id);
  }

  #tell({ warnings, deaths, recoveries }: Findings): void {
    for (const warning of warnings) {
      this.#statistics.warningsIssued++;
      const { id: coordinatorId, staleMs: staleDuration, at: timestamp, ...rest } = warning;
      this.emit('heartbeat:warning', { coordinatorId, staleDuration, timestamp, ...rest });
    }
    for (const death of deaths) this.#tellDeath(death);
    for (const { id: coordinatorId, previousWarnings } of recoveries) {
      this.#dead.delete(coordinatorId);
      this.emit('coordinator:recovered', { coordinatorId, previousWarnings });
    }
  }

  #tellDeath({ id: coordinatorId, at: timestamp, ...rest }: Findings['deaths'][number]): void {
    this.#statistics.coordinatorsMarkedDead++;
    this.#known.set(coordinatorId, 'dead');
    this.#dead.add(coordinatorId);
    this.emit('coordinator:dead', { coordinatorId, timestamp, ...rest });
    // Only to who listens: nobody is to end because somebody else has.
    if (this.listenerCount('error') > 0)
      this.emit('error', new DeadCoordinatorError(coordinatorId, rest.reason));
  }

  protected override figures() {
    return { statistics: this.getStatistics() };
  }

  protected override countCleanup(succeeded: boolean): void {
    if (succeeded) this.#statistics.cleanupsPerformed++;
  }

  getStatistics() {
    return {
      ...this.#statistics,
      coordinatorsMonitored: this.#known.size,
      deadCoordinators: [...this.#dead],
    };
  }

  resetStatistics(): void {
    this.#statistics = { ...none };
  }

  async #get(coordinatorId: string): Promise<Coordinator | null> {
    const { actors } = await this.sessions.get();
    return await actors.administer(coordinators.get, { id: checkedId('coordinatorId', coordinatorId) });
  }
}

function recordOf(coordinator: Coordinator): HeartbeatRecord | undefined {
  const { id: coordinatorId, lastHeartbeat, sequence, iteration, metadata } = coordinator;
  if (lastHeartbeat === null) return undefined;
  const more = Object.keys(metadata).length > 0 ? { metadata: metadata as HeartbeatMetadata } : {};
  return { coordinatorId, lastHeartbeat, sequence, iteration, ...more };
}
