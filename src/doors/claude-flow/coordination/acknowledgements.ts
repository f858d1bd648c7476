import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { z } from 'zod';
import type * as signals from '../../../domains/signals/operations.ts';

/** Seed 000: what one coordinator tells others. */
export interface CoordinationSignal {
  readonly signalId: string;
  /** `completion`, `retry`, `validation` or `error`, checked when it is used: the seed's examples are plain literals. */
  readonly type: string;
  readonly source: string;
  readonly targets: readonly string[];
  readonly payload?: unknown;
  readonly timestamp: number;
}

export interface SignalAck {
  readonly coordinatorId: string;
  readonly signalId: string;
  readonly timestamp: number;
  readonly iteration: number;
  readonly status: 'received';
  /** Hexadecimal HMAC-SHA256 over `coordinatorId:signalId:timestamp:iteration`. */
  readonly signature: string;
  readonly metadata?: { readonly signalType: string; readonly phase?: string };
}

/** What of it is kept beside the store's own facts. */
export interface AckNote {
  readonly timestamp: number;
  readonly signalType: string;
  readonly phase?: string | undefined;
}

export const secretVariable = 'BLOCKING_COORDINATION_SECRET';
const secretLeast = 16;

/**
 * What acknowledgements are signed with: one secret that all coordinators share (the option, else the environment), or,
 * where there is none, a key of each coordinator's own that the store keeps.
 */
export class AckKeys {
  readonly #shared: KeyObject | undefined;
  readonly #ownKey: (coordinator: string) => Promise<KeyObject | undefined>;

  constructor(secret: string | undefined, ownKey: (coordinator: string) => Promise<KeyObject | undefined>) {
    if (secret !== undefined && secret.length < secretLeast)
      throw new Error(
        `Invalid hmacSecret: at least ${secretLeast} characters (make one with: openssl rand -base64 32)`,
      );
    this.#shared = secret === undefined ? undefined : createSecretKey(Buffer.from(secret));
    this.#ownKey = ownKey;
  }

  async sign(
    ack: Pick<SignalAck, 'coordinatorId' | 'signalId' | 'timestamp' | 'iteration'>,
  ): Promise<string> {
    const key = await this.#keyOf(ack.coordinatorId);
    if (!key) throw new Error('the store has no key to sign acknowledgements with');
    return signatureOf(key, ack).toString('hex');
  }

  /** Whether an acknowledgement is what its coordinator signed. One that is malformed is not. */
  async verify(ack: SignalAck): Promise<boolean> {
    const key = await this.#keyOf(ack.coordinatorId);
    if (!key || !/^[0-9a-f]{64}$/.test(ack.signature)) return false;
    return timingSafeEqual(Buffer.from(ack.signature, 'hex'), signatureOf(key, ack));
  }

  async #keyOf(coordinator: string): Promise<KeyObject | undefined> {
    return this.#shared ?? (await this.#ownKey(coordinator));
  }
}

function signatureOf(
  key: KeyObject,
  { coordinatorId, signalId, timestamp, iteration }: Omit<SignalAck, 'signature' | 'status'>,
): Buffer {
  return createHmac('sha256', key).update(`${coordinatorId}:${signalId}:${timestamp}:${iteration}`).digest();
}

/** An acknowledgement of the store in the seed's words; undefined for one that was not made through this door. */
export function ackOf(answer: z.output<typeof signals.acknowledge.output>): SignalAck | undefined {
  const note = answer.metadata as AckNote | null;
  if (answer.state !== 'acked' || answer.signature === null || typeof note?.timestamp !== 'number')
    return undefined;
  return {
    coordinatorId: answer.agent,
    signalId: answer.signal,
    timestamp: note.timestamp,
    iteration: answer.iteration,
    status: 'received',
    signature: answer.signature,
    metadata: { signalType: note.signalType, ...(note.phase !== undefined && { phase: note.phase }) },
  };
}
