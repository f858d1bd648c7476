import { visible } from '../../kernel/access/statements.ts';
import { change, many, one, statement, type Work } from '../../kernel/work.ts';
import type { Elector, Proposal } from './model.ts';

export interface ProposalRow {
  id: string;
  kind: Proposal['kind'];
  target_type: Proposal['target']['type'];
  target_id: string;
  owner: string;
  scope: string;
  strategy: Proposal['strategy'];
  threshold_numerator: number | null;
  threshold_denominator: number | null;
  quorum_numerator: number;
  quorum_denominator: number;
  revisable: number;
  electors: number;
  weight_total: number;
  electorate_hash: string;
  opened_at: number;
  deadline_ms: number;
  state: Proposal['state'];
  decision: Proposal['decision'];
  ended_at: number | null;
  accepted: number;
  rejected: number;
  abstained: number;
  ballots: number;
  seq: number;
  value: string | null;
  sealed: Uint8Array | null;
}

/** An elector with its ballot, if it has one. */
export interface ElectorRow {
  agent_id: string;
  weight: number;
  choice: 'accept' | 'reject' | 'abstain' | null;
  revision: number | null;
  cast_at: number | null;
  seq: number | null;
  value: string | null;
  sealed: Uint8Array | null;
}

/** An elector whose ballot is there. */
export interface BallotRow extends ElectorRow {
  choice: 'accept' | 'reject' | 'abstain';
  revision: number;
  cast_at: number;
  seq: number;
}

const names = [
  ...['id', 'kind', 'target_type', 'target_id', 'owner', 'scope', 'strategy', 'threshold_numerator'],
  ...[
    'threshold_denominator',
    'quorum_numerator',
    'quorum_denominator',
    'revisable',
    'electors',
    'weight_total',
  ],
  ...['electorate_hash', 'opened_at', 'deadline_ms', 'state', 'decision', 'ended_at', 'accepted', 'rejected'],
  ...['abstained', 'ballots', 'seq', 'value', 'sealed'],
] as const satisfies (keyof ProposalRow)[];
const columns = names.map((name) => `p.${name}`).join(', ');
const listsAreSpelledOtherwise = 'the two name differently what turns a JSON list into rows';

const selectProposal = statement(`SELECT ${columns} FROM proposals p WHERE p.project_id = $1 AND p.id = $2`);
export const proposalById = (project: string, id: string) => one<ProposalRow>(selectProposal, [project, id]);

const insertProposal = statement(`
  INSERT INTO proposals (project_id, ${names.join(', ')})
  VALUES ($1, ${names.map((_, i) => `$${i + 2}`).join(', ')})`);
export const addProposal = (project: string, row: ProposalRow) =>
  change(insertProposal, [project, ...names.map((name) => row[name])]);

const insertInto = 'INSERT INTO electors (project_id, proposal_id, agent_id, weight)';
const insertElectors = statement(
  `${insertInto} SELECT $1, $2, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each($3)`,
  {
    when: 'postgres',
    sql: `${insertInto} SELECT $1, $2, e ->> 0, CAST(e ->> 1 AS BIGINT) FROM json_array_elements(CAST($3 AS json)) e`,
    because: listsAreSpelledOtherwise,
  },
);
export const addElectors = (project: string, proposal: string, electors: readonly Elector[]) =>
  change(insertElectors, [
    project,
    proposal,
    JSON.stringify(electors.map(({ agent, weight }) => [agent, weight])),
  ]);

const activeAmong = (list: string) => `
  SELECT a.id FROM agents a WHERE a.project_id = $1 AND a.id IN (${list})
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.project_id = a.project_id AND m.agent_id = a.id)
  LIMIT 1000`;
const selectActive = statement(activeAmong('SELECT value FROM json_each($2)'), {
  when: 'postgres',
  sql: activeAmong('SELECT json_array_elements_text(CAST($2 AS json))'),
  because: listsAreSpelledOtherwise,
});
/** Those of some agents that are active. */
export function* activeAgents(project: string, agents: readonly string[]): Work<string[]> {
  const rows = yield* many<{ id: string }>(selectActive, [project, JSON.stringify(agents)]);
  return rows.map(({ id }) => id);
}

const electorColumns = 'e.agent_id, e.weight, b.choice, b.revision, b.cast_at, b.seq, b.value, b.sealed';
const electorsWithBallots = `
  FROM electors e LEFT JOIN ballots b
    ON b.project_id = e.project_id AND b.proposal_id = e.proposal_id AND b.agent_id = e.agent_id
  WHERE e.project_id = $1 AND e.proposal_id = $2`;

