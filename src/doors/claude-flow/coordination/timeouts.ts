import * as coordinators from '../../../domains/fleet/coordinators.ts';
import { Emitter, type Logging } from '../emitter.ts';
import type { HeartbeatWarningSystem } from './heartbeats.ts';
import { checkedCount, checkedId } from './ids.ts';
import { removeCoordinator } from './removal.ts';
import { type CoordinationConfig, CoordinationSession } from './session.ts';

export interface CoordinatorTimeoutConfig extends CoordinationConfig, Logging {
  /** Inactivity that is more than this is a timeout, in milliseconds. Default 300000. */
  readonly timeoutThreshold?: number | undefined;
  /** How often monitoring looks, in milliseconds. Default 30000. */
  readonly checkInterval?: number | undefined;
  /** Told of the death of a coordinator that timed out. */
  readonly heartbeatSystem?: HeartbeatWarningSystem | undefined;
  readonly autoCleanup?: boolean | undefined;
}

const activityTtlSeconds = 600;
const noteTtlSeconds = 3600;
const none = { totalChecks: 0, timeoutEventsTotal: 0, cleanupsPerformed: 0, cleanupFailures: 0 };

/**
 * Seed 000's watch over coordinators that do nothing. Each incident is told by one of all handlers, and one of them gets
 * to escalate it: the work of the old coordinator goes to the new one in one step.
 *
 * Events: `monitoring:started`, `monitoring:stopped`, `coordinator:timeout`, `cleanup:complete`, `cleanup:failed`,
 * `coordinator:escalated`, `escalation:failed`, `error`.
 */
export class CoordinatorTimeoutHandler extends Emitter {
  readonly #config: CoordinatorTimeoutConfig;
  readonly #thresholdMs: number;
  readonly #intervalMs: number;
  #metrics = { ...none };
  #opening: Promise<CoordinationSession> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(config: CoordinatorTimeoutConfig = {}) {
    super('CoordinatorTimeoutHandler', config);
    this.#config = config;
    this.#thresholdMs = checkedCount('timeoutThreshold', config.timeoutThreshold ?? 300_000);
    this.#intervalMs = checkedCount('checkInterval', config.checkInterval ?? 30_000);
  }

  async #session(): Promise<CoordinationSession> {
    this.#opening ??= CoordinationSession.open(this.#config).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return await this.#opening;
  }

  /** Stops monitoring and gives the database back. Safe to repeat. */
  async shutdown(): Promise<void> {
    if (this.#timer) await this.stopMonitoring();
    const session = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await session?.close();
  }

  async recordActivity(coordinatorId: string, iteration: number, phase?: string): Promise<void> {
    const id = checkedId('coordinatorId', coordinatorId);
    checkedCount('iteration', iteration);
    const session = await this.#session();
    const { output } = await session.write(coordinators.activity, id, { id, iteration, phase });
    const note = JSON.stringify({ coordinatorId: id, iteration, phase, timestamp: output.lastActivity });
    await session.note('SETEX', `coordinator:activity:${id}`, activityTtlSeconds, note);
  }

  /** Whether its last activity is longer ago than the threshold, strictly. `false` for one that is not known. */
  async checkCoordinatorTimeout(coordinatorId: string, now?: number): Promise<boolean> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.#session();
    this.#metrics.totalChecks++;
    const found = await session.actors.administer(coordinators.get, { id });
    if (!found?.lastActivity) return false;
    return (now ?? session.now) - found.lastActivity > this.#thresholdMs;
  }

  /** Removes exactly what is this coordinator's; open work stays for its successor. */
  async cleanupTimeoutCoordinator(coordinatorId: string): Promise<void> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.#session();
    try {
      const keysDeleted = await removeCoordinator(session, id);
      this.#metrics.cleanupsPerformed++;
      this.emit('cleanup:complete', { coordinatorId: id, keysDeleted, timestamp: session.now });
    } catch (error) {
      this.#metrics.cleanupFailures++;
      this.emit('cleanup:failed', { coordinatorId: id, error });
      this.log('error', `cleanup of ${id} failed: ${(error as Error).message}`);
    }
  }

  /** The new coordinator, with all open work of the old one; `null` where another handler was quicker, or it lives. */
  async escalateDeadCoordinator(coordinatorId: string, swarmId: string): Promise<string | null> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.#session();
    const random = Math.random().toString(36).slice(2, 10);
    const successor = `coordinator-${session.now}-${random}`;
    const input = { id, swarm: swarmId, successor };
    const taken = await session.actors.administer(coordinators.takeOver, input).catch((error: unknown) => {
      this.emit('escalation:failed', { coordinatorId: id, error });
      throw error;
    });
    if (!taken) return null;
    await this.#announce(session, { id, swarmId, successor });
    const moved = { workTransferred: taken.moved, timestamp: session.now };
    this.emit('coordinator:escalated', { coordinatorId: id, newCoordinatorId: successor, swarmId, ...moved });
    return taken.successor;
  }

  /** Tells the swarm, for whoever starts coordinators. */
  async #announce(
    session: CoordinationSession,
    { id, swarmId, successor }: { id: string; swarmId: string; successor: string },
  ): Promise<void> {
    const timestamp = session.now;
    const spawn = { replacesCoordinatorId: id, status: 'pending', priority: 'high', timestamp };
    await session.note('SETEX', `coordinator:spawn:${successor}`, noteTtlSeconds, JSON.stringify(spawn));
    const escalation = { coordinatorId: id, newCoordinatorId: successor, swarmId, timestamp };
    await session.note('SETEX', `coordinator:escalation:${id}`, noteTtlSeconds, JSON.stringify(escalation));
    const message = {
      action: 'spawn_replacement',
      deadCoordinatorId: id,
      newCoordinatorId: successor,
      timestamp,
    };
    await session.note('PUBLISH', `swarm:${swarmId}:coordinator:dead`, JSON.stringify(message));
  }

  /** Looks every `checkInterval` milliseconds, and keeps no process alive for it. */
  async startMonitoring(): Promise<void> {
    if (this.#timer) return;
    this.#timer = setInterval(
      () => void this.checkNow().catch((error) => this.fail(error)),
      this.#intervalMs,
    );
    this.#timer.unref();
    this.emit('monitoring:started', { interval: this.#intervalMs, threshold: this.#thresholdMs });
    await this.#session();
  }

  async stopMonitoring(): Promise<void> {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking?.catch(() => {});
    this.emit('monitoring:stopped', { metrics: this.getMetrics() });
  }

  /** One look, as monitoring does it. Two at once are one. */
  async checkNow(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #look(): Promise<void> {
    const session = await this.#session();
    this.#metrics.totalChecks++;
    const input = { thresholdMs: this.#thresholdMs };
    const { incidents } = await session.actors.administer(coordinators.timeouts, input);
    for (const { id: coordinatorId, timeoutMs, at: timestamp, reason, ...rest } of incidents) {
      this.#metrics.timeoutEventsTotal++;
      const { lastHeartbeat, iteration, phase } = rest;
      const metadata = { lastHeartbeat, iteration, phase };
      this.emit('coordinator:timeout', {
        coordinatorId,
        timeoutDuration: timeoutMs,
        timestamp,
        reason,
        metadata,
      });
      await this.#config.heartbeatSystem?.markCoordinatorDead(coordinatorId, reason);
      if (this.#config.autoCleanup ?? true) await this.cleanupTimeoutCoordinator(coordinatorId);
    }
  }

  getMetrics(): Readonly<typeof none> {
    return { ...this.#metrics };
  }

  resetMetrics(): void {
    this.#metrics = { ...none };
  }
}
