import { z } from 'zod';
import { agentSubject } from '../../../kernel/access/identity.ts';
import { scopes } from '../../../kernel/access/model.ts';
import { nextDeathAt } from '../../../kernel/access/presence.ts';
import { type AgentRow, agentById } from '../../../kernel/access/statements.ts';
import { Denial, type WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { encodeValue } from '../../../kernel/json.ts';
import { limits } from '../../../kernel/limits.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import { activeReader, isAdministrator } from '../registration/registry.ts';
import { leads } from '../rights/roles.ts';
import * as model from './handoff-model.ts';
import {
  claimHandoff as claimRow,
  type HandoffRow,
  handoffsAfter,
  lastEnd,
  notesOf,
  openHandoff,
  putNotes,
} from './handoff-statements.ts';
import { deathTopic, recordHandoff, tellDeaths } from './lives.ts';
import { notesBinding, notesSubject, notesText } from './notes.ts';

/** Deaths told in one call, so that a fleet that dies at once does not hold up the commit. */
const deathsAtOnce = 50;

export const sweep = mutation({
  name: 'fleet.sweep',
  summary: 'Tell the deaths that nobody has told yet',
  description:
    'An agent is dead once it was silent for the whole interval while the store was listening. Whoever sweeps first tells it, once for each life: its leases end, the tasks it had claimed go back, and what it left behind waits for a successor. At most 50 at once.',
  input: z.strictObject({}),
  output: z.object({ deaths: z.array(model.handoff), more: z.boolean() }),
  access: 'write',
  route: 'POST /api/v1/fleet/sweep',
  *run(context) {
    yield* context.caretaker();
    const told = yield* tellDeaths(context, deathsAtOnce);
    return { deaths: told.map(viewOf), more: told.length === deathsAtOnce };
  },
});

const position = z.int('a whole number').min(0, 'at least 0');

export const waitDeath = mutation({
  name: 'fleet.waitDeath',
  summary: 'Wait for deaths, telling those that are due',
  description:
    'Deaths after a position, oldest first, and where to go on. Without "after": those from now on. Any number of monitors may wait: each hears of each death, and each death is told once.',
  input: z.strictObject({
    after: position.optional().describe('The "next" of the answer before'),
    limit: schema.limit,
    waitMs: schema.waitMs,
  }),
  output: z.object({ deaths: z.array(model.handoff), next: z.int(), dueInMs: z.int().nullable() }),
  access: 'write',
  route: 'POST /api/v1/fleet/deaths/wait',
  *run(context, { after, limit }) {
    yield* context.identity();
    const from = after ?? (yield* lastEnd(context.project))?.seq ?? 0;
    return yield* deathsFrom(context, from, limit);
  },
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: () => [deathTopic],
    pending: (_, { deaths, dueInMs }) =>
      deaths.length > 0 ? undefined : { dueInMs: dueInMs === null ? undefined : Math.max(1, dueInMs) },
    poll: (context, { limit }, { next }) => deathsFrom(context, next, limit),
  },
});

function* deathsFrom(context: WriteContext, from: number, limit: number) {
  yield* tellDeaths(context, deathsAtOnce);
  const rows = yield* handoffsAfter(context.project, from, { cause: 'death' }, limit);
  const due = yield* nextDeathAt(context.project, yield* context.resumedAt());
  return {
    deaths: rows.map(viewOf),
    next: rows.at(-1)?.ended_seq ?? from,
    dueInMs: due === undefined ? null : Math.max(0, due - context.now),
  };
}

