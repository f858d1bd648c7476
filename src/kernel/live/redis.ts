import type { Redis } from 'ioredis';
import { invalid } from '../errors.ts';
import { connectIoredis, IoredisPort } from './redis/ioredis.ts';
import { type NodeRedisClient, NodeRedisPort } from './redis/node-redis.ts';
import type { RedisPort } from './redis/port.ts';

export type { RedisParameter, RedisPort, RedisState, RedisSubscriber } from './redis/port.ts';
export type { NodeRedisClient };

/** Where a Redis server is. */
export interface RedisLocation {
  readonly host?: string;
  readonly port?: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Number of the database on the server. */
  readonly db?: number;
  readonly tls?: boolean;
}

/** A client of `ioredis` as far as it is recognised by. */
export type IoredisClient = Pick<Redis, 'status' | 'call' | 'duplicate'>;

/**
 * Which Redis: a URL (`redis://[user:password@]host[:port][/database]`, `rediss://` for TLS), a location, or a client that
 * the program holds already, of `ioredis` or of `redis` (node-redis 4 or newer): connected, connecting or unreachable. A
 * client that was handed in stays the program's: it is neither configured nor closed.
 */
export type RedisSource = string | RedisLocation | IoredisClient | NodeRedisClient;

/**
 * The port to it. Resolves without waiting for the connection. Throws INVALID_INPUT for what is none of these, and
 * MISSING_PACKAGE where a connection of our own would need `ioredis`.
 */
export async function redisPortOf(source: RedisSource): Promise<RedisPort> {
  if (typeof source === 'string') return await connectIoredis(connectionOf(locationOf(source)));
  if (source === null || typeof source !== 'object') throw invalidSource();
  if ('status' in source && 'call' in source) return new IoredisPort(source as Redis);
  if ('sendCommand' in source) return new NodeRedisPort(source);
  return await connectIoredis(connectionOf(source as RedisLocation));
}

function connectionOf({ tls, ...location }: RedisLocation) {
  const given = Object.entries(location).filter(([, value]) => value !== undefined && value !== null);
  return { host: '127.0.0.1', ...Object.fromEntries(given), ...(tls && { tls: {} }) };
}

function locationOf(text: string): RedisLocation {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const db = Number(url?.pathname.slice(1) || 0);
  if (!url || !/^rediss?:$/.test(url.protocol) || !Number.isInteger(db)) throw invalidSource();
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: Number(url.port || 6379),
    username: decoded(url.username),
    password: decoded(url.password),
    db,
    tls: url.protocol === 'rediss:',
  };
}

/** A `%` that escapes nothing stands for itself. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part) || undefined;
  } catch {
    return part;
  }
}

/** Says nothing of what was given: it may hold a password. */
function invalidSource() {
  return invalid(
    'redis',
    'a URL such as redis://127.0.0.1:6379/0, a location, or a client of ioredis or node-redis',
  );
}
