import { invalid } from '../../../kernel/errors.ts';
import { type KeyMaterial, keyMaterialOf } from '../key-material.ts';
import { defaults, type SwarmMemoryOptions } from '../memory/options.ts';

export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly password: string | null;
  readonly db: number;
}

/** Each also by an environment variable of seed 001; the option wins, then the environment, then the default. */
export interface SQLiteMemorySystemOptions extends Omit<SwarmMemoryOptions, 'store'> {
  readonly redisConfig?: Partial<RedisConfig> | undefined;
  readonly enableRedisCoordination?: boolean | undefined;
  readonly enablePerformanceMonitoring?: boolean | undefined;
  /** Where benchmark reports go; none are written without it. */
  readonly benchmarkOutputDir?: string | undefined;
}

export interface SystemSettings {
  readonly swarmId: string;
  readonly agentId: string;
  readonly dbPath: string;
  readonly redisConfig: RedisConfig;
  readonly encryptionKey: KeyMaterial | undefined;
  readonly compressionThreshold: number;
  readonly enableRedisCoordination: boolean;
  readonly enablePerformanceMonitoring: boolean;
  readonly benchmarkOutputDir: string | undefined;
}

export function systemSettings(
  options: SQLiteMemorySystemOptions,
  environment: NodeJS.ProcessEnv = process.env,
): SystemSettings {
  const text = (name: string) => environment[name] || undefined;
  const number = (name: string) => numberFrom(name, text(name));
  const { redisConfig = {} } = options;
  return {
    swarmId: options.swarmId ?? text('SWARM_ID') ?? 'phase-1-foundation-infrastructure',
    agentId: options.agentId ?? text('AGENT_ID') ?? defaults.agentId,
    dbPath: options.dbPath ?? text('SQLITE_DB_PATH') ?? ':memory:',
    redisConfig: {
      host: redisConfig.host ?? text('REDIS_HOST') ?? 'localhost',
      port: redisConfig.port ?? number('REDIS_PORT') ?? 6379,
      password: redisConfig.password ?? text('REDIS_PASSWORD') ?? null,
      db: redisConfig.db ?? number('REDIS_DB') ?? 0,
    },
    encryptionKey: keyMaterialOf(options.encryptionKey, environment),
    compressionThreshold:
      options.compressionThreshold ?? number('SQLITE_COMPRESSION_THRESHOLD') ?? defaults.compressionThreshold,
    enableRedisCoordination: options.enableRedisCoordination ?? true,
    enablePerformanceMonitoring:
      options.enablePerformanceMonitoring ?? text('ENABLE_PERFORMANCE_MONITORING') !== 'false',
    benchmarkOutputDir: options.benchmarkOutputDir ?? text('BENCHMARK_OUTPUT_DIR'),
  };
}

function numberFrom(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw invalid(name, 'a whole number, at least 0');
}
