import { z } from 'zod';
import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { drop, put, tell } from './changes.ts';
import { type Checkpoint, checkpoint } from './checkpoint-model.ts';
import { follow, missionForSortie } from './following.ts';
import { listing, nextCursorOf } from './listing.ts';
import * as model from './model.ts';
import { type Changed, change, start as startSortie } from './sortie-changes.ts';
import { type SortieRow, sortieLists, sortieRows } from './statements.ts';
import { bounded, missionOf, sortieKind, sortieOf } from './things.ts';

/** A sortie as it is then, its mission, and the checkpoint that the change was the occasion of. */
const changed = z.object({
  sortie: model.sortie,
  mission: model.mission.nullable(),
  checkpoint: checkpoint.nullable(),
});

function answered({ sortie, mission, checkpoint: made }: Changed): z.output<typeof changed> {
  const none: Checkpoint | null = null;
  return { sortie: sortieOf(sortie), mission: mission ? missionOf(mission) : null, checkpoint: made ?? none };
}

export const create = mutation({
  name: 'sorties.create',
  summary: 'Add a sortie, to a mission or by itself',
  description: 'It is pending until somebody has it in hand, also when it is assigned from the beginning.',
  input: z.strictObject({
    title: model.title,
    missionId: model.missionId.optional(),
    description: model.description.default(''),
    priority: model.priority.default('medium'),
    assignedTo: schema.agentId.optional().describe('The specialist that is to do it'),
    files: model.files.default([]),
    metadata: model.metadata.default({}),
  }),
  output: changed,
  access: 'write',
  route: 'POST /api/v1/fleet/sorties',
  positional: ['title', 'missionId'],
  *run(context, input) {
    yield* context.identity();
    if (input.missionId !== undefined) yield* missionForSortie(context, input.missionId);
    const { title, priority, assignedTo = null, missionId = null } = input;
    const row: SortieRow = {
      id: context.newId('srt').replace('_', '-'),
      mission_id: missionId,
      title,
      description: input.description,
      status: 'pending',
      priority,
      assigned_to: assignedTo,
      files: JSON.stringify(input.files),
      progress: 0,
      progress_notes: null,
      created_at: isoTime(context.now),
      started_at: null,
      completed_at: null,
      blocked_by: null,
      blocked_reason: null,
      result: null,
      metadata: bounded('metadata', input.metadata),
      created_by: context.agent,
      revision: 0,
      seq: 0,
      made: 0,
    };
    const data = { mission_id: missionId, title, priority, status: row.status, assigned_to: assignedTo };
    const sortie = yield* put(context, sortieKind, undefined, row, { type: 'sortie_created', data });
    return answered({ sortie, ...(yield* follow(context, undefined, sortie)) });
  },
});

export const get = query({
  name: 'sorties.get',
  summary: 'Read one sortie',
  input: z.strictObject({ id: model.sortieId }),
  output: model.sortie.nullable(),
  access: 'read',
  route: 'GET /api/v1/fleet/sorties/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const identity = yield* context.identity();
    const row = identity.scopes.length > 0 && (yield* sortieRows.byId(context.project, id));
    return row ? sortieOf(row) : null;
  },
});

