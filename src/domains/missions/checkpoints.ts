import { z } from 'zod';
import { invalid, notFound } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import { adopt as adoptCheckpoint } from './adoption.ts';
import * as model from './checkpoint-model.ts';
import {
  checkpointCount,
  checkpointsOf,
  checkpointTotal,
  latestCheckpoint,
} from './checkpoint-statements.ts';
import { missionId, progress } from './model.ts';
import { checkpointOf } from './records.ts';
import { recover as recoverFrom } from './recovery.ts';
import { prune as pruneOld } from './retention.ts';
import { missionRows } from './statements.ts';
import { dropCheckpoint, findCheckpoint, takeCheckpoint } from './taking.ts';

export const create = mutation({
  name: 'checkpoints.create',
  summary: 'Remember what a mission is like now',
  description:
    'Sorties, locks and unread messages are taken as they are; secrets are left out. A mission keeps its newest 100.',
  input: z.strictObject({
    missionId,
    trigger: model.trigger.default('manual'),
    triggerDetails: z.unknown().optional().describe('More about the trigger; any JSON value'),
    progressPercent: progress.optional(),
    ...model.given,
    createdBy: schema.agentId.optional().describe('The caller when left out'),
    ttlHours: model.ttlHours,
    metadata: schema.metadata,
  }),
  output: z.object({ checkpoint: model.checkpoint, dropped: z.array(model.place) }),
  access: 'write',
  route: 'POST /api/v1/fleet/checkpoints',
  positional: ['missionId'],
  *run(context, { missionId: id, createdBy = context.agent, ...wanted }) {
    yield* context.identity();
    const mission = yield* missionRows.byId(context.project, id);
    if (!mission) throw notFound('mission');
    const { checkpoint, dropped } = yield* takeCheckpoint(context, mission, { ...wanted, createdBy });
    return { checkpoint: checkpointOf(checkpoint), dropped: [...dropped] };
  },
});

export const get = query({
  name: 'checkpoints.get',
  summary: 'Read one checkpoint',
  input: z.strictObject({ id: model.checkpointId }),
  output: model.checkpoint.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/checkpoints/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const identity = yield* context.identity();
    const row = identity.scopes.length > 0 ? yield* findCheckpoint(context, id) : undefined;
    return row ? checkpointOf(row) : null;
  },
});

export const list = query({
  name: 'checkpoints.list',
  summary: 'List the checkpoints of a mission, the newest first, and count them',
  input: z.strictObject({
    missionId,
    limit: z.int('a whole number').min(1, 'at least 1').max(100, 'at most 100').default(10),
  }),
  output: z.object({ checkpoints: z.array(model.checkpoint), total: z.int() }),
  access: 'read',
  route: 'GET /api/v1/fleet/checkpoints',
  positional: ['missionId'],
  *run(context, { missionId: id, limit }) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { checkpoints: [], total: 0 };
    const rows = yield* checkpointsOf(context.project, id, limit);
    return { checkpoints: rows.map(checkpointOf), total: yield* checkpointCount(context.project, id) };
  },
});

export const count = query({
  name: 'checkpoints.count',
  summary: 'Count the checkpoints of all missions',
  input: z.strictObject({}),
  output: z.object({ checkpoints: z.int() }),
  access: 'read',
  route: 'GET /api/v1/fleet/checkpoints-count',
  *run(context) {
    const identity = yield* context.identity();
    return { checkpoints: identity.scopes.length === 0 ? 0 : yield* checkpointTotal(context.project) };
  },
});

export const latest = query({
  name: 'checkpoints.latest',
  summary: 'Read the newest checkpoint of a mission',
  input: z.strictObject({ missionId }),
  output: model.checkpoint.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/checkpoints-latest/{mission_id}',
  positional: ['missionId'],
  *run(context, { missionId: id }) {
    const identity = yield* context.identity();
    const row = identity.scopes.length > 0 ? yield* latestCheckpoint(context.project, id) : undefined;
    return row ? checkpointOf(row) : null;
  },
});

export const remove = mutation({
  name: 'checkpoints.remove',
  summary: 'Remove a checkpoint',
  input: z.strictObject({ id: model.checkpointId }),
  output: z.object({ removed: z.boolean(), missionId: z.string().nullable() }),
  access: 'write',
  route: 'DELETE /api/v1/fleet/checkpoints/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* context.identity();
    const row = yield* findCheckpoint(context, id);
    if (!row) return { removed: false, missionId: null };
    yield* dropCheckpoint(context, row);
    return { removed: true, missionId: row.mission_id };
  },
});

export const prune = mutation({
  name: 'checkpoints.prune',
  summary: 'Remove checkpoints that are old',
  description:
    'Never the newest few of a mission; the last of a completed mission stays for 30 days. Removes a page; "more" says whether to call again.',
  input: z.strictObject({
    olderThanDays: z.number('a number of days').min(0, 'at least 0').max(36_500, 'at most 36500').default(7),
    keepPerMission: z.int('a whole number').min(0, 'at least 0').max(1000, 'at most 1000').default(3),
    missionId: missionId.optional(),
    dryRun: z.boolean().default(false).describe('Only say what would go'),
  }),
  output: z.object({
    deleted: z.int(),
    freedBytes: z.int(),
    details: z.array(model.place),
    more: z.boolean(),
  }),
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/fleet/checkpoints-prune',
  *run(context, input) {
    yield* context.identity();
    const pruned = yield* pruneOld(context, input);
    return { ...pruned, details: [...pruned.details] };
  },
});

export const recover = mutation({
  name: 'checkpoints.recover',
  summary: 'Bring back what a checkpoint says: sorties, locks, unread messages',
  description:
    'What was finished since stays finished, and a lock that somebody else has now is taken only by force, which needs the right "act-as" or "admin". Can be repeated.',
  input: z.strictObject({
    id: model.checkpointId.optional(),
    missionId: missionId.optional().describe('In place of an id: the newest checkpoint of this mission'),
    dryRun: z.boolean().default(false).describe('Only say what would be done'),
    force: z.boolean().default(false).describe('Take locks that others have now'),
    continuedBy: schema.agentId
      .optional()
      .describe('The agent that goes on, as the caller says; kept in the event beside the caller'),
  }),
  output: model.recovered.nullable(),
  access: 'write',
  risk: 'medium',
  route: 'POST /api/v1/fleet/checkpoints-recover',
  positional: ['id'],
  *run(context, { id, missionId: mission, ...how }) {
    if ((id === undefined) === (mission === undefined)) throw invalid('id', 'either an id or a mission');
    yield* context.identity();
    const row =
      id !== undefined
        ? yield* findCheckpoint(context, id)
        : yield* latestCheckpoint(context.project, mission!);
    return row ? yield* recoverFrom(context, row, how) : null;
  },
});

const adoptOne = mutation({
  name: 'checkpoints.adopt',
  summary: 'Take a checkpoint back into the store from a copy, with its id and times',
  description: 'For copies that outlived the row. Its mission must exist.',
  input: z.strictObject({ checkpoint: model.checkpoint.extend({ triggerDetails: z.unknown() }) }),
  output: model.checkpoint,
  access: 'write',
  route: null,
  *run(context, { checkpoint }) {
    yield* context.identity();
    return checkpointOf(yield* adoptCheckpoint(context, checkpoint));
  },
});

export { adoptOne as adopt };
