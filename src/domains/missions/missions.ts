import { z } from 'zod';
import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { type Happened, put } from './changes.ts';
import { listing, nextCursorOf } from './listing.ts';
import * as model from './model.ts';
import { removeMission } from './removal.ts';
import { stalledMissions } from './stalled.ts';
import { type MissionRow, missionLists, missionRows, unsettledSorties } from './statements.ts';
import { bounded, encodedResult, missionKind, missionOf } from './things.ts';

export const create = mutation({
  name: 'missions.create',
  summary: 'Begin a mission',
  input: z.strictObject({
    title: model.title,
    description: model.description.default(''),
    priority: model.priority.default('medium'),
    metadata: model.metadata.default({}),
  }),
  output: model.mission,
  access: 'write',
  route: 'POST /api/v1/fleet/missions',
  positional: ['title'],
  *run(context, { title, description, priority, metadata }) {
    yield* context.identity();
    const row: MissionRow = {
      id: context.newId('msn').replace('_', '-'),
      title,
      description,
      status: 'pending',
      priority,
      created_at: isoTime(context.now),
      started_at: null,
      completed_at: null,
      total_sorties: 0,
      completed_sorties: 0,
      result: null,
      metadata: bounded('metadata', metadata),
      created_by: context.agent,
      checkpointed_percent: 0,
      revision: 0,
      seq: 0,
      made: 0,
    };
    const data = { title, priority, status: row.status };
    return missionOf(yield* put(context, missionKind, undefined, row, { type: 'mission_created', data }));
  },
});

export const get = query({
  name: 'missions.get',
  summary: 'Read one mission',
  input: z.strictObject({ id: model.missionId }),
  output: model.mission.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/missions/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const identity = yield* context.identity();
    const row = identity.scopes.length > 0 && (yield* missionRows.byId(context.project, id));
    return row ? missionOf(row) : null;
  },
});

