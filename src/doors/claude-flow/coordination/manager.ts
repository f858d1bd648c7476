import * as signals from '../../../domains/signals/operations.ts';
import { isRookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { Emitter, type Logging } from '../emitter.ts';
import {
  AckKeys,
  type AckNote,
  ackOf,
  type CoordinationSignal,
  type SignalAck,
  secretVariable,
} from './acknowledgements.ts';
import { type AgentProfile, type HookMetrics, type HookName, Hooks } from './hooks.ts';
import { checkedCount, checkedId } from './ids.ts';
import { RecentIds } from './recent.ts';
import { type CoordinationConfig, type CoordinationSession, SessionOnDemand } from './session.ts';

export interface BlockingCoordinationConfig extends CoordinationConfig, Logging {
  readonly coordinatorId: string;
  /** Seconds that the copy of an acknowledgement in Redis lives. Only the seed's 3600 is offered. */
  readonly ackTtl?: 3600 | undefined;
  /** What all coordinators sign with; else `BLOCKING_COORDINATION_SECRET`, else each with a key of the store's. */
  readonly hmacSecret?: string | undefined;
  readonly phase?: string | undefined;
  readonly agentProfile?: AgentProfile | undefined;
  readonly agentId?: string | undefined;
  readonly currentTask?: string | undefined;
  /** Accepted as the seed has it: hooks are those of the profile. */
  readonly lifecycleManager?: unknown;
}

const signalTypes = ['completion', 'retry', 'validation', 'error'];
const defaultWaitMs = 30_000;
const dayMs = 86_400_000;
const retryNoteSeconds = 600;
const failedNoteSeconds = 3600;
/** Signals that an object knows to have processed: at most a megabyte of ids. */
const processedKept = 10_000;

/**
 * Seed 000's coordinator: acknowledges signals, once and signed, and waits for those of others. The database is written
 * first, then Redis; a wait ends as the acknowledgement arrives.
 *
 * Events: `acknowledged {ack}`, `timeout {signalId, missing}`, `hook:failed {hook, reason}`, `error`.
 */
export class BlockingCoordinationManager extends Emitter {
  readonly coordinatorId: string;
  readonly #config: BlockingCoordinationConfig;
  readonly #sessions: SessionOnDemand;
  readonly #keys: AckKeys;
  readonly #hooks: Hooks;
  readonly #processed = new RecentIds(processedKept);
  readonly #audit = { auditLogsWritten: 0, auditLogsFailed: 0 };
  #iteration = 0;

  constructor(config: BlockingCoordinationConfig) {
    super('BlockingCoordinationManager', config);
    this.coordinatorId = checkedId('coordinatorId', config.coordinatorId);
    const secret = config.hmacSecret ?? (process.env[secretVariable] || undefined);
    if (secret === undefined && !config.cfnMemoryManager)
      throw new Error(
        `No secret to sign acknowledgements with: give hmacSecret, set ${secretVariable}, or give a cfnMemoryManager`,
      );
    this.#config = config;
    this.#sessions = new SessionOnDemand(config);
    this.#keys = new AckKeys(secret, async (id) => (await this.#sessions.get()).agentKey(id));
    this.#hooks = new Hooks(config.agentProfile, (hook, reason) => {
      this.emit('hook:failed', { hook, reason });
      this.log('warn', `hook ${hook} failed: ${reason}`);
    });
  }

  /** Opens the database; every other call does so too. Safe to repeat. */
  async initialize(): Promise<void> {
    await this.#sessions.get();
  }

  /** Gives the database back. Safe to repeat. */
  async shutdown(): Promise<void> {
    await this.#sessions.close();
  }

  /** Once: the same signal again, also after a restart, answers the acknowledgement that was made first. */
  async acknowledgeSignal(signal: CoordinationSignal): Promise<SignalAck> {
    const { signalId, source } = checkedSignal(signal);
    if (!signal.targets.includes(this.coordinatorId))
      throw new Error(`Signal ${signalId} is not addressed to ${this.coordinatorId}`);
    if (source === this.coordinatorId)
      throw new Error(`Signal ${signalId} is from ${source} itself: its source is no target of it`);
    await this.#hook('on_signal_received', signalId, { signalType: signal.type, source });
    try {
      const ack = (await this.getAck(signalId)) ?? (await this.#acknowledge(signal));
      this.#processed.add(signalId);
      this.emit('acknowledged', { ack });
      return ack;
    } catch (error) {
      this.#audit.auditLogsFailed++;
      throw error;
    }
  }

  async #acknowledge(signal: CoordinationSignal): Promise<SignalAck> {
    const session = await this.#sessions.get();
    const { signalId } = signal;
    const { coordinatorId } = this;
    await this.#adopt(session, signal);
    const [timestamp, iteration] = [session.now, this.#iteration];
    const signature = await this.#keys.sign({ coordinatorId, signalId, timestamp, iteration });
    const { phase } = this.#config;
    const metadata: AckNote = { timestamp, signalType: signal.type, ...(phase !== undefined && { phase }) };
    const input = { signal: signalId, iteration, signature, metadata };
    const { output } = await session.write(signals.acknowledge, coordinatorId, input);
    this.#audit.auditLogsWritten++;
    const ack = ackOf(output);
    if (!ack) throw new Error(`Signal ${signalId} was refused by ${coordinatorId} before`);
    return ack;
  }

  /**
   * The seed hands signals over by any way: one that the store does not know is entered in the name of its source. One
   * that it knows is left as it is.
   */
  async #adopt(session: CoordinationSession, signal: CoordinationSignal): Promise<void> {
    const { signalId: id, source, type, payload } = signal;
    if (await session.actors.invoke(signals.get, { agentId: this.coordinatorId }, { id })) return;
    const targets = [...new Set(signal.targets)].filter((target) => target !== source);
    for (const agentId of targets) await session.actors.principal({ agentId });
    const input = { id, type, targets, payload, timeoutMs: dayMs };
    try {
      await session.write(signals.send, source, input);
    } catch (error) {
      // Another target was quicker, and had it in other words.
      if (!isRookeryError(error, 'IDEMPOTENCY_CONFLICT')) throw error;
    }
  }

  /** What this coordinator has acknowledged; `null` before. */
  async getAck(signalId: string): Promise<SignalAck | null> {
    return (await this.#ackOf(this.coordinatorId, checkedId('signalId', signalId))) ?? null;
  }

  /** Whether a coordinator has acknowledged a signal that this one knows of, with a signature that holds. */
  async isAcknowledged(coordinatorId: string, signalId: string): Promise<boolean> {
    const id = checkedId('coordinatorId', coordinatorId);
    return (await this.#ackOf(id, checkedId('signalId', signalId))) !== undefined;
  }

  async #ackOf(coordinator: string, signal: string): Promise<SignalAck | undefined> {
    const session = await this.#sessions.get();
    const known = await session.actors.invoke(signals.get, { agentId: this.coordinatorId }, { id: signal });
    if (!known?.targets.some(({ agent }) => agent === coordinator)) return undefined;
    const acks = await this.#await(signal, [coordinator], 0);
    return acks.get(coordinator);
  }

  /**
   * The acknowledgements of these coordinators, by coordinator: all of them as soon as the last arrives, and those that
   * came when the time (in milliseconds) is over. The signal may still be on its way. Whoever is no target of it is missing.
   */
  async waitForAcks(
    coordinatorIds: readonly string[],
    signalId: string,
    timeoutMs: number = defaultWaitMs,
  ): Promise<Map<string, SignalAck>> {
    const ids = coordinatorIds.map((id) => checkedId('coordinatorId', id));
    checkedId('signalId', signalId);
    checkedCount('timeoutMs', timeoutMs);
    if (ids.length === 0) return new Map();
    await this.#hook('on_blocking_start', signalId, { waitingFor: ids.length });
    const acks = await this.#gather(signalId, ids, Math.min(timeoutMs, limits.waitMsMax));
    const missing = ids.filter((id) => !acks.has(id));
    if (missing.length > 0) {
      this.emit('timeout', { signalId, missing });
      await this.#hook('on_blocking_timeout', signalId, { missing: missing.join(',') });
    }
    return acks;
  }

  async #gather(signal: string, ids: readonly string[], waitMs: number): Promise<Map<string, SignalAck>> {
    const until = performance.now() + waitMs;
    const left = () => Math.max(0, Math.ceil(until - performance.now()));
    try {
      return await this.#await(signal, ids, waitMs);
    } catch (error) {
      if (!namesNoTarget(error)) throw error;
    }
    const session = await this.#sessions.get();
    const known = await session.actors.invoke(signals.get, { agentId: this.coordinatorId }, { id: signal });
    const targets = ids.filter((id) => known?.targets.some(({ agent }) => agent === id));
    const acks = targets.length > 0 ? await this.#await(signal, targets, left()) : new Map();
    // The others can never answer, and nobody is told that they were missing before the time is over.
    await this.#sessions.pause(left());
    return acks;
  }

  async #await(signal: string, agents: readonly string[], waitMs: number): Promise<Map<string, SignalAck>> {
    const { actors } = await this.#sessions.get();
    const input = { signal, agents: [...new Set(agents)], waitMs };
    const awaited = await actors.invoke(signals.wait, { agentId: this.coordinatorId }, input);
    const acks = new Map<string, SignalAck>();
    for (const answer of awaited?.acks ?? []) {
      const ack = ackOf(answer);
      // A signature that does not hold is none: the wait goes by who has really answered.
      if (ack && (await this.#keys.verify(ack))) acks.set(ack.coordinatorId, ack);
    }
    return acks;
  }

  /** Tries again after 1, 2, 4 … seconds; `null` when no attempt succeeds. */
  async retryFailedSignal(signal: CoordinationSignal, maxRetries = 3): Promise<SignalAck | null> {
    checkedCount('maxRetries', maxRetries);
    const { signalId } = checkedSignal(signal);
    const session = await this.#sessions.get();
    for (let attempt = 1; attempt <= maxRetries; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** (attempt - 1)));
      const note = JSON.stringify({ attempt, coordinatorId: this.coordinatorId, timestamp: session.now });
      await session.note('SETEX', `blocking:retry:${signalId}:${attempt}`, retryNoteSeconds, note);
      try {
        return await this.acknowledgeSignal(signal);
      } catch (error) {
        this.log('warn', `attempt ${attempt} to acknowledge ${signalId} failed: ${(error as Error).message}`);
      }
    }
    const note = JSON.stringify({ attempts: maxRetries, coordinatorId: this.coordinatorId });
    await session.note('SETEX', `blocking:retry:failed:${signalId}`, failedNoteSeconds, note);
    return null;
  }

  incrementIteration(): number {
    this.#iteration++;
    return this.#iteration;
  }

  getCurrentIteration(): number {
    return this.#iteration;
  }

  resetIteration(): void {
    this.#iteration = 0;
  }

  /** Forgets which signals this object has processed; what was acknowledged stays so. */
  clearProcessedSignals(): void {
    this.#processed.clear();
  }

  /**
   * Removes the copies of the last 10,000 acknowledgements of this object from Redis; older ones go when their hour is
   * over. The acknowledgements themselves are evidence.
   */
  async cleanup(): Promise<void> {
    const session = await this.#sessions.get();
    for (const signalId of this.#processed)
      await session.note('DEL', `blocking:ack:${this.coordinatorId}:${signalId}`);
    this.#processed.clear();
  }

  getHookMetrics(): HookMetrics & { readonly auditLogsWritten: number; readonly auditLogsFailed: number } {
    return { ...this.#hooks.metrics(), ...this.#audit };
  }

  async #hook(
    name: HookName,
    signalId: string,
    facts: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const { coordinatorId } = this;
    const { agentId, currentTask } = this.#config;
    const who = { coordinatorId, ...(agentId && { agentId }), ...(currentTask && { currentTask }) };
    await this.#hooks.run(name, { ...who, signalId, iteration: this.#iteration, ...facts });
  }
}

/** Factory of seed 000. */
export function createBlockingCoordinationManager(
  config: BlockingCoordinationConfig,
): BlockingCoordinationManager {
  return new BlockingCoordinationManager(config);
}

/** Whether the store refused to wait for somebody whom the signal is not for. */
function namesNoTarget(error: unknown): boolean {
  return isRookeryError(error, 'INVALID_INPUT') && /^agents\.\d+$/.test(String(error.details['field']));
}

function checkedSignal(signal: CoordinationSignal): CoordinationSignal {
  checkedId('signalId', signal?.signalId);
  checkedId('source', signal.source);
  if (!signalTypes.includes(signal.type)) throw new Error(`type must be one of ${signalTypes.join(', ')}`);
  if (!Array.isArray(signal.targets) || signal.targets.length === 0)
    throw new Error('targets must be a non-empty array of coordinator ids');
  for (const target of signal.targets) checkedId('targets', target);
  return signal;
}
