import { createHash } from 'node:crypto';
import type { z } from 'zod';
import * as signals from '../../../domains/signals/operations.ts';
import { canonicalJson } from '../../../kernel/json.ts';
import { limits } from '../../../kernel/limits.ts';
import { checkedCount, checkedId } from './ids.ts';
import { type CoordinationConfig, type CoordinationSession, SessionOnDemand } from './session.ts';

export const SignalType = {
  COMPLETION: 'completion',
  RETRY_REQUEST: 'retry_request',
  HEARTBEAT: 'heartbeat',
  ERROR: 'error',
  STATUS_UPDATE: 'status_update',
} as const;
export type SignalType = (typeof SignalType)[keyof typeof SignalType];

export interface BlockingSignalsConfig extends CoordinationConfig {
  readonly redisHost?: string | undefined;
  readonly redisPort?: number | undefined;
  readonly redisPassword?: string | undefined;
  readonly redisDatabase?: number | undefined;
  /** Seconds that a signal is there for its receiver. Default 86400. */
  readonly signalTTL?: number | undefined;
  readonly enableIdempotency?: boolean | undefined;
  /** Accepted as the seed has it. The store remembers for 86400 seconds. */
  readonly idempotencyTTL?: number | undefined;
}

export interface BlockingSignal {
  readonly messageId: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly type: SignalType;
  readonly iteration: number;
  readonly payload?: unknown;
  readonly timestamp: number;
}

export interface SentSignal {
  readonly success: true;
  readonly messageId: string;
  readonly isDuplicate: boolean;
  readonly timestamp: number;
  readonly key: string;
}

type Head = z.output<typeof signals.receive.output>['signals'][number];

const daySeconds = 86_400;
const none = { signalsSent: 0, signalsReceived: 0, duplicatesDetected: 0, errors: 0 };

/**
 * Seed 000's signals between two coordinators. Every signal is kept until it is deleted or its time is over, whoever sent
 * others meanwhile; the same one is sent once.
 */
export class BlockingCoordinationSignals {
  readonly #ttlSeconds: number;
  readonly #config: BlockingSignalsConfig;
  #sessions: SessionOnDemand | undefined;
  #session: CoordinationSession | undefined;
  #statistics = { ...none };

  constructor(config: BlockingSignalsConfig = {}) {
    this.#config = { ...config, redisClient: redisOf(config) };
    this.#ttlSeconds = checkedCount('signalTTL', config.signalTTL ?? daySeconds) || daySeconds;
  }

  /** Opens the database; that Redis is away is no failure. Safe to repeat. */
  async connect(): Promise<void> {
    this.#sessions ??= new SessionOnDemand(this.#config);
    this.#session = await this.#sessions.get();
  }

  async disconnect(): Promise<void> {
    const sessions = this.#sessions;
    this.#sessions = undefined;
    this.#session = undefined;
    await sessions?.close();
  }

  async sendSignal(
    senderId: string,
    receiverId: string,
    type: SignalType,
    iteration: number,
    payload?: unknown,
  ): Promise<SentSignal> {
    const session = this.#connected();
    checkedId('senderId', senderId);
    checkedId('receiverId', receiverId);
    checkedCount('iteration', iteration);
    const timeoutMs = Math.min(this.#ttlSeconds * 1000, limits.deadlineMsMax);
    const input = { type, targets: [receiverId], payload, iteration, timeoutMs };
    try {
      const messageId = messageIdOf({ senderId, receiverId, type, iteration, payload });
      await session.actors.principal({ agentId: receiverId });
      const once = this.#config.enableIdempotency === false ? undefined : messageId;
      const { output, replayed } = await session.write(signals.send, senderId, input, once);
      if (replayed) this.#statistics.duplicatesDetected++;
      else this.#statistics.signalsSent++;
      const sent = { messageId: output.id, isDuplicate: replayed, timestamp: output.sentAt };
      return { success: true, ...sent, key: keyOf(receiverId) };
    } catch (error) {
      this.#statistics.errors++;
      throw new Error(`Signal delivery failed: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The latest one; reading it changes nothing. */
  async receiveSignal(
    receiverId: string,
  ): Promise<{ signal: BlockingSignal | null; exists: boolean; key: string }> {
    const latest = (await this.#pending(receiverId)).at(-1);
    if (latest) this.#statistics.signalsReceived++;
    const signal = latest ? signalOf(latest, receiverId) : null;
    return { signal, exists: latest !== undefined, key: keyOf(receiverId) };
  }

  /** Every one that was not deleted, in the order of sending. */
  async receiveAll(receiverId: string): Promise<BlockingSignal[]> {
    const pending = await this.#pending(receiverId);
    this.#statistics.signalsReceived += pending.length;
    return pending.map((head) => signalOf(head, receiverId));
  }

  /** Takes the latest one away, or the one that is named; an earlier one is then the latest. */
  async deleteSignal(receiverId: string, messageId?: string): Promise<boolean> {
    const id = messageId ?? (await this.#pending(receiverId)).at(-1)?.id;
    if (id === undefined) return false;
    const session = this.#connected();
    const { output } = await session.write(signals.remove, checkedId('receiverId', receiverId), { id });
    return output.removed;
  }

  async signalExists(receiverId: string): Promise<boolean> {
    return (await this.#pending(receiverId)).length > 0;
  }

  /** Seconds until the latest one is over; -2 where there is none. */
  async getSignalTTL(receiverId: string): Promise<number> {
    const latest = (await this.#pending(receiverId)).at(-1);
    if (!latest) return -2;
    return Math.max(0, Math.ceil((latest.deadlineAt - this.#connected().now) / 1000));
  }

  getStatistics(): Readonly<typeof none> {
    return { ...this.#statistics };
  }

  resetStatistics(): void {
    this.#statistics = { ...none };
  }

  async #pending(receiverId: string): Promise<Head[]> {
    const { actors } = this.#connected();
    const agentId = checkedId('receiverId', receiverId);
    const pending: Head[] = [];
    for (let after = 0; ; ) {
      const input = { all: true, after, limit: limits.pageSize };
      const page = await actors.invoke(signals.receive, { agentId }, input);
      pending.push(...page.signals.filter(({ state }) => state === 'open'));
      if (page.signals.length < limits.pageSize) return pending;
      after = page.next;
    }
  }

  #connected(): CoordinationSession {
    if (this.#session) return this.#session;
    throw new Error('Redis client not connected. Call connect() first.');
  }
}

function redisOf(config: BlockingSignalsConfig): CoordinationConfig['redisClient'] {
  const { redisClient, redisHost, redisPort, redisPassword: password, redisDatabase: db } = config;
  if (redisClient) return redisClient;
  if (redisHost === undefined && redisPort === undefined) return undefined;
  return {
    host: redisHost ?? 'localhost',
    port: redisPort ?? 6379,
    ...(password !== undefined && { password }),
    ...(db !== undefined && { db }),
  };
}

function keyOf(receiver: string): string {
  return `blocking:signal:${receiver}`;
}

function signalOf(head: Head, receiverId: string): BlockingSignal {
  return {
    messageId: head.id,
    senderId: head.issuer,
    receiverId,
    type: head.type as SignalType,
    iteration: head.iteration ?? 0,
    ...(head.payload !== null && { payload: head.payload }),
    timestamp: head.sentAt,
  };
}

/** From what the message says alone, so that sending it again is the same message. */
function messageIdOf(message: Record<string, unknown>): string {
  const said = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
  return createHash('sha256').update(canonicalJson(said)).digest('hex');
}