const selectElector = statement(`SELECT ${electorColumns} ${electorsWithBallots} AND e.agent_id = $3`);
export const electorOf = (project: string, proposal: string, agent: string) =>
  one<ElectorRow>(selectElector, [project, proposal, agent]);

const selectElectors = statement(`
  SELECT ${electorColumns} ${electorsWithBallots} AND e.agent_id > $3 ORDER BY e.agent_id LIMIT $4`);
export const electorsAfter = (project: string, proposal: string, after: string, limit: number) =>
  many<ElectorRow>(selectElectors, [project, proposal, after, limit]);

const insertBallot = statement(`
  INSERT INTO ballots (project_id, proposal_id, agent_id, choice, revision, cast_at, seq, value, sealed)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`);
const updateBallot = statement(`
  UPDATE ballots SET choice = $4, revision = $5, cast_at = $6, seq = $7, value = $8, sealed = $9
  WHERE project_id = $1 AND proposal_id = $2 AND agent_id = $3 AND revision = $5 - 1`);
/** The first ballot of an elector, or the next revision of it. The first fails where there is one: its key is taken. */
export const putBallot = (project: string, proposal: string, row: BallotRow) =>
  change(row.revision === 1 ? insertBallot : updateBallot, [
    project,
    proposal,
    row.agent_id,
    row.choice,
    row.revision,
    row.cast_at,
    row.seq,
    row.value,
    row.sealed,
  ]);

const updateTally = statement(`
  UPDATE proposals SET accepted = $3, rejected = $4, abstained = $5, ballots = $6
  WHERE project_id = $1 AND id = $2 AND state = 'open'`);
export const changeTally = (project: string, row: ProposalRow) =>
  change(updateTally, [project, row.id, row.accepted, row.rejected, row.abstained, row.ballots]);

const updateEnded = statement(`
  UPDATE proposals SET state = $3, decision = $4, ended_at = $5, seq = $6
  WHERE project_id = $1 AND id = $2 AND state = 'open'`);
export const endProposal = (project: string, row: ProposalRow) =>
  change(updateEnded, [project, row.id, row.state, row.decision, row.ended_at, row.seq]);

const selectDue = statement(`
  SELECT ${columns} FROM proposals p WHERE p.project_id = $1 AND p.state = 'open' AND p.deadline_ms <= $2
  ORDER BY p.deadline_ms LIMIT $3`);
export const dueProposals = (project: string, now: number, limit: number) =>
  many<ProposalRow>(selectDue, [project, now, limit]);

const isActive = 'EXISTS (SELECT 1 FROM memberships m WHERE m.project_id = p.project_id AND m.agent_id = $2)';
const isElector = `EXISTS (SELECT 1 FROM electors e
  WHERE e.project_id = p.project_id AND e.agent_id = $2 AND e.proposal_id = p.id)`;
const hasVoted = `EXISTS (SELECT 1 FROM ballots b
  WHERE b.project_id = p.project_id AND b.proposal_id = p.id AND b.agent_id = $2)`;
// A proposal past its deadline is decided whether or not anybody has said so.
const listed = `p.project_id = $1 AND p.id > $5
  AND ($6 = '' OR $6 = CASE WHEN p.state = 'open' AND p.deadline_ms <= $4 THEN 'decided' ELSE p.state END)
  AND ($7 = '' OR p.kind = $7)`;
const isVisible = `((${visible('p', 'votes', 'p.id', { agent: 2, act: 3, now: 4 })}) OR (${isActive} AND ${isElector}))`;
const selectVisible = statement(`
  SELECT ${columns} FROM proposals p WHERE ${listed} AND ${isVisible} ORDER BY p.id LIMIT $8`);
const selectVisibleOn = statement(`
  SELECT ${columns} FROM proposals p
  WHERE ${listed} AND p.target_type = $9 AND p.target_id = $10 AND ${isVisible} ORDER BY p.id LIMIT $8`);
const selectAwaiting = statement(`
  SELECT ${columns} FROM electors o JOIN proposals p ON p.project_id = o.project_id AND p.id = o.proposal_id
  WHERE o.project_id = $1 AND o.agent_id = $2 AND $3 = 'read' AND ${listed} AND ${isActive} AND NOT ${hasVoted}
  ORDER BY p.id LIMIT $8`);

