import { z } from 'zod';
import { scopes } from '../../kernel/access/model.ts';
import type { ReadContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { endConfidence, pruned } from './endings.ts';
import * as model from './model.ts';
import * as records from './records.ts';
import { readConfidences } from './reports.ts';
import { type ConfidenceRow, confidenceOf, putConfidence } from './statements.ts';

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
    const {
      phase,
      iteration,
      ttl,
      confidence,
      reasoning,
      blockers,
      timestamp = context.now,
      metadata,
    } = input;
    const swarm = records.swarmForWriting(identity, input.swarm);
    const owner = context.agent;
    const content = records.encodeSaid('confidence', {
      confidence,
      reasoning,
      blockers,
      timestamp,
      metadata,
    });
    const before = yield* confidenceOf(context.project, { swarm, phase, owner, iteration });
    if (before && !records.isLive(before, context.now)) yield* endConfidence(context, before, pruned);
    const current = before && records.isLive(before, context.now) ? before : undefined;
    const row = {
      ...{ swarm, phase, iteration, owner, scope: scopes.private(owner) },
      revision: (current?.revision ?? 0) + 1,
      created_at: current?.created_at ?? context.now,
      updated_at: context.now,
      expires_at: model.expiryOf(model.classes.confidence, ttl, context.now),
      seq: 0,
    };
    const { revision, expires_at: expiresAt } = row;
    const kept = yield* records.keep(context, records.named.confidence(row), {
      ...{ content, revision, facts: { expiresAt }, action: 'loop3_confidence' },
    });
    const stored: ConfidenceRow = { ...row, ...kept };
    if ((yield* putConfidence(context.project, stored)) !== 1) throw changedMeanwhile(phase);
    context.tx.touch(`loop/${swarm}/${phase}`);
    return viewOf(stored, content);
  },
});

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
