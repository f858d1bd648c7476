import { agentById } from '../../kernel/access/statements.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import type { Projection } from '../../kernel/live/projection.ts';
import type { RedisWrite } from '../../kernel/live/writes.ts';
import { type Takeover, takeoverAt } from './coordinators/model.ts';

/** What seed 000 calls the two ends of an agent's life, by the operation that the entry tells of. */
const messages: Readonly<Record<string, string>> = {
  'fleet.spawn': 'agent.spawned',
  'fleet.terminate': 'agent.terminated',
};

/** Seed 000: how long the notes of a takeover live. */
const noteTtlMs = 3_600_000;

/** Messages on seed 000's channel when an agent is started and when it is ended, and what a takeover tells. */
export const projections: readonly Projection[] = [
  {
    kind: 'agent',
    *commands(context, { name: agentId }, { op, time: timestamp }) {
      const type = messages[op];
      const row = type === undefined ? undefined : yield* agentById(context.project, agentId);
      if (!row) return [];
      const message = JSON.stringify({ type, agentId, swarmId: row.swarm_id, timestamp });
      return [{ type: 'publish', channel: 'cfn-loop:agent-lifecycle', message }];
    },
  },
  {
    kind: 'coordinator',
    // biome-ignore lint/correctness/useYield: the pointer says all
    *commands(context, { name }, entry) {
      const takeover = takeoverAt(name);
      return takeover ? takeoverWrites(takeover, entry, context.now) : [];
    },
  },
];

/** Seed 000: notes for whoever starts coordinators, and a message to the swarm. */
function takeoverWrites(
  { id, successor, swarm }: Takeover,
  { seq, time: timestamp }: Entry,
  now: number,
): RedisWrite[] {
  const replaced = { deadCoordinatorId: id, newCoordinatorId: successor, timestamp };
  const message = JSON.stringify({ action: 'spawn_replacement', ...replaced });
  const told: RedisWrite = { type: 'publish', channel: `swarm:${swarm}:coordinator:dead`, message };
  const ttlMs = timestamp + noteTtlMs - now;
  if (ttlMs <= 0) return [told];
  const spawn = { replacesCoordinatorId: id, status: 'pending', priority: 'high', timestamp };
  const escalation = { coordinatorId: id, newCoordinatorId: successor, swarmId: swarm, timestamp };
  const note = (key: string, value: unknown): RedisWrite => {
    return { type: 'set', key, value: JSON.stringify(value), version: seq, ttlMs };
  };
  return [
    note(`coordinator:spawn:${successor}`, spawn),
    note(`coordinator:escalation:${id}`, escalation),
    told,
  ];
}
