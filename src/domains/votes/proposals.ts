import { levelOf, sealedByDefault } from '../../kernel/access/model.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Labels } from '../../kernel/ledger/entry.ts';
import type { Work } from '../../kernel/work.ts';
import { type Count, countOf, outcome, settledOutcome, type VotingRule } from './decision.ts';
import { isDue, type Proposal, standingAt, tallyOf } from './model.ts';
import {
  committedClock,
  type ElectorRow,
  electorOf,
  electorsAfter,
  endProposal,
  type ProposalRow,
  proposalById,
} from './statements.ts';

/** What every operation on proposals shares: finding one, showing it, and bringing it to its end. */

export function topicOf(proposal: string): string {
  return `votes/${proposal}`;
}

export function subjectOf({ id, scope }: Pick<ProposalRow, 'id' | 'scope'>): Subject {
  return { kind: 'proposal', name: id, scope };
}

export function labelsOf(context: ReadContext, proposal: string, action: string): Labels {
  return {
    action,
    category: 'consensus',
    entityType: 'consensus',
    entityId: proposal,
    swarm: context.principal.swarm,
  };
}

/** The store clock for a read: what any process has committed, or this one's clock if that is later. */
export function* readClock(context: ReadContext): Work<number> {
  return Math.max(context.now, yield* committedClock(context.project));
}

export function ruleOf(row: ProposalRow): VotingRule {
  const { strategy, threshold_numerator: numerator, threshold_denominator: denominator } = row;
  return {
    strategy,
    threshold: numerator === null || denominator === null ? null : { numerator, denominator },
    quorum: { numerator: row.quorum_numerator, denominator: row.quorum_denominator },
  };
}

export function countIn(row: ProposalRow): Count {
  return {
    accept: row.accepted,
    reject: row.rejected,
    abstain: row.abstained,
    total: row.weight_total,
  };
}

export interface Found {
  readonly row: ProposalRow;
  /** The caller as an elector; undefined when it is none. */
  readonly own: ElectorRow | undefined;
}

/**
 * The proposal, for its audience and its electors. Absent and forbidden are one answer; the ledger hears of the latter,
 * unless this is a waiter that merely looks again.
 */
export function* find(context: ReadContext, id: string, again = false): Work<Found | undefined> {
  const identity = yield* context.identity();
  const row = yield* proposalById(context.project, id);
  if (!row) return undefined;
  const own = yield* electorOf(context.project, id, context.agent);
  if (own && identity.scopes.length > 0) return { row, own };
  const guarded = { scope: row.scope, owner: row.owner, path: id };
  if (yield* context.may(identity, 'read', 'votes', guarded)) return { row, own: undefined };
  if (!again) context.noteDenial(subjectOf(row));
  return undefined;
}

/** The same for a change: throws NOT_FOUND, which the ledger keeps as a denial where there is such a proposal. */
export function* findToChange(context: WriteContext, id: string): Work<Found> {
  const found = yield* find(context, id, true);
  if (found) return found;
  const row = yield* proposalById(context.project, id);
  const details = { kind: 'proposal' };
  if (row) throw new Denial('NOT_FOUND', 'proposal not found', subjectOf(row), details);
  throw new RookeryError('NOT_FOUND', 'proposal not found', details);
}

export function bindingOf(row: Pick<ProposalRow, 'id' | 'scope'>) {
  return { table: 'proposals', record: row.id, scope: row.scope, revision: 1 };
}

/** What is said of a proposal in words. */
export interface Words {
  readonly title: string;
  readonly data: unknown;
}

export function wordsOf(context: ReadContext, row: ProposalRow): Work<string> {
  return context.open(row, bindingOf(row));
}

export function isSealed({ scope }: Pick<ProposalRow, 'scope'>): boolean {
  return sealedByDefault(levelOf(scope));
}

/** The text that the entries of a proposal commit to; verification makes it again. No fact holds a line break. */
export function contentText(row: ProposalRow, words: string): string {
  const tally = row.state === 'open' ? [] : [row.accepted, row.rejected, row.abstained, row.ballots];
  return [
    ...[row.kind, row.target_type, row.target_id, row.owner, row.strategy],
    ...[row.threshold_numerator ?? '', row.threshold_denominator ?? ''],
    ...[row.quorum_numerator, row.quorum_denominator, row.revisable],
    ...[row.electors, row.weight_total, row.electorate_hash],
    ...[row.opened_at, row.deadline_ms, row.state, row.decision ?? '', row.ended_at ?? ''],
    ...[tally.join(' '), words],
  ].join('\n');
}

export function* viewOf(context: ReadContext, row: ProposalRow, now: number): Work<Proposal> {
  const { title, data }: Words = JSON.parse(yield* wordsOf(context, row));
  const rule = ruleOf(row);
  const { state, decision, ended_at } = standingAt(row, rule, countIn(row), now);
  return {
    id: row.id,
    title,
    kind: row.kind,
    target: { type: row.target_type, id: row.target_id },
    owner: row.owner,
    level: levelOf(row.scope),
    scope: row.scope,
    strategy: row.strategy,
    threshold: rule.threshold,
    quorum: rule.quorum,
    revisable: row.revisable === 1,
    electors: row.electors,
    electorateHash: row.electorate_hash,
    openedAt: row.opened_at,
    deadlineAt: row.deadline_ms,
    remainingMs: state === 'open' ? row.deadline_ms - now : 0,
    state,
    decision,
    decidedAt: ended_at,
    tally: tallyOf(countIn(row), row.ballots),
    data,
    seq: row.seq,
  };
}

const electorsAtOnce = 1000;

/** All electors with their ballots, by name: never more than a proposal may have. */
export function electorsOf(context: ReadContext, proposal: string): Work<ElectorRow[]> {
  return electorsAfter(context.project, proposal, '', electorsAtOnce);
}

/** The tally made again from what is stored. */
export function* recounted(context: ReadContext, proposal: string) {
  const electors = yield* electorsOf(context, proposal);
  const count = countOf(electors);
  return { electors, count, ballots: electors.filter(({ choice }) => choice !== null).length };
}

/** Ends an open proposal, in one entry; whoever waits for it wakes. The row is changed in place. */
export function* end(
  context: WriteContext,
  row: ProposalRow,
  how: Pick<ProposalRow, 'state' | 'decision'> & { ended_at: number },
): Work<void> {
  Object.assign(row, how);
  const decided = row.state === 'decided';
  row.seq = yield* context.record(subjectOf(row), {
    operation: decided ? 'votes.decide' : 'votes.cancel',
    revision: [1, 2],
    content: contentText(row, yield* wordsOf(context, row)),
    facts: { ballots: row.ballots },
    labels: labelsOf(context, row.id, decided ? 'consensus_decided' : 'consensus_cancelled'),
  });
  if ((yield* endProposal(context.project, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the vote ended meanwhile', { proposal: row.id });
  context.tx.touch(topicOf(row.id));
}

/** Decides an open proposal that can be decided by now: past its deadline, or when no ballot can change it any more. */
export function* settle(context: WriteContext, row: ProposalRow): Work<void> {
  if (row.state !== 'open') return;
  const [rule, count] = [ruleOf(row), countIn(row)];
  if (isDue(row, context.now)) {
    const decision = outcome(rule, count);
    return yield* end(context, row, { state: 'decided', decision, ended_at: row.deadline_ms });
  }
  const decision = row.revisable === 1 ? undefined : settledOutcome(rule, count);
  if (decision !== undefined) yield* end(context, row, { state: 'decided', decision, ended_at: context.now });
}
