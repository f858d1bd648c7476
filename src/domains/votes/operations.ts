import { z } from 'zod';
import type { ReadContext, WriteContext } from '../../kernel/context.ts';
import { Denial } from '../../kernel/context.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import { ballotOf, cast as castBallot, failureOf, hasVoted } from './casting.ts';
import { outcome } from './decision.ts';
import * as model from './model.ts';
import * as proposals from './proposals.ts';
import { propose as openProposal } from './proposing.ts';
import { prunePage } from './pruning.ts';
import { dueProposals, electorsAfter, type ProposalRow, proposalsFor } from './statements.ts';

export const propose = mutation({
  name: 'votes.propose',
  summary: 'Put something to a vote of electors that are fixed from here on',
  description:
    'The same proposal under the same id is opened once; another one under it is refused with IDEMPOTENCY_CONFLICT.',
  input: model.proposeInput,
  output: model.proposal,
  access: 'write',
  route: 'POST /api/v1/votes',
  positional: ['title'],
  run: openProposal,
});

export const cast = mutation({
  name: 'votes.cast',
  summary: 'Cast the caller’s ballot',
  description:
    'VOTE_CLOSED after the end, EQUIVOCATION for another choice where ballots are not revisable; the ledger knows of both. The same choice again answers the ballot that counts.',
  input: model.castInput,
  output: model.castOutput,
  access: 'write',
  route: 'POST /api/v1/votes/{proposal}/ballots',
  positional: ['proposal', 'choice'],
  run: castBallot,
  wait: {
    timeoutMs: () => 0,
    topics: () => [],
    pending: () => undefined,
    failure: (_, output) => failureOf(output),
  },
});

export const get = query({
  name: 'votes.get',
  summary: 'Read a proposal with its tally',
  description: 'For its audience and its electors; null for everybody else.',
  input: z.strictObject({ proposal: model.proposalId }),
  output: model.proposal.nullable(),
  access: 'read',
  route: 'GET /api/v1/votes/{proposal}',
  positional: ['proposal'],
  *run(context, { proposal }) {
    const found = yield* proposals.find(context, proposal);
    if (!found) return null;
    context.noteRead(proposals.subjectOf(found.row));
    return yield* proposals.viewOf(context, found.row, yield* proposals.readClock(context));
  },
});

