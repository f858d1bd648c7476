import { z } from 'zod';
import { agentSubject, createAgent, defaultSwarm } from '../../../kernel/access/identity.ts';
import { rolesInForce } from '../../../kernel/access/role-statements.ts';
import { type AgentRow, agentById, agentsAfter } from '../../../kernel/access/statements.ts';
import type { WriteContext } from '../../../kernel/context.ts';
import type { Risk } from '../../../kernel/ledger/entry.ts';
import { limits } from '../../../kernel/limits.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { recordEvent, streamPage } from '../../mail/operations.ts';
import * as model from '../model.ts';
import { activeReader, assertMayChange, register, update } from '../registration/registry.ts';
import { labelsOf } from './lives.ts';
import { changePerformance, ratio, withConfidence } from './performance.ts';

/**
 * The history of an agent: events of its stream (type `agent`), in the same transaction as what they tell of. Each has
 * an audience, so a history shows what its reader may see.
 */
const eventTypes = [
  'spawn',
  'update',
  'confidence_update',
  'task_assigned',
  'task_completed',
  'terminate',
  'error',
  'death',
] as const;
type EventType = (typeof eventTypes)[number];

const text = z.string('text').max(limits.nameLength * 8, `at most ${limits.nameLength * 8} characters`);
const wordsFor = (audience: z.output<typeof schema.level>) =>
  schema.level
    .default(audience)
    .describe('Who may read the words of it; private, team and system are encrypted');
const level = wordsFor('swarm');
const at = {
  phase: schema.name.optional().describe('Phase of the work it belongs to'),
  iteration: z.int('a whole number').min(0, 'at least 0').optional(),
};
const agentId = schema.id.optional().describe('The caller when left out; another needs the right "admin"');

export const spawn = mutation({
  name: 'fleet.spawn',
  summary: 'Register an agent that has just been started',
  description:
    'As fleet.register, with an event in its history. What is left out follows from the type. Without an id a new agent is made; one that was terminated lives again when an administrator starts it.',
  input: z.strictObject({
    id: schema.id.optional().describe('Id of the agent; made up when left out'),
    ...model.profile,
    team: schema.id.optional().describe('Team it belongs to'),
  }),
  output: model.agent,
  access: 'write',
  route: 'POST /api/v1/fleet/spawn',
  positional: ['id'],
  *run(context, { id: given, ...registration }) {
    if (given !== undefined) assertMayChange(context, given);
    const id = given ?? context.newId('agent');
    const row = yield* register(context, id, { ...registration, revive: true });
    yield* tell(context, row, {
      type: 'spawn',
      level: 'project',
      data: { name: row.name, type: row.type, team: row.team_id, swarm: row.swarm_id },
    });
    return model.agentJustSeen(row);
  },
});

export const reportConfidence = mutation({
  name: 'fleet.reportConfidence',
  summary: 'Say how sure an agent is of its work',
  description: 'An event in its history, and its figures. An agent that does not exist yet is made.',
  input: z.strictObject({
    agent: agentId,
    confidence: ratio,
    reasoning: text.optional(),
    ...at,
    level,
  }),
  output: z.object({ agent: z.string(), event: z.string(), averageConfidence: z.number() }),
  access: 'write',
  route: 'POST /api/v1/fleet/confidence',
  *run(context, { agent = context.agent, confidence, reasoning, phase, iteration, level: audience }) {
    assertMayChange(context, agent);
    yield* context.identity();
    const row = yield* existing(context, agent);
    const event = yield* tell(context, row, {
      type: 'confidence_update',
      level: audience,
      data: { confidence, reasoning, phase, iteration },
    });
    const figures = yield* changePerformance(context, agent, (before) =>
      withConfidence(before, { confidence, phase, iteration }),
    );
    return { agent, event, averageConfidence: figures.average_confidence };
  },
});

export const reportError = mutation({
  name: 'fleet.reportError',
  summary: 'Say that something went wrong for an agent',
  input: z.strictObject({
    agent: agentId,
    message: text.min(1, 'must not be empty'),
    ...at,
    level,
  }),
  output: z.object({ agent: z.string(), event: z.string(), errors: z.int() }),
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/fleet/errors',
  *run(context, { agent = context.agent, message, phase, iteration, level: audience }) {
    assertMayChange(context, agent);
    yield* context.identity();
    const row = yield* existing(context, agent);
    const data = { message, phase, iteration };
    const event = yield* tell(context, row, { type: 'error', level: audience, data, risk: 'medium' });
    const figures = yield* changePerformance(context, agent, (before) => ({
      ...before,
      errors: before.errors + 1,
    }));
    return { agent, event, errors: figures.errors };
  },
});

export const terminate = mutation({
  name: 'fleet.terminate',
  summary: 'End an agent for good',
  description:
    'It loses all access, its leases end, and what it left behind waits for a successor. For the agent itself and administrators; null when there is no such agent. Safe to repeat.',
  input: z.strictObject({ agent: schema.id, reason: text.default(''), level: wordsFor('project') }),
  output: model.agent.nullable(),
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/fleet/agents/{agent}/terminate',
  positional: ['agent', 'reason'],
  *run(context, { agent, reason, level: audience }) {
    assertMayChange(context, agent);
    yield* context.identity();
    const row = yield* agentById(context.project, agent);
    if (!row) return null;
    const dead = model.agentView(row, 'dead');
    if (row.status === 'terminated') return dead;
    // Seed 000: a termination for an error is of high risk.
    const risk: Risk = /error/i.test(reason) ? 'high' : 'low';
    yield* writeEvent(context, row, { type: 'terminate', level: audience, data: { reason } });
    const after = yield* update(
      context,
      row,
      { status: 'terminated' },
      { operation: 'fleet.terminate', labels: labelsOf('terminate', row), risk },
    );
    return model.agentView(after, 'dead');
  },
});

