import type { IoredisClient, NodeRedisClient } from '../../../kernel/live/redis.ts';
import type { Logging } from '../emitter.ts';
import type { SwarmMemoryManager } from '../memory/manager.ts';
import { defaults } from '../memory/options.ts';
import type { RedisConfig } from '../system/options.ts';

export interface RedisCoordinatorOptions extends Logging {
  readonly redisHost?: string | undefined;
  readonly redisPort?: number | undefined;
  readonly redisPassword?: string | null | undefined;
  readonly redisDb?: number | undefined;
  /** Wins over the four before. */
  readonly redisConfig?: Partial<RedisConfig> | undefined;
  /** A client that the program has already, in place of a connection of our own. */
  readonly redisClient?: IoredisClient | NodeRedisClient | undefined;
  readonly swarmId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly channelPrefix?: string | undefined;
  /** Accepted as the seed has it: the server counts as away with the first attempt that fails, and attempts go on. */
  readonly maxReconnectAttempts?: number | undefined;
  /** Milliseconds. */
  readonly heartbeatInterval?: number | undefined;
  /** Whose store votes and roles are in, in place of one of its own in memory. */
  readonly memoryManager?: SwarmMemoryManager | undefined;
}

export function coordinatorSettings(options: RedisCoordinatorOptions) {
  const { redisConfig = {} } = options;
  return {
    location: {
      host: redisConfig.host ?? options.redisHost ?? 'localhost',
      port: redisConfig.port ?? options.redisPort ?? 6379,
      password: redisConfig.password ?? options.redisPassword ?? undefined,
      db: redisConfig.db ?? options.redisDb ?? 0,
    },
    swarmId: options.swarmId ?? defaults.swarmId,
    agentId: options.agentId ?? defaults.agentId,
    prefix: options.channelPrefix ?? 'swarm',
    heartbeatMs: options.heartbeatInterval ?? 5000,
  };
}
