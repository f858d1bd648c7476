import { randomUUID } from 'node:crypto';
import { canonicalJson } from '../../../kernel/json.ts';
import type { Store } from '../../../kernel/store.ts';
import { equalBytes, hmac } from '../../../kernel/vault/primitives.ts';

export interface PublishOptions {
  readonly priority?: string | undefined;
  /** Seconds after which the message is of no use. Default 3600. */
  readonly ttl?: number | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly expectResponse?: boolean | undefined;
}

/** What coordinators send each other. What is said of values is never among it. */
export interface Envelope {
  readonly id: string;
  readonly swarmId: string;
  readonly senderId: string;
  readonly channel: string;
  readonly message: Message;
  /** Milliseconds since 1970, by the sender's clock. */
  readonly timestamp: number;
  readonly priority: string;
  readonly ttl: number;
  readonly [more: string]: unknown;
}

export interface Message {
  readonly type: string;
  readonly [more: string]: unknown;
}

const defaultTtl = 3600;

export function envelopeOf(
  from: { readonly swarmId: string; readonly senderId: string },
  channel: string,
  message: Message,
  { priority = 'normal', ttl = defaultTtl, metadata = {}, expectResponse }: PublishOptions,
): Envelope {
  return {
    ...metadata,
    ...(expectResponse !== undefined && { expectResponse }),
    id: randomUUID(),
    ...from,
    channel,
    message,
    timestamp: Date.now(),
    priority,
    ttl,
  };
}

/** What somebody published, or undefined where it is no envelope: anybody on the server can publish anything. */
export function readEnvelope(text: string): Envelope | undefined {
  try {
    const envelope = JSON.parse(text) as Partial<Envelope> | null;
    const { id, senderId, message, timestamp } = envelope ?? {};
    const complete =
      typeof id === 'string' &&
      typeof senderId === 'string' &&
      typeof timestamp === 'number' &&
      typeof message?.type === 'string';
    return complete ? (envelope as Envelope) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Signs with the key that the store derives for an agent: only processes that hold the store's root key can make such a
 * signature, and only they can check one.
 */
export async function signed(store: Store, project: string, envelope: Envelope): Promise<Envelope> {
  const mac = await macOf(store, project, envelope);
  if (mac === undefined) throw new Error('the store has no key for this agent');
  return { ...envelope, signature: mac.toString('hex') };
}

export async function isSigned(store: Store, project: string, envelope: Envelope): Promise<boolean> {
  const { signature, ...rest } = envelope;
  if (typeof signature !== 'string' || !/^[0-9a-f]{64}$/.test(signature)) return false;
  const mac = await macOf(store, project, rest as Envelope);
  return mac !== undefined && equalBytes(mac, Buffer.from(signature, 'hex'));
}

async function macOf(store: Store, project: string, envelope: Envelope): Promise<Buffer | undefined> {
  const key = await store.engine.read(() => store.keyring.agentKeyIfAny(project, envelope.senderId));
  return key && hmac(key, `rookery/coordinator/v1\n${canonicalJson(envelope)}`);
}