export const list = query({
  name: 'votes.list',
  summary: 'List the proposals that the caller may see',
  input: z.strictObject({
    state: z
      .enum(model.states, `one of ${model.states.join(', ')}`)
      .optional()
      .describe('In this state only'),
    kind: z
      .enum(model.kinds, `one of ${model.kinds.join(', ')}`)
      .optional()
      .describe('Of this kind only'),
    target: model.proposeInput.shape.target.optional().describe('About this target only'),
    awaiting: z
      .boolean()
      .default(false)
      .describe('Only those that the caller may vote on and has not, by their ids'),
    limit: schema.limit,
    cursor: schema.cursor,
  }),
  output: z.object({ proposals: z.array(model.proposal), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/votes',
  positional: ['state'],
  *run(context, { state = '', kind = '', target, awaiting, limit, cursor }) {
    const now = yield* proposals.readClock(context);
    const listing = { now, after: cursor, state, kind, target, awaiting, limit: limit + 1 };
    const rows = yield* proposalsFor(context.project, context.agent, listing);
    if (rows.length === 0) yield* context.identity();
    const shown = rows.slice(0, limit);
    for (const scope of new Set(shown.map((row) => row.scope)))
      context.noteRead({ kind: 'proposal', name: '', scope });
    const views: model.Proposal[] = [];
    for (const row of shown) views.push(yield* proposals.viewOf(context, row, now));
    return { proposals: views, nextCursor: rows.length > limit ? shown.at(-1)!.id : null };
  },
});

const elector = z.object({ agent: z.string(), weight: z.int(), ballot: model.ballot.nullable() });

export const ballots = query({
  name: 'votes.ballots',
  summary: 'List the electors of a proposal with their ballots, by name',
  description: 'With it anybody who may see the proposal can count again. Null for everybody else.',
  input: z.strictObject({ proposal: model.proposalId, limit: schema.limit, cursor: schema.cursor }),
  output: z.object({ electors: z.array(elector), nextCursor: z.string().nullable() }).nullable(),
  access: 'read',
  route: 'GET /api/v1/votes/{proposal}/ballots',
  positional: ['proposal'],
  *run(context, { proposal, limit, cursor }) {
    const found = yield* proposals.find(context, proposal);
    if (!found) return null;
    context.noteRead(proposals.subjectOf(found.row));
    const rows = yield* electorsAfter(context.project, proposal, cursor, limit + 1);
    const electors: z.output<typeof elector>[] = [];
    for (const row of rows.slice(0, limit)) {
      const ballot = hasVoted(row) ? yield* ballotOf(context, found.row, row) : null;
      electors.push({ agent: row.agent_id, weight: row.weight, ballot });
    }
    return { electors, nextCursor: rows.length > limit ? electors.at(-1)!.agent : null };
  },
});

export const recount = query({
  name: 'votes.recount',
  summary: 'Count the stored ballots again and compare with tally, decision and electorate',
  description: 'Null for a proposal that the caller may not see.',
  input: z.strictObject({ proposal: model.proposalId }),
  output: z
    .object({
      tally: model.tally,
      decision: z.enum(model.decisions).nullable(),
      electorateHash: z.string(),
      matches: z.boolean(),
    })
    .nullable(),
  access: 'read',
  route: 'GET /api/v1/votes/{proposal}/recount',
  positional: ['proposal'],
  *run(context, { proposal }) {
    const found = yield* proposals.find(context, proposal);
    return found ? yield* recountOf(context, found.row) : null;
  },
});

/** The stored ballots against what the proposal says of them. */
function* recountOf(context: ReadContext, row: ProposalRow) {
  context.noteRead(proposals.subjectOf(row));
  const now = yield* proposals.readClock(context);
  const { electors, count, ballots: cast } = yield* proposals.recounted(context, row.id);
  const shown = yield* proposals.viewOf(context, row, now);
  const decision = shown.state === 'decided' ? outcome(proposals.ruleOf(row), count) : null;
  const again = {
    tally: model.tallyOf(count, cast),
    decision,
    electorateHash: model.electorateHash(
      electors.map(({ agent_id, weight }) => ({ agent: agent_id, weight })),
    ),
  };
  const stored = {
    tally: shown.tally,
    decision: shown.decision,
    electorateHash: shown.electorateHash,
  };
  return { ...again, matches: JSON.stringify(again) === JSON.stringify(stored) };
}

export const wait = mutation({
  name: 'votes.wait',
  summary: 'Wait until a proposal is decided',
  description:
    'Answers the proposal as it stands when the time is over. Null for one that the caller may not see.',
  input: z.strictObject({ proposal: model.proposalId, waitMs: schema.waitMs }),
  output: model.proposal.nullable(),
  access: 'read',
  route: 'POST /api/v1/votes/{proposal}/wait',
  positional: ['proposal'],
  run: (context, { proposal }) => look(context, proposal, false),
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: ({ proposal }) => [proposals.topicOf(proposal)],
    pending: (_, output) => (output?.state === 'open' ? { dueInMs: output.remainingMs } : undefined),
    poll: (context, { proposal }) => look(context, proposal, true),
  },
});

/** Whoever looks also decides what its deadline has decided. */
function* look(context: WriteContext, id: string, again: boolean): Work<model.Proposal | null> {
  const found = yield* proposals.find(context, id, again);
  if (!found) return null;
  yield* proposals.settle(context, found.row);
  context.noteRead(proposals.subjectOf(found.row));
  return yield* proposals.viewOf(context, found.row, context.now);
}

export const cancel = mutation({
  name: 'votes.cancel',
  summary: 'End a vote without a decision, as the one who proposed it',
  description: 'One that has ended is answered as it is.',
  input: z.strictObject({ proposal: model.proposalId }),
  output: model.proposal,
  access: 'write',
  route: 'POST /api/v1/votes/{proposal}/cancel',
  positional: ['proposal'],
  *run(context, { proposal }) {
    const { row } = yield* proposals.findToChange(context, proposal);
    if (row.owner !== context.agent) {
      const message = `${context.agent} may not cancel a proposal of ${row.owner}`;
      throw new Denial('FORBIDDEN', message, proposals.subjectOf(row), { proposal });
    }
    yield* proposals.settle(context, row);
    if (row.state === 'open')
      yield* proposals.end(context, row, { state: 'cancelled', decision: null, ended_at: context.now });
    return yield* proposals.viewOf(context, row, context.now);
  },
});

const sweepPage = 500;

export const sweep = mutation({
  name: 'votes.sweep',
  summary: 'Record the decision of votes whose deadline has passed',
  description:
    'Tidies a page; "more" says whether to call again. Nothing depends on it: a deadline is judged where ballots arrive.',
  input: z.strictObject({}),
  output: z.object({ decided: z.int(), more: z.boolean() }),
  access: 'write',
  route: 'POST /api/v1/votes-sweep',
  *run(context) {
    yield* context.caretaker();
    const due = yield* dueProposals(context.project, context.now, sweepPage);
    for (const row of due) yield* proposals.settle(context, row);
    return { decided: due.length, more: due.length === sweepPage };
  },
});

export const prune = mutation({
  name: 'votes.prune',
  summary: 'Forget votes that ended long ago',
  description: 'Their ledger entries stay. Forgets a page; "more" says whether to call again.',
  input: z.strictObject({
    olderThanMs: schema.olderThanMs(90),
    limit: schema.limit,
  }),
  output: schema.pruned,
  access: 'admin',
  route: 'POST /api/v1/votes-prune',
  *run(context, { olderThanMs, limit }) {
    return yield* prunePage(context, Math.max(0, context.now - olderThanMs), limit);
  },
});
