import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import type { Ballot, Cast, CastInput } from './model.ts';
import { findToChange, isSealed, labelsOf, settle, subjectOf, topicOf, viewOf } from './proposals.ts';
import { type BallotRow, changeTally, type ElectorRow, type ProposalRow, putBallot } from './statements.ts';

/** One elector's ballot: cast once, by itself, and counted in the same commit. */

export function ballotSubjectOf(proposal: Pick<ProposalRow, 'id' | 'scope'>, agent: string): Subject {
  return { kind: 'ballot', name: `${proposal.id}\n${agent}`, scope: proposal.scope };
}

export function ballotBindingOf(
  proposal: Pick<ProposalRow, 'id' | 'scope'>,
  { agent_id, revision }: Pick<BallotRow, 'agent_id' | 'revision'>,
) {
  return { table: 'ballots', record: `${proposal.id}\n${agent_id}`, scope: proposal.scope, revision };
}

interface Words {
  readonly confidence: number | null;
  readonly reason: string | null;
}

const noWords = JSON.stringify({ confidence: null, reason: null } satisfies Words);

/** The text that the entry of a ballot commits to; verification makes it again. */
export function ballotText(row: BallotRow, words: string): string {
  return [row.agent_id, row.choice, row.weight, row.cast_at, words].join('\n');
}

export function hasVoted(row: ElectorRow): row is BallotRow {
  return row.choice !== null;
}

export function ballotWords(
  context: ReadContext,
  proposal: Pick<ProposalRow, 'id' | 'scope'>,
  row: BallotRow,
): Work<string> {
  return context.open(row, ballotBindingOf(proposal, row));
}

export function* ballotOf(context: ReadContext, proposal: ProposalRow, row: BallotRow): Work<Ballot> {
  const { confidence, reason }: Words = JSON.parse(yield* ballotWords(context, proposal, row));
  return {
    proposal: proposal.id,
    agent: row.agent_id,
    weight: row.weight,
    choice: row.choice,
    confidence,
    reason,
    revision: row.revision,
    at: row.cast_at,
    seq: row.seq,
  };
}

/**
 * Casts the caller's ballot. A refusal is an answer of the transaction, so that what it found out, such as a deadline
 * that has passed, is kept with it; the error follows after the commit, see `failureOf`.
 */
export function* cast(context: WriteContext, input: CastInput): Work<Cast> {
  const { row, own } = yield* findToChange(context, input.proposal);
  assertOneself(context, row, input.voter);
  if (!own) {
    const message = `${context.agent} is no elector of this proposal`;
    throw new Denial('FORBIDDEN', message, subjectOf(row), { proposal: row.id });
  }
  const words = JSON.stringify({
    confidence: input.confidence ?? null,
    reason: input.reason ?? null,
  } satisfies Words);
  if (hasVoted(own) && (yield* isSame(context, row, own, input.choice, words)))
    return {
      ballot: yield* ballotOf(context, row, own),
      proposal: yield* shown(context, row),
      refusal: null,
    };
  yield* settle(context, row);
  if (row.state !== 'open') return yield* refuse(context, row, own, 'closed');
  if (hasVoted(own) && row.revisable === 0) return yield* refuse(context, row, own, 'equivocation');
  const counted = yield* store(context, row, own, {
    choice: input.choice,
    words,
    castAt: context.now,
  });
  yield* count(context, row, own, counted);
  context.tx.touch(topicOf(row.id));
  return {
    ballot: yield* ballotOf(context, row, counted),
    proposal: yield* shown(context, row),
    refusal: null,
  };
}

/** Who votes is who calls. A client that says otherwise is refused, and the ledger hears of it. */
function assertOneself(context: WriteContext, proposal: ProposalRow, agent: string | undefined): void {
  if (agent === undefined || agent === context.agent) return;
  const message = `${context.agent} may not vote for ${agent}`;
  throw new Denial('FORBIDDEN', message, subjectOf(proposal), { proposal: proposal.id, agent });
}

/** Where ballots are revised, a changed reason is a change; elsewhere the choice alone makes the ballot. */
function* isSame(
  context: WriteContext,
  proposal: ProposalRow,
  row: BallotRow,
  choice: CastInput['choice'],
  words: string,
): Work<boolean> {
  if (row.choice !== choice) return false;
  return proposal.revisable === 0 || (yield* ballotWords(context, proposal, row)) === words;
}

function shown(context: WriteContext, row: ProposalRow) {
  return viewOf(context, row, context.now);
}

function* refuse(
  context: WriteContext,
  row: ProposalRow,
  own: ElectorRow,
  refusal: NonNullable<Cast['refusal']>,
): Work<Cast> {
  const facts = { counted: own.seq ?? 0, closed: refusal === 'closed' ? 1 : 0 };
  yield* context.recordDenial(ballotSubjectOf(row, own.agent_id), facts);
  const ballot = hasVoted(own) ? yield* ballotOf(context, row, own) : null;
  return { ballot, proposal: yield* shown(context, row), refusal };
}

interface Said {
  readonly choice: CastInput['choice'];
  readonly words: string;
  readonly castAt: number;
}

function* store(
  context: WriteContext,
  proposal: ProposalRow,
  { agent_id, weight, revision }: ElectorRow,
  { choice, words, castAt }: Said,
  facts: Readonly<Record<string, number>> = {},
): Work<BallotRow> {
  const before = revision ?? 0;
  const place = { agent_id, revision: before + 1 };
  const stored = yield* context.seal(words, isSealed(proposal), ballotBindingOf(proposal, place));
  const row: BallotRow = { ...place, weight, choice, cast_at: castAt, seq: 0, ...stored };
  row.seq = yield* context.record(ballotSubjectOf(proposal, agent_id), {
    revision: [before, row.revision],
    content: ballotText(row, words),
    facts,
    labels: labelsOf(context, proposal.id, 'vote_cast'),
  });
  if ((yield* putBallot(context.project, proposal.id, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the ballot changed meanwhile', { proposal: proposal.id });
  return row;
}

/** Forgets what a ballot says beside its choice, as a revision of it: the count stays. */
export function* dropWords(context: WriteContext, proposal: ProposalRow, own: BallotRow): Work<void> {
  const said = { choice: own.choice, words: noWords, castAt: own.cast_at };
  yield* store(context, proposal, own, said, { erased: 1 });
}

const columns = { accept: 'accepted', reject: 'rejected', abstain: 'abstained' } as const;

/** Moves the weight to its new place, and decides if nothing can change the outcome any more. */
function* count(
  context: WriteContext,
  proposal: ProposalRow,
  before: ElectorRow,
  ballot: BallotRow,
): Work<void> {
  if (hasVoted(before)) proposal[columns[before.choice]] -= before.weight;
  else proposal.ballots += 1;
  proposal[columns[ballot.choice]] += ballot.weight;
  if ((yield* changeTally(context.project, proposal)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the vote ended meanwhile', { proposal: proposal.id });
  yield* settle(context, proposal);
}

/** The error that a refused ballot stands for. */
export function failureOf({ refusal, proposal, ballot }: Cast): RookeryError | undefined {
  const { id, state, decision, decidedAt: endedAt } = proposal;
  switch (refusal) {
    case null:
      return undefined;
    case 'closed':
      return new RookeryError('VOTE_CLOSED', 'the vote has ended: the ballot does not count', {
        ...{ proposal: id, state, decision, endedAt },
      });
    case 'equivocation':
      return new RookeryError('EQUIVOCATION', `a ballot of this elector counts already: ${ballot!.choice}`, {
        ...{ proposal: id, choice: ballot!.choice, seq: ballot!.seq },
      });
  }
}