export const list = query({
  name: 'sorties.list',
  summary: 'List sorties, the oldest first, and count them',
  input: z.strictObject({
    missionId: model.missionId.optional(),
    status: model.sortieStatus.optional(),
    assignedTo: schema.agentId.optional(),
    ...listing,
  }),
  output: z.object({ sorties: z.array(model.sortie), total: z.int(), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/fleet/sorties',
  positional: ['missionId'],
  *run(context, { missionId, status, assignedTo, limit, cursor, offset }) {
    const identity = yield* context.identity();
    if (identity.scopes.length === 0) return { sorties: [], total: 0, nextCursor: null };
    const filter = { mission_id: missionId, assigned_to: assignedTo, status };
    const range = { after: Number(cursor), limit: limit + 1, offset };
    const rows = yield* sortieLists.where(context.project, filter, range);
    return {
      sorties: rows.slice(0, limit).map(sortieOf),
      total: yield* sortieLists.count(context.project, filter),
      nextCursor: nextCursorOf(rows, limit),
    };
  },
});

/** Runs a change on a sortie that exists. */
function* onSortie(
  context: WriteContext,
  id: string,
  act: (row: SortieRow) => Work<Changed>,
): Work<z.output<typeof changed> | null> {
  yield* context.identity();
  const row = yield* sortieRows.byId(context.project, id);
  return row ? answered(yield* act(row)) : null;
}

export const update = mutation({
  name: 'sorties.update',
  summary: 'Change a sortie, or take it on to another state',
  description: 'Throws WRONG_STATE where a state does not lead to another.',
  input: z.strictObject({
    id: model.sortieId,
    title: model.title.optional(),
    description: model.description.optional(),
    priority: model.priority.optional(),
    assignedTo: schema.agentId.nullable().optional().describe('Null: nobody'),
    files: model.files.optional(),
    status: model.sortieStatus.optional(),
    progress: model.progress.optional(),
    progressNotes: model.longText.nullable().optional(),
    blockedBy: schema.name.optional(),
    blockedReason: model.longText.optional(),
    closeReason: z.enum(model.closeReasons).optional().describe('Why it is cancelled'),
    verdict: z.enum(model.verdicts).optional().describe('Of a review that ends'),
    result: z.unknown().optional().describe('What came of it; any JSON value'),
    metadata: model.metadata.optional(),
    expectedRevision: model.expectedRevision.describe('Only if the sortie is at this revision'),
  }),
  output: changed.nullable(),
  access: 'write',
  route: 'PATCH /api/v1/fleet/sorties/{id}',
  positional: ['id'],
  run: (context, { id, expectedRevision, ...patch }) =>
    onSortie(context, id, function* (row) {
      model.assertRevision(expectedRevision, row.revision);
      return yield* change(context, row, patch);
    }),
});

export const start = mutation({
  name: 'sorties.start',
  summary: 'Take up a sortie, or go on with one that was blocked',
  description: 'The caller is the specialist that does it; FORBIDDEN where it is assigned to another.',
  input: z.strictObject({ id: model.sortieId }),
  output: changed.nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/sorties/{id}/start',
  positional: ['id'],
  run: (context, { id }) => onSortie(context, id, (row) => startSortie(context, row, context.agent)),
});

export const progress = mutation({
  name: 'sorties.progress',
  summary: 'Say how far a sortie is',
  input: z.strictObject({
    id: model.sortieId,
    progress: model.progress,
    notes: model.longText.optional().describe('What was done last'),
  }),
  output: changed.nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/sorties/{id}/progress',
  positional: ['id', 'progress'],
  run: (context, { id, progress: reached, notes }) =>
    onSortie(context, id, (row) => change(context, row, { progress: reached, progressNotes: notes })),
});

export const complete = mutation({
  name: 'sorties.complete',
  summary: 'Complete a sortie that is in progress or in review',
  input: z.strictObject({
    id: model.sortieId,
    result: z.unknown().optional().describe('What came of it; any JSON value'),
  }),
  output: changed.nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/sorties/{id}/complete',
  positional: ['id', 'result'],
  run: (context, { id, result }) =>
    onSortie(context, id, function* (row) {
      if (row.status === 'completed') model.moveSortie(row.status, 'completed', true);
      return yield* change(context, row, { status: 'completed', result });
    }),
});

export const block = mutation({
  name: 'sorties.block',
  summary: 'Say what a sortie in progress waits for',
  input: z.strictObject({
    id: model.sortieId,
    reason: model.longText.min(1, 'must not be empty'),
    blockedBy: schema.name.optional().describe('What or who it waits for'),
    blockerType: z.enum(model.blockerTypes, `one of ${model.blockerTypes.join(', ')}`).optional(),
  }),
  output: changed.nullable(),
  access: 'write',
  route: 'POST /api/v1/fleet/sorties/{id}/block',
  positional: ['id', 'reason'],
  run: (context, { id, reason, ...blocker }) =>
    onSortie(context, id, (row) =>
      change(context, row, { status: 'blocked', blockedReason: reason, ...blocker }),
    ),
});

export const remove = mutation({
  name: 'sorties.remove',
  summary: 'Remove a sortie; its events and ledger entries stay',
  input: z.strictObject({ id: model.sortieId }),
  output: z.object({ removed: z.boolean() }),
  access: 'write',
  risk: 'medium',
  route: 'DELETE /api/v1/fleet/sorties/{id}',
  positional: ['id'],
  *run(context, { id }) {
    yield* context.identity();
    const row = yield* sortieRows.byId(context.project, id);
    if (!row) return { removed: false };
    yield* tell(context, sortieKind, row, {
      type: 'sortie_closed',
      data: { close_reason: 'invalid', removed: true },
    });
    yield* drop(context, sortieKind, row);
    yield* follow(context, row, undefined);
    return { removed: true };
  },
});
