import type { Clock } from '../../../kernel/clock.ts';
import { compressionFrom, hasLz4 } from '../../../kernel/vault/codecs.ts';
import type { RookeryOptions } from '../../../rookery.ts';
import type { Logging } from '../emitter.ts';
import type { KeyMaterial } from '../key-material.ts';
import type { ACLLevelInput, ACLScheme } from '../levels.ts';
import type { SharedStore } from '../store.ts';

export interface SwarmMemoryOptions extends Logging {
  /** A database file; `:memory:` by default. */
  readonly dbPath?: string | undefined;
  readonly encryptionKey?: KeyMaterial | undefined;
  /** Values longer than this are compressed, in bytes. Default 1024. */
  readonly compressionThreshold?: number | undefined;
  /** `auto` takes lz4 where the package `lz4-napi` is installed, else zstd. */
  readonly compression?: 'auto' | 'lz4' | 'zstd' | undefined;
  /** Seconds that an entry lives where `set` says nothing; 0 for ever. Default 86400. */
  readonly defaultTTL?: number | undefined;
  /** How long a decision about access may be kept, in milliseconds. Default 300000. */
  readonly aclCacheTimeout?: number | undefined;
  /** Who acts where a call names nobody. */
  readonly agentId?: string | undefined;
  /** Where agents come into being that are new. */
  readonly swarmId?: string | undefined;
  readonly projectId?: string | undefined;
  readonly aclScheme?: ACLScheme | undefined;
  /** An open store to work on, in place of `dbPath` and `encryptionKey`: the manager is one more user of it. */
  readonly store?: SharedStore | undefined;
  readonly clock?: Clock | undefined;
}

/** Who calls, and what is asked for. Team, swarm and project select among what the agent belongs to. */
export interface MemoryCallOptions {
  readonly agentId?: string | undefined;
  readonly namespace?: string | undefined;
  readonly projectId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly swarmId?: string | undefined;
  /** Look at this audience only. */
  readonly aclLevel?: ACLLevelInput | undefined;
}

export type EntryType = 'state' | 'data' | 'cache' | 'session' | 'artifact';

export interface MemorySetOptions extends MemoryCallOptions {
  readonly type?: EntryType | undefined;
  /** Seconds to live; 0 for ever. */
  readonly ttl?: number | null | undefined;
  /** Private, team and system entries are encrypted whatever this says. */
  readonly encrypt?: boolean | undefined;
  readonly compress?: boolean | undefined;
}

export const defaults = {
  agentId: 'sqlite-system',
  swarmId: 'default',
  defaultTTL: 86_400,
  aclCacheTimeout: 300_000,
  compressionThreshold: 1024,
} as const;

/** The settings of the store beneath that the options stand for. */
export function storeSettings(
  options: Pick<SwarmMemoryOptions, 'compression' | 'compressionThreshold' | 'clock'>,
): Pick<RookeryOptions, 'compression' | 'clock'> {
  const {
    compression = 'auto',
    compressionThreshold: thresholdBytes = defaults.compressionThreshold,
    clock,
  } = options;
  const codec = compression === 'auto' ? (hasLz4() ? 'lz4' : 'zstd') : compression;
  return { compression: compressionFrom({ codec, thresholdBytes }), ...(clock && { clock }) };
}
