import { Emitter, type Logging } from '../emitter.ts';
import { checkedId } from './ids.ts';
import { removeCoordinator } from './removal.ts';
import { type CoordinationConfig, type CoordinationSession, SessionOnDemand } from './session.ts';

export interface MonitorConfig extends CoordinationConfig, Logging {
  readonly autoCleanup?: boolean | undefined;
}

/**
 * What seed 000's two monitors of coordinators have in common: they look at intervals, and clean up after those who are
 * gone. Events: `monitoring:started`, `monitoring:stopped`, `cleanup:complete`, `cleanup:failed`, `error`.
 */
export abstract class Monitor extends Emitter {
  protected readonly sessions: SessionOnDemand;
  protected readonly autoCleanup: boolean;
  readonly #intervalMs: number;
  readonly #thresholdMs: number;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  protected constructor(
    name: string,
    config: MonitorConfig,
    { intervalMs, thresholdMs }: { readonly intervalMs: number; readonly thresholdMs: number },
  ) {
    super(name, config);
    this.sessions = new SessionOnDemand(config);
    this.autoCleanup = config.autoCleanup ?? true;
    this.#intervalMs = intervalMs;
    this.#thresholdMs = thresholdMs;
  }

  protected abstract look(session: CoordinationSession): Promise<void>;

  /** What `monitoring:stopped` tells. */
  protected abstract figures(): Readonly<Record<string, unknown>>;

  protected abstract countCleanup(succeeded: boolean): void;

  /** Looks at intervals, and keeps no process alive for it. */
  async startMonitoring(): Promise<void> {
    if (this.#timer) return;
    const [interval, threshold] = [this.#intervalMs, this.#thresholdMs];
    this.#timer = setInterval(() => void this.checkNow().catch((error) => this.fail(error)), interval);
    this.#timer.unref();
    this.emit('monitoring:started', { interval, threshold });
    await this.sessions.get();
  }

  async stopMonitoring(): Promise<void> {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking?.catch(() => {});
    this.emit('monitoring:stopped', this.figures());
  }

  /** One look, as monitoring does it. Two at once are one. */
  async checkNow(): Promise<void> {
    this.#looking ??= this.sessions
      .get()
      .then((session) => this.look(session))
      .finally(() => {
        this.#looking = undefined;
      });
    await this.#looking;
  }

  /** Stops monitoring and gives the database back. Safe to repeat. */
  async shutdown(): Promise<void> {
    if (this.#timer) await this.stopMonitoring();
    await this.sessions.close();
  }

  /** Removes exactly what is this coordinator's; open work stays for its successor. That it failed is told, not thrown. */
  protected async cleanUp(coordinatorId: string): Promise<void> {
    const id = checkedId('coordinatorId', coordinatorId);
    const session = await this.sessions.get();
    try {
      const keysDeleted = await removeCoordinator(session, id);
      this.countCleanup(true);
      this.emit('cleanup:complete', { coordinatorId: id, keysDeleted, timestamp: session.now });
    } catch (error) {
      this.countCleanup(false);
      this.emit('cleanup:failed', { coordinatorId: id, error });
      this.log('error', `cleanup of ${id} failed: ${(error as Error).message}`);
    }
  }
}
