import { z } from 'zod';
import { scopes } from '../../kernel/access/model.ts';
import {
  type GroupRow,
  type GroupTable,
  groupById,
  groupsAfter,
  membersOf,
  putGroup,
} from '../../kernel/access/statements.ts';
import { Denial, type Subject, type WriteContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import * as model from './model.ts';
import { activeReader, isAdministrator } from './registry.ts';

const page = z.strictObject({ limit: schema.limit, cursor: schema.cursor });
const newGroup = z.strictObject({
  id: schema.id.optional().describe('Made up when left out'),
  ...model.groupProfile,
});
const changed = z.strictObject({ id: schema.id, ...model.groupProfile });
const one = z.strictObject({ id: schema.id });

export const teams = query({
  name: 'fleet.teams',
  summary: 'List the teams of the project',
  input: page,
  output: z.object({ teams: z.array(model.group), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/teams',
  *run(context, input) {
    yield* activeReader(context);
    const { groups, nextCursor } = yield* listGroups(context.project, 'teams', input);
    return { teams: groups, nextCursor };
  },
});

export const team = query({
  name: 'fleet.team',
  summary: 'Read one team',
  input: one,
  output: model.group.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/teams/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* activeReader(context);
    return viewOrNull(yield* groupById(context.project, 'teams', id));
  },
});

export const createTeam = mutation({
  name: 'fleet.createTeam',
  summary: 'Register a team, or say again what it is',
  description: 'A team that exists is changed, by its members and administrators only.',
  input: newGroup,
  output: model.group,
  access: 'write',
  route: 'POST /api/v1/fleet/teams',
  positional: ['id'],
  run: (context, input) => registerGroup(context, 'teams', input),
});

export const updateTeam = mutation({
  name: 'fleet.updateTeam',
  summary: 'Change a team',
  description: 'For its members and administrators.',
  input: changed,
  output: model.group.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/fleet/teams/{id}',
  positional: ['id'],
  run: (context, input) => updateGroup(context, 'teams', input),
});

export const swarms = query({
  name: 'fleet.swarms',
  summary: 'List the swarms of the project',
  input: page,
  output: z.object({ swarms: z.array(model.group), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/swarms',
  *run(context, input) {
    yield* activeReader(context);
    const { groups, nextCursor } = yield* listGroups(context.project, 'swarms', input);
    return { swarms: groups, nextCursor };
  },
});

export const swarm = query({
  name: 'fleet.swarm',
  summary: 'Read one swarm',
  input: one,
  output: model.group.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/swarms/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* activeReader(context);
    return viewOrNull(yield* groupById(context.project, 'swarms', id));
  },
});

export const createSwarm = mutation({
  name: 'fleet.createSwarm',
  summary: 'Register a swarm, or say again what it is',
  description: 'A swarm that exists is changed, by its members and administrators only.',
  input: newGroup,
  output: model.group,
  access: 'write',
  route: 'POST /api/v1/fleet/swarms',
  positional: ['id'],
  run: (context, input) => registerGroup(context, 'swarms', input),
});

export const updateSwarm = mutation({
  name: 'fleet.updateSwarm',
  summary: 'Change a swarm',
  description: 'For its members and administrators.',
  input: changed,
  output: model.group.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/fleet/swarms/{id}',
  positional: ['id'],
  run: (context, input) => updateGroup(context, 'swarms', input),
});

export const members = query({
  name: 'fleet.members',
  summary: 'List the ids of the active agents of a team or a swarm',
  input: z.strictObject({
    team: schema.id.optional(),
    swarm: schema.id.optional(),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ members: z.array(z.string()), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/members',
  *run(context, input) {
    yield* activeReader(context);
    const ids = yield* membersOf(context.project, scopeOf(input), {
      after: input.cursor,
      limit: input.limit + 1,
      now: context.now,
    });
    const shown = ids.slice(0, input.limit);
    return { members: shown, nextCursor: ids.length > input.limit ? shown.at(-1)! : null };
  },
});

function scopeOf({ team, swarm }: { team?: string | undefined; swarm?: string | undefined }): string {
  if ((team === undefined) === (swarm === undefined)) throw invalid('team', 'either a team or a swarm');
  return team === undefined ? scopes.swarm(swarm!) : scopes.team(team);
}

function* listGroups(project: string, table: GroupTable, { limit, cursor }: z.output<typeof page>) {
  const rows = yield* groupsAfter(project, table, cursor, limit + 1);
  const shown = rows.slice(0, limit);
  return {
    groups: shown.map(model.groupView),
    nextCursor: rows.length > limit ? shown.at(-1)!.id : null,
  };
}

function viewOrNull(row: GroupRow | undefined) {
  return row ? model.groupView(row) : null;
}

function* registerGroup(context: WriteContext, table: GroupTable, input: z.output<typeof newGroup>) {
  yield* context.identity();
  const id = input.id ?? context.newId(kindOf(table));
  const row = yield* groupById(context.project, table, id);
  if (row) return yield* change(context, table, row, input);
  const empty = { id, name: id, description: '', metadata: '{}', created_at: context.now, updated_at: 0 };
  return yield* put(context, table, empty, input);
}

function* updateGroup(context: WriteContext, table: GroupTable, input: z.output<typeof changed>) {
  yield* context.identity();
  const row = yield* groupById(context.project, table, input.id);
  return row ? yield* change(context, table, row, input) : null;
}

type Profile = Omit<z.output<typeof changed>, 'id'>;

function* change(context: WriteContext, table: GroupTable, row: GroupRow, profile: Profile) {
  const { scopes: own } = yield* context.identity();
  const subject = subjectOf(table, row.id);
  if (!own.includes(scopes[kindOf(table)](row.id)) && !isAdministrator(context)) {
    const message = `changing a ${subject.kind} of others needs the right "admin"`;
    throw new Denial('FORBIDDEN', message, subject, { [subject.kind]: row.id, needs: 'admin' });
  }
  return yield* put(context, table, row, profile);
}

function* put(context: WriteContext, table: GroupTable, row: GroupRow, profile: Profile): Work<Group> {
  const next = {
    ...row,
    name: profile.name ?? row.name,
    description: profile.description ?? row.description,
    metadata: profile.metadata ? model.encodeMetadata(profile.metadata) : row.metadata,
    updated_at: context.now,
  };
  yield* putGroup(context.project, table, next);
  yield* context.record(subjectOf(table, row.id));
  context.tx.touch('fleet');
  return model.groupView(next);
}

type Group = z.output<typeof model.group>;

function kindOf(table: GroupTable): 'team' | 'swarm' {
  return table === 'teams' ? 'team' : 'swarm';
}

function subjectOf(table: GroupTable, id: string): Subject {
  return { kind: kindOf(table), name: id, scope: scopes.project };
}