export const list = query({
  name: 'missions.list',
  summary: 'List missions, the oldest first, and count them',
  input: z.strictObject({ status: model.missionStatus.optional(), ...listing }),
  output: z.object({ missions: z.array(model.mission), total: z.int(), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/missions',
  positional: ['status'],
  *run(context, { status, limit, cursor, offset }) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { missions: [], total: 0, nextCursor: null };
    const range = { after: Number(cursor), limit: limit + 1, offset };
    const rows = yield* missionLists.where(context.project, { status }, range);
    return {
      missions: rows.slice(0, limit).map(missionOf),
      total: yield* missionLists.count(context.project, { status }),
      nextCursor: nextCursorOf(rows, limit),
    };
  },
});

export const update = mutation({
  name: 'missions.update',
  summary: 'Change a mission, or take it on to another state',
  description:
    'Completing it needs each of its sorties completed or cancelled, and passes through review. Throws WRONG_STATE where a state does not lead to another.',
  input: z.strictObject({
    id: model.missionId,
    title: model.title.optional(),
    description: model.description.optional(),
    priority: model.priority.optional(),
    status: model.missionStatus.optional(),
    verdict: z.enum(model.verdicts).optional().describe('Of a review that ends'),
    result: z.unknown().optional().describe('What came of it; any JSON value'),
    metadata: model.metadata.optional(),
    expectedRevision: model.expectedRevision.describe('Only if the mission is at this revision'),
  }),
  output: model.mission.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/fleet/missions/{id}',
  positional: ['id'],
  *run(context, { id, expectedRevision, ...patch }) {
    yield* context.identity();
    const row = yield* missionRows.byId(context.project, id);
    if (!row) return null;
    model.assertRevision(expectedRevision, row.revision);
    return missionOf(yield* change(context, row, patch));
  },
});

export const complete = mutation({
  name: 'missions.complete',
  summary: 'Complete a mission whose sorties are all completed or cancelled',
  input: z.strictObject({ id: model.missionId, result: z.unknown().optional().describe('Any JSON value') }),
  output: model.mission.nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/missions/{id}/complete',
  positional: ['id', 'result'],
  *run(context, { id, result }) {
    yield* context.identity();
    const row = yield* missionRows.byId(context.project, id);
    // What came of it stands.
    if (row?.status === 'completed') model.moveMission(row.status, 'completed');
    return row ? missionOf(yield* change(context, row, { status: 'completed', result })) : null;
  },
});

interface Patch {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly priority?: string | undefined;
  readonly status?: model.MissionStatus | undefined;
  readonly verdict?: (typeof model.verdicts)[number] | undefined;
  readonly result?: unknown;
  readonly metadata?: Record<string, unknown> | undefined;
}

function* change(context: WriteContext, row: MissionRow, patch: Patch): Work<MissionRow> {
  const { status = row.status } = patch;
  if (status !== row.status) model.moveMission(row.status, status);
  if (status === 'completed' && row.status !== 'completed')
    model.assertAllSettled(row.status, yield* unsettledSorties(context.project, row.id));
  const next = patched(row, { ...patch, status }, isoTime(context.now));
  return yield* put(context, missionKind, row, next, happened(row, next, patch));
}

function patched(
  row: MissionRow,
  patch: Patch & { readonly status: model.MissionStatus },
  now: string,
): MissionRow {
  const { status } = patch;
  const begins = status === 'in_progress' && row.started_at === null;
  const closes = status !== row.status && !model.isOpenMission(status);
  return {
    ...row,
    title: patch.title ?? row.title,
    description: patch.description ?? row.description,
    priority: patch.priority ?? row.priority,
    status,
    started_at: begins ? now : row.started_at,
    completed_at: closes ? now : row.completed_at,
    result: patch.result === undefined ? row.result : encodedResult(patch.result),
    metadata: patch.metadata ? bounded('metadata', patch.metadata) : row.metadata,
  };
}

/** What a change of a mission is called in its stream. */
const named: Record<model.MissionStatus, string> = {
  pending: 'mission_updated',
  in_progress: 'mission_started',
  review: 'review_started',
  completed: 'mission_completed',
  cancelled: 'mission_cancelled',
};

function happened(before: MissionRow, after: MissionRow, { verdict }: Patch): Happened {
  const counts = { total_sorties: after.total_sorties, completed_sorties: after.completed_sorties };
  if (before.status === after.status)
    return { type: 'mission_updated', data: { status: after.status, title: after.title } };
  const reviewed = before.status === 'review' && after.status === 'in_progress';
  return {
    type: reviewed ? 'review_completed' : named[after.status],
    data: {
      from: before.status,
      status: after.status,
      ...counts,
      ...((reviewed || verdict) && { verdict: verdict ?? 'needs_changes' }),
    },
  };
}

export const remove = mutation({
  name: 'missions.remove',
  summary: 'Remove a mission with its sorties and checkpoints; events and ledger entries stay',
  input: z.strictObject({ id: model.missionId }),
  output: z.object({ removed: z.boolean(), sorties: z.int(), checkpoints: z.int() }),
  access: 'write',
  risk: 'high',
  route: 'DELETE /api/v1/fleet/missions/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* context.identity();
    const row = yield* missionRows.byId(context.project, id);
    if (!row) return { removed: false, sorties: 0, checkpoints: 0 };
    return { removed: true, ...(yield* removeMission(context, row)) };
  },
});

export const stalled = query({
  name: 'missions.stalled',
  summary: 'List missions in progress of which nothing was heard for a time, with their last checkpoints',
  input: z.strictObject({
    thresholdMs: z
      .int('a whole number of milliseconds')
      .min(0, 'at least 0')
      .default(300_000)
      .describe('For how long; five minutes when left out'),
    limit: schema.limit,
    cursor: schema.numericCursor,
  }),
  output: z.object({
    missions: z.array(
      z.object({
        missionId: z.string(),
        missionTitle: z.string(),
        lastActivityAt: z.string(),
        inactivityDurationMs: z.int(),
        checkpointId: z.string().nullable(),
        checkpointProgress: z.int().nullable(),
        checkpointTimestamp: z.string().nullable(),
      }),
    ),
    nextCursor: z.string().nullable(),
  }),
  access: 'read',
  route: 'GET /api/v1/fleet/missions-stalled',
  *run(context, input) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { missions: [], nextCursor: null };
    return yield* stalledMissions(context, input);
  },
});
