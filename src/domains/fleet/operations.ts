import { z } from 'zod';
import { presenceOf, presences } from '../../kernel/access/presence.ts';
import { type AgentRow, agentById, agentsAfter, seeAgent } from '../../kernel/access/statements.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import * as model from './model.ts';
import {
  activeReader,
  assertMayChange,
  register as registerAgent,
  update as updateAgent,
} from './registration/registry.ts';

export * from './lives/handoffs.ts';
export { cleanup, lifecycle, reportConfidence, reportError, spawn, terminate } from './lives/lifecycle.ts';
export { performance, updatePerformance } from './lives/performance.ts';
export { createSwarm, members, swarm, swarms, updateSwarm } from './registration/groups.ts';
export * from './registration/teams.ts';
export { grantPermission, hasPermission, permissions, revokePermission } from './rights/permissions.ts';
export { roleInForce } from './rights/roles.ts';
export { noteSortie } from './specialists/operations.ts';

export const register = mutation({
  name: 'fleet.register',
  summary: 'Register an agent, or say again what it is',
  description:
    'Without an id a new agent is made. An agent registers itself; registering another under an id of choice, or joining a team or swarm that exists, needs the right "admin". A team or swarm that does not exist is made.',
  input: z.strictObject({
    id: schema.id.optional().describe('Id of the agent; made up when left out'),
    ...model.profile,
    team: schema.id.optional().describe('Team it belongs to'),
    restart: z
      .boolean()
      .default(false)
      .describe('A new process takes the name over: the incarnation grows, the one before is refused'),
  }),
  output: model.agent,
  access: 'write',
  route: 'POST /api/v1/fleet/agents',
  positional: ['id'],
  *run(context, { id, ...registration }) {
    if (id !== undefined) assertMayChange(context, id);
    return model.agentJustSeen(yield* registerAgent(context, id ?? context.newId('agent'), registration));
  },
});

export const list = query({
  name: 'fleet.list',
  summary: 'List agents by id, with their presence',
  input: z.strictObject({
    status: model.status.optional(),
    type: schema.name.optional(),
    team: schema.id.optional(),
    swarm: schema.id.optional(),
    capability: schema.name.optional().describe('Agents that have it'),
    presence: z.enum(presences, `one of ${presences.join(', ')}`).optional(),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ agents: z.array(model.agent), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/agents',
  *run(context, input) {
    yield* activeReader(context);
    const { status = '', type = '', team = '', swarm = '', capability = '', limit } = input;
    const filter = { status, type, team, swarm, capability };
    const resumed = yield* context.resumedAt();
    const agents: model.Agent[] = [];
    let after = input.cursor;
    for (;;) {
      const rows = yield* agentsAfter(context.project, after, filter, limit);
      for (const row of rows) {
        const agent = model.agentView(row, presenceOf(row.last_seen, resumed, context.now));
        if (capability !== '' && !agent.capabilities.includes(capability)) continue;
        if (input.presence && agent.presence !== input.presence) continue;
        agents.push(agent);
        if (agents.length === limit) return { agents, nextCursor: agent.id };
      }
      if (rows.length < limit) return { agents, nextCursor: null };
      after = rows.at(-1)!.id;
    }
  },
});

export const get = query({
  name: 'fleet.get',
  summary: 'Read one agent, with its presence',
  input: z.strictObject({ id: schema.id }),
  output: model.agent.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/agents/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* activeReader(context);
    const row = yield* agentById(context.project, id);
    return row
      ? model.agentView(row, presenceOf(row.last_seen, yield* context.resumedAt(), context.now))
      : null;
  },
});

export const update = mutation({
  name: 'fleet.update',
  summary: 'Change an agent',
  description:
    'An agent that is no longer active loses all memberships at once, the grants it gave end, and its tokens stop working. Changing another agent needs the right "admin".',
  input: z.strictObject({
    id: schema.id,
    ...model.profile,
    team: schema.id.nullable().optional().describe('Team it belongs to; null to leave'),
    status: model.status.optional(),
  }),
  output: model.agent.nullable(),
  access: 'write',
  risk: 'medium',
  route: 'PATCH /api/v1/fleet/agents/{id}',
  positional: ['id'],
  *run(context, { id, ...patch }) {
    assertMayChange(context, id);
    yield* context.identity();
    const row = yield* agentById(context.project, id);
    if (!row) return null;
    const next = yield* updateAgent(context, row, patch);
    return model.agentView(next, presenceOf(next.last_seen, yield* context.resumedAt(), context.now));
  },
});

export const heartbeat = mutation({
  name: 'fleet.heartbeat',
  summary: 'Say that an agent is alive',
  description:
    'Any call with a token of the agent says so too. With "incarnation", a process that was replaced learns of it: FENCED. Leaves no ledger entry.',
  input: z.strictObject({
    id: schema.id.optional().describe('The caller when left out; another needs the right "admin"'),
    incarnation: z.int().min(1).optional().describe('The life the caller believes to be'),
  }),
  output: z
    .object({ id: z.string(), status: model.status, incarnation: z.int(), lastSeen: z.int() })
    .nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/heartbeat',
  *run(context, { id = context.agent, incarnation }) {
    assertMayChange(context, id);
    yield* context.identity();
    const row = yield* agentById(context.project, id);
    if (!row) return null;
    assertCurrent(row, incarnation);
    yield* seeAgent(context.project, id, context.now);
    context.tx.touch(`fleet/${id}`);
    return {
      id,
      status: row.status as model.Status,
      incarnation: row.incarnation,
      lastSeen: Math.max(row.last_seen, context.now),
    };
  },
});

function assertCurrent(row: AgentRow, incarnation: number | undefined): void {
  if (incarnation === undefined || incarnation === row.incarnation) return;
  throw new RookeryError('FENCED', `${row.id} lives its incarnation ${row.incarnation}, not ${incarnation}`, {
    agent: row.id,
    incarnation,
    current: row.incarnation,
  });
}
