import { z } from 'zod';
import { Denial } from '../../kernel/context.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import { artifactsAfter, dropArtifact } from './artifact-statements.ts';
import { taskId } from './model.ts';
import * as references from './references.ts';

const artifactId = schema.name.describe('The artifact');

export const add = mutation({
  name: 'artifacts.add',
  summary: 'Record where something lies that was made',
  description: 'A reference only: the content stays where it is. It belongs to the audience of its task.',
  input: z.strictObject({
    ...references.described,
    task: taskId.optional().describe('The task it was made for'),
    level: schema.level.optional().describe("Who may see it; the task's audience, or the project"),
    audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
  }),
  output: references.artifact,
  access: 'write',
  route: 'POST /api/v1/artifacts',
  positional: ['name'],
  *run(context, { task, level, audience, ...input }) {
    const row = yield* references.addReference(context, input, { task, level, audience });
    return yield* references.shownArtifact(context, row);
  },
});

export const get = query({
  name: 'artifacts.get',
  summary: 'Read a reference to an artifact',
  input: z.strictObject({ id: artifactId }),
  output: references.artifact.nullable(),
  access: 'read',
  route: 'GET /api/v1/artifacts/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const row = yield* references.readableArtifact(context, id);
    if (!row) return null;
    context.noteRead(references.subjectOf(row));
    return yield* references.shownArtifact(context, row);
  },
});

export const list = query({
  name: 'artifacts.list',
  summary: 'List references to artifacts, of a task or of all',
  input: z.strictObject({
    task: taskId.optional().describe('Artifacts of this task'),
    type: references.type.optional().describe('Artifacts of this type'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ artifacts: z.array(references.artifact), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/artifacts',
  positional: ['task'],
  *run(context, { task, type = '', limit, cursor }) {
    yield* context.identity();
    const filter = { type, task };
    const page = { after: cursor, limit: limit + 1 };
    const rows = yield* artifactsAfter(context.project, context.agent, context.now, filter, page);
    const artifacts: references.Artifact[] = [];
    for (const row of rows.slice(0, limit)) {
      context.noteRead(references.subjectOf(row));
      artifacts.push(yield* references.shownArtifact(context, row));
    }
    return { artifacts, nextCursor: rows.length > limit ? artifacts.at(-1)!.id : null };
  },
});

export const remove = mutation({
  name: 'artifacts.remove',
  summary: 'Forget a reference to an artifact; what it refers to stays where it is',
  input: z.strictObject({ id: artifactId }),
  output: z.object({ removed: z.boolean() }),
  access: 'write',
  route: 'DELETE /api/v1/artifacts/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const identity = yield* context.identity();
    const row = yield* references.readableArtifact(context, id);
    if (!row) return { removed: false };
    const subject = references.subjectOf(row);
    const { scope, owner } = row;
    if (!(yield* context.may(identity, 'delete', 'artifacts', { scope, owner, path: id })))
      throw new Denial('FORBIDDEN', `${context.agent} may not remove this artifact`, subject);
    yield* context.record(subject, { revision: [1, 2], facts: { deleted: 1 } });
    return { removed: (yield* dropArtifact(context.project, id)) === 1 };
  },
});
