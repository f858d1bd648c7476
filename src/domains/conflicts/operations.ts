import { z } from 'zod';
import { scopeFor } from '../../kernel/access/model.ts';
import { Denial, type ReadContext, type WriteContext } from '../../kernel/context.ts';
import { notFound, RookeryError } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { find } from './finding.ts';
import * as model from './model.ts';
import * as records from './records.ts';
import { type ConflictRow, conflictById, conflictsAfter, resolveConflict } from './statements.ts';

export { noteCollision } from './noting.ts';

/** What the caller may know of a conflict: all of it, its own part, or nothing. */
function* viewOf(context: ReadContext, row: ConflictRow): Work<'whole' | 'own' | undefined> {
  const identity = yield* context.identity();
  const guarded = { scope: row.scope, owner: row.owner, path: row.id };
  const isIn = (JSON.parse(row.agents) as string[]).includes(context.agent);
  const belongs = identity.scopes.includes(row.scope) || row.found_by === 'report';
  if (yield* context.may(identity, 'read', 'conflicts', guarded)) return belongs ? 'whole' : 'own';
  return isIn && identity.scopes.length > 0 ? (belongs ? 'whole' : 'own') : undefined;
}

export const record = mutation({
  name: 'conflicts.record',
  summary: 'Report a conflict between agents',
  description: 'The agents in it may read it, whatever its level.',
  input: model.recordInput,
  output: model.conflict,
  access: 'write',
  route: 'POST /api/v1/conflicts',
  positional: ['type', 'agents'],
  *run(context, { level, audience, ...input }) {
    const identity = yield* context.identity();
    const scope = scopeFor(identity, level, audience);
    if (!identity.scopes.includes(scope)) {
      const subject = { kind: 'conflict', name: '', scope };
      throw new Denial('FORBIDDEN', `${context.agent} may not report to this ${level} audience`, subject);
    }
    const row = yield* records.insert(
      context,
      { ...input, kind: '', scope, origin: 'report' },
      'conflicts.record',
    );
    return yield* records.shown(context, row, true);
  },
});

export const get = query({
  name: 'conflicts.get',
  summary: 'Read a conflict',
  input: z.strictObject({ id: model.id }),
  output: model.conflict.nullable(),
  access: 'read',
  route: 'GET /api/v1/conflicts/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const row = yield* conflictById(context.project, id);
    const view = row && (yield* viewOf(context, row));
    if (row && !view) context.noteDenial(records.subjectOf(row));
    if (!row || !view) return null;
    context.noteRead(records.subjectOf(row));
    return yield* records.shown(context, row, view === 'whole');
  },
});

export const list = query({
  name: 'conflicts.list',
  summary: 'List the conflicts that the caller is in, or that are about things of its audiences',
  input: z.strictObject({
    status: z.enum(['open', 'resolved'], 'one of open, resolved').optional(),
    type: model.type.optional(),
    of: schema.agentId.optional().describe('Conflicts that this agent is in'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ conflicts: z.array(model.conflict), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/conflicts',
  positional: ['status'],
  *run(context, { status = '', type = '', of = '', limit, cursor }) {
    yield* context.identity();
    const page = { after: cursor, limit: limit + 1 };
    const filter = { status, type, of };
    const rows = yield* conflictsAfter(context.project, context.agent, context.now, filter, page);
    const conflicts: model.Conflict[] = [];
    for (const row of rows.slice(0, limit)) {
      context.noteRead(records.subjectOf(row));
      conflicts.push(yield* records.shown(context, row, (yield* viewOf(context, row)) === 'whole'));
    }
    return { conflicts, nextCursor: rows.length > limit ? conflicts.at(-1)!.id : null };
  },
});

export const resolve = mutation({
  name: 'conflicts.resolve',
  summary: 'Say how a conflict was resolved',
  description:
    'By an agent in it, or by one of the audience of the thing. If it happens again, a new one opens.',
  input: z.strictObject({ id: model.id, resolution: model.text.min(1, 'must not be empty') }),
  output: model.conflict,
  access: 'write',
  route: 'POST /api/v1/conflicts/{id}/resolve',
  positional: ['id', 'resolution'],
  *run(context, { id, resolution }) {
    const row = yield* changeable(context, id);
    if (row.status === 'resolved') {
      const details = { conflict: id, status: row.status };
      throw new RookeryError('REVISION_CONFLICT', 'the conflict is resolved already', details);
    }
    const { description } = yield* records.saidIn(context, row);
    const resolved: ConflictRow = {
      ...row,
      ...(yield* records.storeSaid(context, row, { description, resolution })),
      status: 'resolved',
      resolved_by: context.agent,
      resolved_at: context.now,
    };
    resolved.seq = yield* context.record(records.subjectOf(row), {
      revision: [1, 2],
      content: yield* records.contentText(context, resolved),
    });
    if ((yield* resolveConflict(context.project, resolved)) !== 1)
      throw new RookeryError('REVISION_CONFLICT', 'the conflict changed meanwhile', { conflict: id });
    context.tx.touch('conflicts');
    return yield* records.shown(context, resolved, (yield* viewOf(context, resolved)) === 'whole');
  },
});

function* changeable(context: WriteContext, id: string): Work<ConflictRow> {
  const row = yield* conflictById(context.project, id);
  if (!row) throw notFound('conflict');
  if (yield* viewOf(context, row)) return row;
  throw new Denial('NOT_FOUND', 'conflict not found', records.subjectOf(row), { kind: 'conflict' });
}

export const detect = mutation({
  name: 'conflicts.detect',
  summary: 'Look back for agents that got in the way of each other, and record what is new',
  description:
    'Finds keys of memory that agents wrote over each other without expecting a revision, and leases that agents wait for. In the audiences of the caller.',
  input: z.strictObject({
    windowMs: schema
      .millisecondsUpTo(86_400_000)
      .default(60_000)
      .describe('How far to look back; 60000 when left out'),
  }),
  output: z.object({ conflicts: z.array(model.conflict) }),
  access: 'write',
  route: 'POST /api/v1/conflicts-detect',
  positional: ['windowMs'],
  *run(context, { windowMs }) {
    const conflicts: model.Conflict[] = [];
    for (const row of yield* find(context, windowMs))
      conflicts.push(yield* records.shown(context, row, true));
    return { conflicts };
  },
});
