import type { RedisPort } from '../../../kernel/live/redis.ts';

/** One coordinator of a swarm, as its heartbeats tell. */
export interface Participant {
  readonly agentId: string;
  /** Milliseconds since 1970, by its own clock. */
  readonly joinedAt: number;
  readonly lastHeartbeat: number;
}

/** Whoever was silent for so many intervals is no participant any more. */
const silentIntervals = 6;

/**
 * Who takes part in a swarm: one hash of who joined and one of heartbeats, an entry for each. Entries are removed one by
 * one, by their own coordinator or by whoever finds them silent; the hashes themselves never expire.
 */
export class Participants {
  readonly #port: RedisPort;
  readonly #agents: string;
  readonly #heartbeats: string;
  readonly #silentMs: number;

  constructor(port: RedisPort, prefix: string, swarmId: string, heartbeatMs: number) {
    this.#port = port;
    this.#agents = `${prefix}:${swarmId}:agents`;
    this.#heartbeats = `${prefix}:${swarmId}:heartbeat`;
    this.#silentMs = silentIntervals * heartbeatMs;
  }

  async join(agentId: string, now: number): Promise<void> {
    await this.#port.command('HSETNX', this.#agents, agentId, JSON.stringify({ agentId, joinedAt: now }));
    await this.beat(agentId, now);
  }

  async beat(agentId: string, now: number): Promise<void> {
    await this.#port.command('HSET', this.#heartbeats, agentId, String(now));
  }

  async leave(agentId: string): Promise<void> {
    await this.#port.command('HDEL', this.#heartbeats, agentId);
    await this.#port.command('HDEL', this.#agents, agentId);
  }

  /** Those heard of lately, by id. */
  async list(now: number): Promise<Participant[]> {
    const joined = pairs(await this.#port.command('HGETALL', this.#agents));
    const beats = pairs(await this.#port.command('HGETALL', this.#heartbeats));
    const found: Participant[] = [];
    for (const [agentId, beat] of beats) {
      const lastHeartbeat = Number(beat);
      if (Number.isFinite(lastHeartbeat) && now - lastHeartbeat <= this.#silentMs)
        found.push({ agentId, joinedAt: joinedAtOf(joined.get(agentId)) ?? lastHeartbeat, lastHeartbeat });
      else await this.leave(agentId);
    }
    return found.sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
  }
}

function joinedAtOf(text: string | undefined): number | undefined {
  try {
    const { joinedAt } = JSON.parse(text ?? '{}') as { joinedAt?: unknown };
    return typeof joinedAt === 'number' ? joinedAt : undefined;
  } catch {
    return undefined;
  }
}

/** A hash as clients answer it: alternating names and values, a map, or an object. */
function pairs(reply: unknown): Map<string, string> {
  if (reply instanceof Map) return reply as Map<string, string>;
  if (!Array.isArray(reply)) return new Map(Object.entries((reply ?? {}) as Record<string, string>));
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) found.set(String(reply[i]), String(reply[i + 1]));
  return found;
}