const lifecycleEvent = z.object({
  id: z.string(),
  type: z.enum(eventTypes),
  agent: z.string(),
  agentType: z.string(),
  swarm: z.string(),
  at: z.int(),
  phase: z.string().nullable(),
  iteration: z.int().nullable(),
  data: z.record(z.string(), z.unknown()),
});

/** Events looked through for one page of a history that is filtered by type. */
const lookedThrough = 5000;

export const lifecycle = query({
  name: 'fleet.lifecycle',
  summary: "Read an agent's history, newest first",
  input: z.strictObject({
    agent: schema.id,
    types: z.array(z.enum(eventTypes)).min(1).optional().describe('Only events of these types'),
    limit: schema.limit,
    cursor: schema.numericCursor,
  }),
  output: z.object({ events: z.array(lifecycleEvent), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/agents/{agent}/lifecycle',
  positional: ['agent'],
  *run(context, { agent, types, limit, cursor }) {
    yield* activeReader(context);
    let before = cursor === '' ? Number.MAX_SAFE_INTEGER : Number(cursor);
    const events: z.output<typeof lifecycleEvent>[] = [];
    for (let looked = 0; looked < lookedThrough; ) {
      const range = { streamType: 'agent', streamId: agent, before, first: 'newest' as const, limit };
      const page = yield* streamPage(context, range);
      for (const event of page.events) {
        before = event.sequence;
        looked++;
        if (!types || types.includes(event.type as EventType)) events.push(lifecycleView(agent, event));
        if (events.length === limit) return { events, nextCursor: String(before) };
      }
      if (!page.more) return { events, nextCursor: null };
    }
    return { events, nextCursor: String(before) };
  },
});

export const cleanup = mutation({
  name: 'fleet.cleanup',
  summary: 'Make agents inactive that were not heard of for long',
  description:
    'Answers whom; at most 500 at once. Time in which the store could not hear anybody does not count. Holders of the roles system and product-owner stay.',
  input: z.strictObject({
    inactiveMs: z
      .int('a whole number of milliseconds')
      .min(60_000, 'at least 60000')
      .default(3_600_000)
      .describe('How long they were silent'),
  }),
  output: z.object({ agents: z.array(z.string()) }),
  access: 'admin',
  risk: 'medium',
  route: 'POST /api/v1/fleet/cleanup',
  *run(context, { inactiveMs }) {
    yield* context.identity();
    const since = context.now - inactiveMs;
    if ((yield* context.resumedAt()) > since) return { agents: [] };
    const agents: string[] = [];
    for (const row of yield* silentAgents(context, since)) {
      yield* update(context, row, { status: 'inactive' }, { operation: 'fleet.cleanup' });
      agents.push(row.id);
    }
    return { agents };
  },
});

const cleanedAtOnce = 500;

function* silentAgents(context: WriteContext, since: number): Work<AgentRow[]> {
  const filter = { status: 'active', type: '', team: '', swarm: '', capability: '' };
  const silent: AgentRow[] = [];
  for (let after = ''; ; ) {
    const rows = yield* agentsAfter(context.project, after, filter, cleanedAtOnce);
    for (const row of rows) {
      if (row.last_seen > since || row.id === context.agent) continue;
      if (yield* standsForRole(context, row.id)) continue;
      silent.push(row);
      if (silent.length === cleanedAtOnce) return silent;
    }
    if (rows.length < cleanedAtOnce) return silent;
    after = rows.at(-1)!.id;
  }
}

/** Who decides for a swarm is asked now and then and need not be heard of in between. */
function* standsForRole(context: WriteContext, agent: string): Work<boolean> {
  const held = yield* rolesInForce(context.project, agent, context.now);
  return held.some(({ role }) => role === 'system' || role === 'product-owner');
}

/** The agent that something is said of; made where it is missing. */
function* existing(context: WriteContext, agent: string): Work<AgentRow> {
  const row = yield* agentById(context.project, agent);
  if (row) return row;
  const swarm = context.principal.swarm ?? defaultSwarm;
  yield* createAgent(context.tx, context.keyring, context.principal, { id: agent, swarm });
  return (yield* agentById(context.project, agent))!;
}

interface Told {
  readonly type: EventType;
  readonly level: z.output<typeof schema.level>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly risk?: Risk;
}

/** An event of the agent's history, and the entry that seed 000's queries find; answers the event's id. */
function* tell(context: WriteContext, row: AgentRow, told: Told): Work<string> {
  const id = yield* writeEvent(context, row, told);
  yield* context.record(agentSubject(row.id), { labels: labelsOf(told.type, row), risk: told.risk ?? 'low' });
  return id;
}

function* writeEvent(
  context: WriteContext,
  row: AgentRow,
  { type, level: audience, data }: Told,
): Work<string> {
  // What was left out is no JSON.
  const said = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
  const { id } = yield* recordEvent(context, {
    streamType: 'agent',
    streamId: row.id,
    type,
    level: audience,
    data: { ...said, agentType: row.type, agentSwarm: row.swarm_id },
  });
  return id;
}

function lifecycleView(
  agent: string,
  event: { id: string; type: string; data: unknown; occurredAt: string },
): z.output<typeof lifecycleEvent> {
  const { agentType, agentSwarm, ...data } = event.data as Record<string, unknown>;
  return {
    id: event.id,
    type: event.type as EventType,
    agent,
    agentType: String(agentType),
    swarm: String(agentSwarm),
    at: Date.parse(event.occurredAt),
    phase: (data['phase'] as string | undefined) ?? null,
    iteration: (data['iteration'] as number | undefined) ?? null,
    data,
  };
}
