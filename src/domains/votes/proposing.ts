import { scopeFor, scopes } from '../../kernel/access/model.ts';
import { membersOf } from '../../kernel/access/statements.ts';
import { Denial, type WriteContext } from '../../kernel/context.ts';
import { invalid, notFound, RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import type { Fraction } from './decision.ts';
import {
  defaultQuorum,
  type Elector,
  electorateHash,
  type Proposal,
  type ProposeInput,
  thresholdFor,
} from './model.ts';
import {
  bindingOf,
  contentText,
  isSealed,
  labelsOf,
  subjectOf,
  topicOf,
  viewOf,
  type Words,
  wordsOf,
} from './proposals.ts';
import { activeAgents, addElectors, addProposal, type ProposalRow, proposalById } from './statements.ts';

/** A proposal as it was asked for, checked. */
interface Asked {
  readonly threshold: Fraction | null;
  readonly quorum: Fraction;
  readonly words: string;
  readonly scope: string;
}

/** Opens a vote, or answers the one that was opened under the same id before. */
export function* propose(context: WriteContext, input: ProposeInput): Work<Proposal> {
  assertOneElectorate(input);
  const threshold = thresholdFor(input);
  const data = input.data === undefined ? null : JSON.parse(encodeValue('data', input.data));
  const words = JSON.stringify({ title: input.title, data } satisfies Words);
  const identity = yield* context.identity();
  const scope = scopeFor(identity, input.level, input.audience);
  const asked = { threshold, quorum: input.quorum ?? defaultQuorum, words, scope };
  const known = input.id === undefined ? undefined : yield* proposalById(context.project, input.id);
  if (known) return yield* proposedBefore(context, known, input, asked);
  yield* assertMayPropose(context, scope);
  const electors = yield* electorateOf(context, input);
  return yield* viewOf(context, yield* open(context, input, asked, electors), context.now);
}

function assertOneElectorate({ electorate, team, swarm }: ProposeInput): void {
  const named = [electorate, team, swarm].filter((field) => field !== undefined).length;
  if (named > 1) throw invalid('electorate', 'one of electorate, team and swarm');
  const agents = electorate?.map(({ agent }) => agent) ?? [];
  const twice = agents.findIndex((agent, i) => agents.indexOf(agent) < i);
  if (twice >= 0) throw invalid(`electorate.${twice}.agent`, 'each elector once');
}

/** Who puts something before an audience belongs to it. */
function* assertMayPropose(context: WriteContext, scope: string): Work<void> {
  const identity = yield* context.identity();
  if (identity.scopes.includes(scope)) return;
  const subject = { kind: 'proposal', name: '', scope };
  throw new Denial('FORBIDDEN', `${context.agent} may not propose to this audience`, subject);
}

/** Who may vote from here on, in the order of names. */
function* electorateOf(context: WriteContext, input: ProposeInput): Work<Elector[]> {
  if (!input.electorate) return yield* membersAsElectors(context, input);
  const electors = input.electorate.toSorted((a, b) => byCodePoint(a.agent, b.agent));
  const active = new Set(
    yield* activeAgents(
      context.project,
      electors.map(({ agent }) => agent),
    ),
  );
  const absent = electors.find(({ agent }) => !active.has(agent));
  if (!absent) return electors;
  const { agent } = absent;
  throw new RookeryError('NOT_FOUND', `there is no active agent ${agent}`, { kind: 'agent', agent });
}

/** The order that both engines give text. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function* membersAsElectors(context: WriteContext, { team, swarm }: ProposeInput): Work<Elector[]> {
  const identity = yield* context.identity();
  const own = swarm === undefined ? scopeFor(identity, 'swarm') : scopes.swarm(swarm);
  const scope = team === undefined ? own : scopes.team(team);
  const page = { after: '', limit: limits.electors + 1, now: context.now };
  const members = yield* membersOf(context.project, scope, page);
  const field = team === undefined ? 'swarm' : 'team';
  if (members.length === 0) throw notFound(field);
  if (members.length > limits.electors) throw invalid(field, `one of at most ${limits.electors} members`);
  return members.map((agent) => ({ agent, weight: 1 }));
}

function* open(
  context: WriteContext,
  input: ProposeInput,
  { threshold, quorum, words, scope }: Asked,
  electors: readonly Elector[],
): Work<ProposalRow> {
  const row: ProposalRow = {
    id: input.id ?? context.newId('prop'),
    kind: input.kind,
    target_type: input.target.type,
    target_id: input.target.id,
    owner: context.agent,
    scope,
    strategy: input.strategy,
    threshold_numerator: threshold?.numerator ?? null,
    threshold_denominator: threshold?.denominator ?? null,
    quorum_numerator: quorum.numerator,
    quorum_denominator: quorum.denominator,
    revisable: input.revisable ? 1 : 0,
    electors: electors.length,
    weight_total: electors.reduce((sum, { weight }) => sum + weight, 0),
    electorate_hash: electorateHash(electors),
    opened_at: context.now,
    deadline_ms: context.now + input.deadlineMs,
    state: 'open',
    decision: null,
    ended_at: null,
    ...{ accepted: 0, rejected: 0, abstained: 0, ballots: 0 },
    seq: 0,
    value: null,
    sealed: null,
  };
  Object.assign(row, yield* context.seal(words, isSealed(row), bindingOf(row)));
  row.seq = yield* context.record(subjectOf(row), {
    revision: [0, 1],
    content: contentText(row, words),
    facts: { electors: row.electors },
    labels: labelsOf(context, row.id, 'consensus_requested'),
  });
  yield* addProposal(context.project, row);
  yield* addElectors(context.project, row.id, electors);
  context.tx.touch(topicOf(row.id));
  return row;
}

/** The same proposal again is answered as it stands by now; another one under its id is refused. */
function* proposedBefore(
  context: WriteContext,
  row: ProposalRow,
  input: ProposeInput,
  { threshold, quorum, words, scope }: Asked,
): Work<Proposal> {
  const sorted = input.electorate?.toSorted((a, b) => byCodePoint(a.agent, b.agent));
  const asked: [stored: unknown, wanted: unknown][] = [
    [row.owner, context.agent],
    [row.scope, scope],
    [row.kind, input.kind],
    [row.target_type, input.target.type],
    [row.target_id, input.target.id],
    [row.strategy, input.strategy],
    [row.threshold_numerator, threshold?.numerator ?? null],
    [row.threshold_denominator, threshold?.denominator ?? null],
    [row.quorum_numerator, quorum.numerator],
    [row.quorum_denominator, quorum.denominator],
    [row.revisable, input.revisable ? 1 : 0],
    [row.deadline_ms - row.opened_at, input.deadlineMs],
    [row.electorate_hash, sorted ? electorateHash(sorted) : row.electorate_hash],
  ];
  // The words come last: only the owner's own proposal is opened.
  const same =
    asked.every(([stored, wanted]) => stored === wanted) && (yield* wordsOf(context, row)) === words;
  if (same) return yield* viewOf(context, row, context.now);
  throw new RookeryError('IDEMPOTENCY_CONFLICT', 'another proposal was made under this id', { field: 'id' });
}