export interface Listing {
  readonly now: number;
  readonly after: string;
  /** Empty for any. */
  readonly state: string;
  readonly kind: string;
  readonly limit: number;
  readonly target?: { readonly type: string; readonly id: string } | undefined;
  /** Only those that the agent may vote on and has not. */
  readonly awaiting: boolean;
}
/** Proposals that an agent may see, in the order of their ids. */
export const proposalsFor = (project: string, agent: string, listing: Listing) => {
  const { now, after, state, kind, limit, target, awaiting } = listing;
  const parameters = [project, agent, 'read', now, after, state, kind, limit];
  if (awaiting) return many<ProposalRow>(selectAwaiting, parameters);
  if (!target) return many<ProposalRow>(selectVisible, parameters);
  return many<ProposalRow>(selectVisibleOn, [...parameters, target.type, target.id]);
};

const selectClock = statement('SELECT clock_ms FROM ledger_heads WHERE project_id = $1');
/** The store clock as far as anybody has committed it. */
export function* committedClock(project: string): Work<number> {
  return (yield* one<{ clock_ms: number }>(selectClock, [project]))?.clock_ms ?? 0;
}

const selectEnded = statement(`
  SELECT ${columns} FROM proposals p WHERE p.project_id = $1 AND p.ended_at IS NOT NULL AND p.ended_at < $2
  ORDER BY p.ended_at LIMIT $3`);
export const endedBefore = (project: string, before: number, limit: number) =>
  many<ProposalRow>(selectEnded, [project, before, limit]);

const deletions = ['ballots', 'electors'].map((table) =>
  statement(`DELETE FROM ${table} WHERE project_id = $1 AND proposal_id = $2`),
);
const deleteProposal = statement('DELETE FROM proposals WHERE project_id = $1 AND id = $2');
export function* dropProposal(project: string, id: string): Work<void> {
  for (const deletion of deletions) yield* change(deletion, [project, id]);
  yield* change(deleteProposal, [project, id]);
}

const selectAll = statement(`
  SELECT ${columns} FROM proposals p WHERE p.project_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3`);
export const proposalsAfter = (project: string, after: string, limit: number) =>
  many<ProposalRow>(selectAll, [project, after, limit]);

export type CheckedBallot = BallotRow & { proposal_id: string; scope: string | null };
const selectBallots = statement(`
  SELECT b.proposal_id, b.agent_id, b.choice, b.revision, b.cast_at, b.seq, b.value, b.sealed, p.scope,
    COALESCE(e.weight, 0) AS weight
  FROM ballots b LEFT JOIN proposals p ON p.project_id = b.project_id AND p.id = b.proposal_id
    LEFT JOIN electors e
      ON e.project_id = b.project_id AND e.proposal_id = b.proposal_id AND e.agent_id = b.agent_id
  WHERE b.project_id = $1 AND (b.proposal_id, b.agent_id) > ($2, $3) ORDER BY b.proposal_id, b.agent_id LIMIT $4`);
export const ballotsAfter = (project: string, [proposal, agent]: readonly string[], limit: number) =>
  many<CheckedBallot>(selectBallots, [project, proposal!, agent!, limit]);

const proposalsWhere = (column: string) => `
  SELECT ${columns} FROM proposals p WHERE p.project_id = $1 AND p.${column} = $2 AND p.id > $3 ORDER BY p.id LIMIT $4`;
const selectIn = statement(proposalsWhere('scope'));
const selectOf = statement(proposalsWhere('owner'));
export const proposalsIn = (project: string, scope: string, after: string, limit: number) =>
  many<ProposalRow>(selectIn, [project, scope, after, limit]);
export const proposalsOf = (project: string, owner: string, after: string, limit: number) =>
  many<ProposalRow>(selectOf, [project, owner, after, limit]);

const selectCastBy = statement(`
  SELECT e.proposal_id FROM electors e JOIN ballots b
    ON b.project_id = e.project_id AND b.proposal_id = e.proposal_id AND b.agent_id = e.agent_id
  WHERE e.project_id = $1 AND e.agent_id = $2 AND e.proposal_id > $3 ORDER BY e.proposal_id LIMIT $4`);
/** Proposals on which an agent has a ballot. */
export function* votedOnBy(project: string, agent: string, after: string, limit: number): Work<string[]> {
  const rows = yield* many<{ proposal_id: string }>(selectCastBy, [project, agent, after, limit]);
  return rows.map(({ proposal_id }) => proposal_id);
}
