import { z } from 'zod';
import type { ReadContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { opened } from './confidences.ts';
import { readable } from './consensus.ts';
import { endConfidence, endConsensus, endDecision, pruned } from './endings.ts';
import { confidenceGate, consensusGate, reaches, type Score, type Verdict } from './gates.ts';
import * as model from './model.ts';
import * as records from './records.ts';
import { actions, recover } from './recovery.ts';
import { readConfidences } from './reports.ts';
import { type ConfidenceRow, newestDecision, newestRound } from './statements.ts';
import { expiredConfidences, expiredConsensus, expiredDecisions } from './upkeep-statements.ts';

const scoreOf = z.strictObject({ agent: schema.agentId, confidence: model.score });

export const gate = query({
  name: 'loop.gate',
  summary: 'Tell whether scores suffice to go on',
  description:
    'Of scores that are given, or of what the caller may read of a phase: the reports of its newest iteration, or with gate "consensus" the newest consensus. Scores are compared as the decimals they were written as.',
  input: z.strictObject({
    gate: z
      .enum(['confidence', 'consensus'], 'one of confidence, consensus')
      .default('confidence')
      .describe('confidence: each agent and the mean reach 0.75; consensus: the mean reaches 0.90'),
    confidences: z
      .array(scoreOf, 'a list of agents with their confidence')
      .max(limits.batchItems, `at most ${limits.batchItems}`)
      .optional(),
    phase: model.phase.optional(),
    swarm: model.place.swarm,
    threshold: model.score.optional().describe("In place of the gate's own"),
  }),
  output: z.object({
    passed: z.boolean(),
    overall: z.number().nullable(),
    threshold: z.number(),
    agents: z.array(scoreOf.extend({ passed: z.boolean() })),
    below: z.array(z.string()),
  }),
  access: 'read',
  route: 'POST /api/v1/loop-gate',
  *run(context, { gate: kind, confidences, phase, swarm, threshold }) {
    if ((confidences === undefined) === (phase === undefined))
      throw invalid('confidences', 'either these or a phase');
    if (phase !== undefined && kind === 'consensus')
      return yield* consensusVerdict(context, { phase, swarm }, threshold);
    const scores = confidences ?? (yield* newestScores(context, { phase: phase!, swarm }));
    const verdict = (kind === 'confidence' ? confidenceGate : consensusGate)(scores, threshold);
    return { ...verdict, agents: [...verdict.agents], below: [...verdict.below] };
  },
});

interface Place {
  readonly phase: string;
  readonly swarm: string | undefined;
}

/** What each agent said last of the phase's newest round, as far as the caller may read it. */
function* newestScores(context: ReadContext, place: Place): Work<Score[]> {
  let newest: ConfidenceRow[] = [];
  for (let cursor = ''; ; ) {
    const { rows, nextCursor } = yield* readConfidences(context, {
      ...place,
      cursor,
      limit: limits.pageSize,
    });
    for (const row of rows) {
      const iteration = newest[0]?.iteration ?? row.iteration;
      if (row.iteration > iteration) newest = [row];
      else if (row.iteration === iteration) newest.push(row);
    }
    if (nextCursor === null) break;
    cursor = nextCursor;
  }
  const scores: Score[] = [];
  for (const row of newest) {
    const { agent, confidence } = yield* opened(context, row);
    scores.push({ agent, confidence });
  }
  return scores;
}

/** A consensus that failed stays failed, whatever its score: an explicit vote counts for more. */
function* consensusVerdict(
  context: ReadContext,
  place: Place,
  threshold: number | undefined,
): Work<Verdict & { agents: []; below: [] }> {
  const [consensus] = (yield* readable(context, { ...place, cursor: '', limit: 1 })).consensuses;
  const limit = threshold ?? consensus?.threshold ?? consensusGate([]).threshold;
  const passed =
    consensus !== undefined && consensus.status !== 'failed' && reaches(consensus.currentScore, limit);
  return { passed, overall: consensus?.currentScore ?? null, threshold: limit, agents: [], below: [] };
}

export const state = query({
  name: 'loop.state',
  summary: 'Tell where the loop of a phase stands and what to do next',
  description:
    'For members of the swarm, after a restart. It tells that a decision was made and who has reported, and nothing of what was said there.',
  input: z.strictObject(model.place),
  output: z.object({
    loop: z.int(),
    action: z.enum(actions),
    context: z.object({
      phase: z.string(),
      swarm: z.string(),
      iteration: z.int(),
      consensusId: z.string().optional(),
      currentScore: z.number().optional(),
      threshold: z.number().optional(),
      completedValidators: z.array(z.string()).optional(),
      completedAgents: z.array(z.string()).optional(),
    }),
  }),
  access: 'read',
  route: 'GET /api/v1/loop/{phase}/state',
  positional: ['phase'],
  *run(context, { phase, swarm: asked }) {
    const identity = yield* context.identity();
    const place = { phase, swarm: records.swarmOf(identity, asked) };
    const [newest] = (yield* readable(context, { ...place, cursor: '', limit: 1 })).consensuses;
    const member = records.belongsTo(identity, place.swarm);
    const decision = member ? yield* newestDecision(context.project, place, context.now) : undefined;
    const round = member ? yield* newestRound(context.project, place, context.now) : [];
    const { context: where, ...recovery } = recover({
      ...place,
      decision,
      consensus: newest && {
        ...newest,
        validators: [...new Set(newest.validationResults.map(({ validator }) => validator))],
      },
      work: round[0] && {
        iteration: round[0].iteration,
        seq: Math.max(...round.map(({ seq }) => seq)),
        agents: round.map(({ owner }) => owner),
      },
    });
    const { completedValidators, completedAgents, ...rest } = where;
    return {
      ...recovery,
      context: {
        ...rest,
        ...(completedValidators && { completedValidators: [...completedValidators] }),
        ...(completedAgents && { completedAgents: [...completedAgents] }),
      },
    };
  },
});

export const prune = mutation({
  name: 'loop.prune',
  summary: 'Tidy away records of the loop whose time is over',
  description: 'They are unreadable anyway; this erases them, with a ledger entry each.',
  input: z.strictObject({ limit: schema.limit }),
  output: z.object({ pruned: z.int() }),
  access: 'admin',
  route: 'POST /api/v1/loop-prune',
  *run(context, { limit }) {
    const { project, now } = context;
    let left = limit;
    for (const row of yield* expiredConfidences(project, now, left))
      left -= yield* endConfidence(context, row, pruned);
    for (const row of yield* expiredConsensus(project, now, left))
      left -= yield* endConsensus(context, row, pruned);
    for (const row of yield* expiredDecisions(project, now, left))
      left -= yield* endDecision(context, row, pruned);
    return { pruned: limit - left };
  },
});
