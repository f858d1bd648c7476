/** The channels of a swarm, and what is sent in each. */
export const channelNames = ['coordination', 'memory', 'events', 'consensus', 'heartbeat', 'sqlite'] as const;
export type ChannelName = (typeof channelNames)[number];

/** The event that a coordinator emits for a message of another one. */
const events: Readonly<Record<string, string>> = {
  agent_registered: 'agentConnected',
  agent_disconnected: 'agentDisconnected',
  phase_change: 'phaseChange',
  leader_election: 'leaderElection',
  heartbeat_request: 'heartbeatRequest',
  status_request: 'statusRequest',
  shutdown_request: 'shutdownRequest',
  status_update: 'statusUpdate',
  memory_operation: 'memoryOperation',
  cache_invalidate: 'cacheInvalidate',
  agent_event: 'agentEvent',
  consensus_request: 'consensusRequest',
  consensus_vote: 'consensusVote',
  heartbeat: 'agentHeartbeat',
  schema_update: 'schemaUpdate',
  schema_operation: 'schemaOperation',
  migration_request: 'migrationRequest',
};

export function eventOf(type: string): string | undefined {
  return Object.hasOwn(events, type) ? events[type] : undefined;
}

/** A short name means the channel of the swarm; anything with a colon is the channel itself. */
export function channelOf(prefix: string, swarmId: string, channel: string): string {
  if (channel.includes(':')) return channel;
  return channel === 'global' ? `${prefix}:global:coordination` : `${prefix}:${swarmId}:${channel}`;
}

const told = ['namespace', 'aclLevel', 'agentId', 'version', 'ttl', 'type'] as const;
/** Whose keys may be told to the whole swarm. */
const openLevels: ReadonlySet<unknown> = new Set([3, 4]);

/** What may be said of an operation on memory: never a value, and a key only of the swarm's and the project's entries. */
export function memoryOperation(operation: string, key: string, details: Readonly<Record<string, unknown>>) {
  const known = told.filter((name) => details[name] !== undefined).map((name) => [name, details[name]]);
  const shownKey = openLevels.has(details['aclLevel']) ? key : null;
  return { type: 'memory_operation', operation, key: shownKey, ...Object.fromEntries(known) };
}
