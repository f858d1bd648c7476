import { z } from 'zod';
import { scopes } from '../../../kernel/access/model.ts';
import {
  type GroupRow,
  type GroupTable,
  groupById,
  groupsAfter,
  membersOf,
  putGroup,
} from '../../../kernel/access/statements.ts';
import { Denial, type Subject, type WriteContext } from '../../../kernel/context.ts';
import { invalid } from '../../../kernel/errors.ts';
import { mutation, query } from '../../../kernel/operation.ts';
import * as schema from '../../../kernel/schema.ts';
import type { Work } from '../../../kernel/work.ts';
import * as model from '../model.ts';
import { activeReader, isAdministrator } from './registry.ts';

export const page = z.strictObject({ limit: schema.limit, cursor: schema.cursor });
export const newGroup = z.strictObject({
  id: schema.id.optional().describe('Made up when left out'),
  ...model.groupProfile,
});
export const changed = z.strictObject({ id: schema.id, ...model.groupProfile });
export const one = z.strictObject({ id: schema.id });

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
    return { swarms: groups.map(model.groupView), nextCursor };
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
    const row = yield* groupById(context.project, 'swarms', id);
    return row ? model.groupView(row) : null;
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
  *run(context, input) {
    return model.groupView((yield* registerGroup(context, 'swarms', input)).row);
  },
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
  *run(context, input) {
    const row = yield* updateGroup(context, 'swarms', input);
    return row ? model.groupView(row) : null;
  },
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

export function* listGroups(project: string, table: GroupTable, { limit, cursor }: z.output<typeof page>) {
  const rows = yield* groupsAfter(project, table, cursor, limit + 1);
  const shown = rows.slice(0, limit);
  return { groups: shown, nextCursor: rows.length > limit ? shown.at(-1)!.id : null };
}

/** A new group, or one that exists with what is said of it now. */
export function* registerGroup(
  context: WriteContext,
  table: GroupTable,
  input: z.output<typeof newGroup>,
): Work<{ row: GroupRow; isNew: boolean }> {
  yield* context.identity();
  const id = input.id ?? context.newId(kindOf(table));
  const row = yield* groupById(context.project, table, id);
  if (row) return { row: yield* change(context, table, row, input), isNew: false };
  const empty = { id, name: id, description: '', metadata: '{}', created_at: context.now, updated_at: 0 };
  return { row: yield* put(context, table, empty, input), isNew: true };
}

export function* updateGroup(
  context: WriteContext,
  table: GroupTable,
  input: z.output<typeof changed>,
): Work<GroupRow | null> {
  yield* context.identity();
  const row = yield* groupById(context.project, table, input.id);
  return row ? yield* change(context, table, row, input) : null;
}

type Profile = Omit<z.output<typeof changed>, 'id'>;

function* change(context: WriteContext, table: GroupTable, row: GroupRow, profile: Profile): Work<GroupRow> {
  const { scopes: own } = yield* context.identity();
  const subject = subjectOf(table, row.id);
  if (!own.includes(scopes[kindOf(table)](row.id)) && !isAdministrator(context)) {
    const message = `changing a ${subject.kind} of others needs the right "admin"`;
    throw new Denial('FORBIDDEN', message, subject, { [subject.kind]: row.id, needs: 'admin' });
  }
  return yield* put(context, table, row, profile);
}

function* put(context: WriteContext, table: GroupTable, row: GroupRow, profile: Profile): Work<GroupRow> {
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
  return next;
}

function kindOf(table: GroupTable): 'team' | 'swarm' {
  return table === 'teams' ? 'team' : 'swarm';
}

export function subjectOf(table: GroupTable, id: string): Subject {
  return { kind: kindOf(table), name: id, scope: scopes.project };
}