export const handoffs = query({
  name: 'fleet.handoffs',
  summary: 'List the ends of lives, oldest first, and who took over',
  input: z.strictObject({
    agent: schema.id.optional().describe('Whose'),
    open: z.boolean().default(false).describe('Only those that nobody has claimed'),
    limit: schema.limit,
    cursor: schema.numericCursor,
  }),
  output: z.object({ handoffs: z.array(model.handoff), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/handoffs',
  *run(context, { agent = '', open, limit, cursor }) {
    yield* activeReader(context);
    const rows = yield* handoffsAfter(context.project, Number(cursor), { agent, open }, limit + 1);
    const page = rows.slice(0, limit);
    return {
      handoffs: page.map(viewOf),
      nextCursor: rows.length > limit ? String(page.at(-1)!.ended_seq) : null,
    };
  },
});

export const claimHandoff = mutation({
  name: 'fleet.claimHandoff',
  summary: 'Take over what an agent left behind, once',
  description:
    'The oldest that is open, or that of one life; null when there is none. For the agent in its next life, for its team (its swarm where it has none), for coordinators of its swarm and for administrators. The leases in it have ended: acquire anew.',
  input: z.strictObject({
    agent: schema.id.describe('Whose'),
    incarnation: z.int().min(1).optional().describe('The life that ended'),
  }),
  output: model.handoff.extend({ bundle: model.bundle, notes: z.unknown().nullable() }).nullable(),
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/fleet/agents/{agent}/handoff',
  positional: ['agent'],
  *run(context, { agent, incarnation }) {
    yield* context.identity();
    const of = yield* agentById(context.project, agent);
    if (!of) return null;
    yield* assertMayClaim(context, of);
    const open = yield* openHandoff(context.project, agent, incarnation);
    if (!open) return null;
    const claimed = { ...open, claimed_by: context.agent, claimed_at: context.now };
    claimed.seq = yield* recordHandoff(context, claimed, 'fleet.claimHandoff');
    if ((yield* claimRow(context.project, claimed)) !== 1)
      throw new RookeryError('REVISION_CONFLICT', 'the handoff was claimed meanwhile', { agent });
    context.tx.touch(`fleet/${agent}`);
    const bundle = JSON.parse(claimed.bundle) as model.Bundle;
    return { ...viewOf(claimed), bundle, notes: yield* openNotes(context, agent) };
  },
});

export const leaveNotes = mutation({
  name: 'fleet.leaveNotes',
  summary: 'Leave notes for whoever takes over from the caller',
  description:
    'They replace what was there before; they are encrypted, and given to the one who claims the handoff.',
  input: z.strictObject({ notes: schema.json.describe('Any JSON value; null for none') }),
  output: z.object({ agent: z.string(), revision: z.int() }),
  access: 'write',
  route: 'PUT /api/v1/fleet/notes',
  *run(context, { notes }) {
    yield* context.identity();
    const { agent } = context;
    const revision = ((yield* notesOf(context.project, agent))?.revision ?? 0) + 1;
    const text = encodeValue('notes', notes);
    if (Buffer.byteLength(text) > limits.metadataBytes)
      throw new RookeryError('TOO_LARGE', `notes: at most ${limits.metadataBytes} bytes of JSON`, {
        field: 'notes',
        limitBytes: limits.metadataBytes,
      });
    const { sealed } = yield* context.seal(text, true, notesBinding(agent, revision));
    const seq = yield* context.record(notesSubject(agent), {
      revision: [revision - 1, revision],
      content: text,
    });
    const row = { agent_id: agent, revision, sealed: sealed!, updated_at: context.now, seq };
    yield* putNotes(context.project, row);
    return { agent, revision };
  },
});

function* assertMayClaim(context: WriteContext, of: AgentRow): Work<void> {
  if (of.id === context.agent || isAdministrator(context)) return;
  const { scopes: own } = yield* context.identity();
  const kin = of.team_id === null ? scopes.swarm(of.swarm_id) : scopes.team(of.team_id);
  if (own.includes(kin) || (yield* leads(context, of.swarm_id))) return;
  throw new Denial(
    'FORBIDDEN',
    `taking over from ${of.id} is for its own and for coordinators`,
    agentSubject(of.id),
    {
      agent: of.id,
    },
  );
}

function viewOf(row: HandoffRow): model.Handoff {
  return {
    id: row.id,
    agent: row.agent_id,
    incarnation: row.incarnation,
    cause: row.cause as model.Cause,
    lastSeen: row.last_seen,
    endedAt: row.ended_at,
    claimedBy: row.claimed_by,
    claimedAt: row.claimed_at,
    seq: row.ended_seq,
  };
}

function* openNotes(context: WriteContext, agent: string): Work<unknown> {
  const row = yield* notesOf(context.project, agent);
  return row ? JSON.parse(yield* notesText(context, row)) : null;
}
