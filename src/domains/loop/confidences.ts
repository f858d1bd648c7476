import { z } from 'zod';
import { scopes } from '../../kernel/access/model.ts';
import type { ReadContext, WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { endConfidence, pruned } from './endings.ts';
import * as model from './model.ts';
import * as records from './records.ts';
import { readConfidences } from './reports.ts';
import { type ConfidenceRow, confidenceOf, type Place, putConfidence } from './statements.ts';

const { said, place, keeping, reading } = model;

export const reportConfidence = mutation({
  name: 'loop.reportConfidence',
  summary: "Say how sure the caller is of its own work in a phase's iteration",
  description:
    'Private to the caller and encrypted; validators of the swarm read it through their role, and each such read is audited. A later report for the same iteration replaces it. Kept for 30 days, or for "ttl" where that is longer.',
  input: z.strictObject({ ...place, iteration: model.iteration, ...said, ...keeping }),
  output: model.confidence,
  access: 'write',
  route: 'POST /api/v1/loop/{phase}/confidences',
  positional: ['phase', 'confidence'],
  *run(context, input) {
    const identity = yield* context.identity();
    const { phase, iteration } = input;
    const swarm = records.swarmForWriting(identity, input.swarm);
    const place = { swarm, phase, iteration, owner: context.agent };
    const current = yield* currentRow(context, place);
    const { confidence, reasoning, blockers, timestamp = context.now, metadata } = input;
    const said = { confidence, reasoning, blockers, timestamp, metadata };
    const content = records.encodeSaid('confidence', said);
    const stored = yield* put(context, { ...place, current, content, ttl: input.ttl });
    context.tx.touch(`loop/${swarm}/${phase}`);
    return viewOf(stored, content);
  },
});

type Own = Place & { readonly iteration: number; readonly owner: string };

/** The row to be replaced; one that is past its time is ended first. */
function* currentRow(context: WriteContext, of: Own): Work<ConfidenceRow | undefined> {
  const row = yield* confidenceOf(context.project, of);
  if (!row || records.isLive(row, context.now)) return row;
  yield* endConfidence(context, row, pruned);
  return undefined;
}

function* put(
  context: WriteContext,
  {
    current,
    content,
    ttl,
    ...place
  }: Own & { current: ConfidenceRow | undefined; content: string; ttl: number | undefined },
): Work<ConfidenceRow> {
  const { now } = context;
  const lifetime = model.lifetimeOf(model.classes.confidence, ttl, now);
  const revision = (current?.revision ?? 0) + 1;
  const scope = scopes.private(place.owner);
  const kept = yield* records.keep(context, records.named.confidence({ ...place, scope }), {
    ...{ content, revision, facts: records.factsOf(lifetime), action: 'loop3_confidence' },
  });
  const created_at = current?.created_at ?? now;
  const row = { ...place, scope, revision, ...kept, ...lifetime, created_at, updated_at: now };
  if ((yield* putConfidence(context.project, row)) !== 1) throw changedMeanwhile(place.phase);
  return row;
}

function changedMeanwhile(phase: string): RookeryError {
  return new RookeryError('REVISION_CONFLICT', `the confidence for ${phase} changed meanwhile`, { phase });
}

export const confidences = query({
  name: 'loop.confidences',
  summary: 'List confidences of a phase that the caller may read, newest first',
  description:
    "The caller's own; with the role validator in force in the swarm, those of all its agents. Each confidence read through the role leaves an audit row of its own.",
  input: z.strictObject({
    ...reading,
    iteration: model.iteration.optional(),
    agent: schema.agentId.optional().describe('Of this agent only'),
  }),
  output: z.object({ confidences: z.array(model.confidence), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/loop/{phase}/confidences',
  positional: ['phase'],
  *run(context, input) {
    const { rows, nextCursor } = yield* readConfidences(context, input);
    const answer: model.Confidence[] = [];
    for (const row of rows) answer.push(yield* opened(context, row));
    return { confidences: answer, nextCursor };
  },
});

export function* opened(context: ReadContext, row: ConfidenceRow): Work<model.Confidence> {
  return viewOf(row, yield* records.contentOf(context, records.named.confidence(row), row, row.revision));
}

function viewOf(row: ConfidenceRow, content: string): model.Confidence {
  return {
    ...(JSON.parse(content) as Pick<model.Confidence, keyof typeof said>),
    ...records.headOf(records.named.confidence(row), row),
    agent: row.owner,
    revision: row.revision,
    updatedAt: row.updated_at,
  };
}
