import * as coordinators from '../../../domains/fleet/coordinators/operations.ts';
import type { HeartbeatWarningSystem } from './heartbeats.ts';
import { checkedCount, checkedId } from './ids.ts';
import { Monitor, type MonitorConfig } from './monitor.ts';
import type { CoordinationSession } from './session.ts';

export interface CoordinatorTimeoutConfig extends MonitorConfig {
  /** Inactivity that is more than this is a timeout, in milliseconds. Default 300000. */
  readonly timeoutThreshold?: number | undefined;
  /** How often monitoring looks, in milliseconds. Default 30000. */
  readonly checkInterval?: number | undefined;
  /** Told of the death of a coordinator that timed out. */
  readonly heartbeatSystem?: HeartbeatWarningSystem | undefined;
}

const activityTtlSeconds = 600;
const none = { totalChecks: 0, timeoutEventsTotal: 0, cleanupsPerformed: 0, cleanupFailures: 0 };

/**
 * Seed 000's watch over coordinators that do nothing. Each incident is told by one of all handlers, and one of them gets
 * to escalate it: the work of the old coordinator goes to the new one in one step.
 *
 * Events: `monitoring:started`, `monitoring:stopped`, `coordinator:timeout`, `cleanup:complete`, `cleanup:failed`,
 * `coordinator:escalated`, `escalation:failed`, `error`.
 */
export class CoordinatorTimeoutHandler extends Monitor {
  readonly #heartbeats: HeartbeatWarningSystem | undefined;
  readonly #thresholdMs: number;
  #metrics = { ...none };

  constructor(config: CoordinatorTimeoutConfig = {}) {
    const thresholdMs = checkedCount('timeoutThreshold', config.timeoutThreshold ?? 300_000);
    const intervalMs = checkedCount('checkInterval', config.checkInterval ?? 30_000);
    super('CoordinatorTimeoutHandler', config, { intervalMs, thresholdMs });
    this.#heartbeats = config.heartbeatSystem;
    this.#thresholdMs = thresholdMs;
  }

  async recordActivity(coordinatorId: string, iteration: number, phase?: string): Promise<void> {
    const id = checkedId('coordinatorId', coordinatorId);
    checkedCount('iteration', iteration);
    const session = await this.sessions.get();
    const { output } = await session.write(coordinators.activity, id, { id, iteration, phase });
    const note = JSON.stringify({ coordinatorId: id, iteration, phase, timestamp: output.lastActivity });
    await session.note('SETEX', `coordinator:activity:${id}`, activityTtlSeconds, note);
  }

  /** Whether its last activity is longer ago than the threshold, strictly. `false` for one that is not known. */
  async checkCoordinatorTimeout(coordinatorId: string, now?: number): Promise<boolean> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.sessions.get();
    this.#metrics.totalChecks++;
    const found = await session.actors.administer(coordinators.get, { id });
    if (!found?.lastActivity) return false;
    return (now ?? session.now) - found.lastActivity > this.#thresholdMs;
  }

  /** Removes exactly what is this coordinator's; open work stays for its successor. */
  async cleanupTimeoutCoordinator(coordinatorId: string): Promise<void> {
    await this.cleanUp(coordinatorId);
  }

  /**
   * The new coordinator, with all open work of the old one; `null` where another handler was quicker, or it lives. The
   * swarm is told through Redis by whoever gets to it, should this process end here.
   */
  async escalateDeadCoordinator(coordinatorId: string, swarmId: string): Promise<string | null> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.sessions.get();
    const input = { id, swarm: swarmId };
    const taken = await session.administer(coordinators.takeOver, input).catch((error: unknown) => {
      this.emit('escalation:failed', { coordinatorId: id, error });
      throw error;
    });
    if (!taken) return null;
    const { successor: newCoordinatorId, moved: workTransferred } = taken;
    const told = { coordinatorId: id, newCoordinatorId, swarmId, workTransferred, timestamp: session.now };
    this.emit('coordinator:escalated', told);
    return newCoordinatorId;
  }

  protected override async look(session: CoordinationSession): Promise<void> {
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
      await this.#heartbeats?.markCoordinatorDead(coordinatorId, reason);
      if (this.autoCleanup) await this.cleanupTimeoutCoordinator(coordinatorId);
    }
  }

  protected override figures() {
    return { metrics: this.getMetrics() };
  }

  protected override countCleanup(succeeded: boolean): void {
    this.#metrics[succeeded ? 'cleanupsPerformed' : 'cleanupFailures']++;
  }

  getMetrics(): Readonly<typeof none> {
    return { ...this.#metrics };
  }

  resetMetrics(): void {
    this.#metrics = { ...none };
  }
}
