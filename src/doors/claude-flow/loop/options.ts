import type { Level } from '../../../kernel/access/model.ts';
import type { Clock } from '../../../kernel/clock.ts';
import type { RedisSource } from '../../../kernel/live/redis.ts';
import type { Logging } from '../emitter.ts';
import type { KeyMaterial } from '../key-material.ts';
import { type ACLLevelInput, levelFrom } from '../levels.ts';

export interface CFNLoopMemoryConfig extends Logging {
  /** A client of `ioredis` or node-redis, connected, connecting or unreachable; it stays the program's. */
  readonly redisClient?: RedisSource | undefined;
  readonly swarmId: string;
  readonly projectId?: string | undefined;
  /** Default: the environment's `SQLITE_DB_PATH`, else `./cfn-loop-memory.db`. */
  readonly sqliteDbPath?: string | undefined;
  /** How long a store waits for Redis, in milliseconds. Default 5000. */
  readonly dualWriteTimeout?: number | undefined;
  /**
   * Accepted as the seed has it. Private, team and system records are encrypted whatever it says; a swarm's are where a
   * call asks for it.
   */
  readonly enableEncryption?: boolean | undefined;
  /** Records longer than this are compressed, in bytes. Default 1024. */
  readonly compressionThreshold?: number | undefined;
  readonly encryptionKey?: KeyMaterial | undefined;
  readonly clock?: Clock | undefined;
}

export interface MemoryOptions {
  /** Who calls. */
  readonly agentId?: string | undefined;
  /** Counts for a store only, and there only where it is narrower than the record's own level. */
  readonly aclLevel?: ACLLevelInput | undefined;
  /** A team that the caller belongs to; one that it does not belong to shows it nothing. */
  readonly teamId?: string | undefined;
  /** Seconds that the copy in Redis lives. Default 86400. */
  readonly ttl?: number | undefined;
  /** Accepted as the seed has it: what is long is compressed where that makes it smaller. */
  readonly compress?: boolean | undefined;
  readonly encrypt?: boolean | undefined;
}

export const defaultPath = './cfn-loop-memory.db';

/** How a record is kept, as operations take it. */
export function keepingOf({ aclLevel, ttl, encrypt }: MemoryOptions): {
  readonly level: Level | undefined;
  readonly ttl: number | undefined;
  readonly encrypt: boolean | undefined;
} {
  return { level: aclLevel === undefined ? undefined : levelFrom(aclLevel), ttl, encrypt };
}
