import { z } from 'zod';
import { agentSubject } from '../../../kernel/access/identity.ts';
import { scopes } from '../../../kernel/access/model.ts';
import {
  type AgentRow,
  agentById,
  changeLeader,
  type GroupRow,
  groupById,
} from '../../../kernel/access/statements.ts';
import { Denial, type WriteContext } from '../../../kernel/context.ts';
import { notFound, RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import * as model from '../model.ts';
import * as groups from './groups.ts';
import { activeReader, isAdministrator, update } from './registry.ts';

/**
 * Teams and who is in them. The leader of a team is one of its members, and puts agents in that are in no team; whoever
 * is in another must leave it first, unless an administrator moves it. Everybody may leave. A leader that leaves leaves
 * the team without one.
 */

export const teams = query({
  name: 'fleet.teams',
  summary: 'List the teams of the project',
  input: groups.page,
  output: z.object({ teams: z.array(model.team), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/teams',
  *run(context, input) {
    yield* activeReader(context);
    const { groups: rows, nextCursor } = yield* groups.listGroups(context.project, 'teams', input);
    return { teams: rows.map(model.teamView), nextCursor };
  },
});

export const team = query({
  name: 'fleet.team',
  summary: 'Read one team',
  input: groups.one,
  output: model.team.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/teams/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* activeReader(context);
    const row = yield* groupById(context.project, 'teams', id);
    return row ? model.teamView(row) : null;
  },
});

const leader = schema.id.optional().describe('Who leads it, and with that belongs to it');

export const createTeam = mutation({
  name: 'fleet.createTeam',
  summary: 'Register a team with its leader and members, or say again what it is',
  description:
    'A team that exists is changed, by its members and administrators only. Naming another leader than oneself, or members without being the leader, needs the right "admin".',
  input: groups.newGroup.extend({
    leader,
    members: z
      .array(schema.id)
      .max(limits.batchItems, `at most ${limits.batchItems}`)
      .default([])
      .describe('Who belongs to it beside the leader; agents that exist'),
  }),
  output: model.team,
  access: 'write',
  route: 'POST /api/v1/fleet/teams',
  positional: ['id'],
  *run(context, { leader: named, members, ...profile }) {
    const { row, isNew } = yield* groups.registerGroup(context, 'teams', profile);
    // Who founds a team for itself may be in it before anybody leads it.
    const founding = isNew && named === context.agent;
    if (named !== undefined) yield* appoint(context, row, named, founding);
    const led = (yield* groupById(context.project, 'teams', row.id))!;
    for (const member of new Set(members)) if (member !== named) yield* enter(context, led, member);
    return model.teamView(led);
  },
});

export const updateTeam = mutation({
  name: 'fleet.updateTeam',
  summary: 'Change a team',
  description:
    'For its members and administrators; its leader is for the present one and administrators to name.',
  input: groups.changed.extend({ leader: leader.describe('Who leads it from now on; one of its members') }),
  output: model.team.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/fleet/teams/{id}',
  positional: ['id'],
  *run(context, { leader: named, ...profile }) {
    const row = yield* groups.updateGroup(context, 'teams', profile);
    if (!row) return null;
    if (named !== undefined) yield* appoint(context, row, named, false);
    return model.teamView((yield* groupById(context.project, 'teams', row.id))!);
  },
});

const membership = z.strictObject({ team: schema.id, agent: schema.id });
const member = z.object({ agent: z.string(), team: z.string(), changed: z.boolean() });

export const addToTeam = mutation({
  name: 'fleet.addToTeam',
  summary: 'Put an agent into a team',
  description: 'For the leader of the team and administrators. Safe to repeat.',
  input: membership,
  output: member,
  access: 'write',
  risk: 'medium',
  route: 'PUT /api/v1/fleet/teams/{team}/members/{agent}',
  positional: ['team', 'agent'],
  *run(context, { team: id, agent }) {
    yield* context.identity();
    const row = yield* groupById(context.project, 'teams', id);
    if (!row) throw notFound('team');
    return { agent, team: id, changed: yield* enter(context, row, agent) };
  },
});

export const removeFromTeam = mutation({
  name: 'fleet.removeFromTeam',
  summary: 'Take an agent out of a team',
  description: 'For the leader of the team, the agent itself and administrators. Safe to repeat.',
  input: membership,
  output: member,
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/fleet/teams/{team}/members/{agent}',
  positional: ['team', 'agent'],
  *run(context, { team: id, agent }) {
    yield* context.identity();
    const row = yield* groupById(context.project, 'teams', id);
    if (!row) throw notFound('team');
    if (agent !== context.agent) yield* assertLeads(context, row);
    const gone = yield* existing(context, agent);
    if (gone.team_id !== id) return { agent, team: id, changed: false };
    yield* update(context, gone, { team: null }, { operation: 'fleet.removeFromTeam' });
    if (row.leader === agent) yield* setLeader(context, row, null);
    return { agent, team: id, changed: true };
  },
});

/** Answers whether the agent was not in it yet. */
function* enter(context: WriteContext, team: GroupRow, id: string): Work<boolean> {
  yield* assertLeads(context, team);
  return yield* move(context, team, id);
}

function* move(context: WriteContext, team: GroupRow, id: string): Work<boolean> {
  const agent = yield* existing(context, id);
  if (agent.team_id === team.id) return false;
  if (agent.team_id !== null && !isAdministrator(context) && id !== context.agent)
    throw new RookeryError('FORBIDDEN', `agent ${id} is in another team, and has to leave it first`, {
      agent: id,
    });
  yield* update(context, agent, { team: team.id }, { operation: 'fleet.addToTeam', mayJoin: true });
  return true;
}

function* existing(context: WriteContext, id: string): Work<AgentRow> {
  const row = yield* agentById(context.project, id);
  if (!row) throw notFound('agent');
  return row;
}

/** Makes somebody the leader; an administrator may choose one who is not in the team yet, and so may its founder. */
function* appoint(context: WriteContext, team: GroupRow, id: string, founding: boolean): Work<void> {
  if (!founding) yield* assertLeads(context, team);
  if (founding || isAdministrator(context)) yield* move(context, team, id);
  else if ((yield* existing(context, id)).team_id !== team.id)
    throw new Denial('FORBIDDEN', `a leader has to be in the team, and ${id} is not`, agentSubject(id), {
      agent: id,
    });
  yield* setLeader(context, team, id);
}

function* setLeader(context: WriteContext, team: GroupRow, id: string | null): Work<void> {
  if ((team.leader ?? null) === id) return;
  yield* changeLeader(context.project, team.id, id, context.now);
  yield* context.record(groups.subjectOf('teams', team.id), { operation: 'fleet.leadTeam' });
  context.tx.touch('fleet');
}

/** One who has left the team does not lead it, whatever the row says. */
function* assertLeads(context: WriteContext, team: GroupRow): Work<void> {
  if (isAdministrator(context)) return;
  const { scopes: own } = yield* context.identity();
  if (team.leader === context.agent && own.includes(scopes.team(team.id))) return;
  throw new Denial(
    'FORBIDDEN',
    'who is in a team is for its leader and administrators to say',
    groups.subjectOf('teams', team.id),
    { team: team.id, needs: 'admin' },
  );
}
