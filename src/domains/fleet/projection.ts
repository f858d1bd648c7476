import { agentById } from '../../kernel/access/statements.ts';
import type { Projection } from '../../kernel/live/projection.ts';

/** What seed 000 calls the two ends of an agent's life, by the operation that the entry tells of. */
const messages: Readonly<Record<string, string>> = {
  'fleet.spawn': 'agent.spawned',
  'fleet.terminate': 'agent.terminated',
};

/** Messages on seed 000's channel when an agent is started and when it is ended. */
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
];
