import type { z } from 'zod';
import * as fleet from '../../../domains/fleet/operations.ts';
import * as votes from '../../../domains/votes/operations.ts';
import { invalid } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import { boundIds } from '../actors.ts';
import type { MemorySession } from '../memory/session.ts';

/** How a consensus stands, in the seed's words. */
export interface Consensus {
  readonly consensusId: string;
  readonly targetId: string;
  readonly targetType: string;
  readonly status: 'pending' | 'achieved' | 'failed' | 'expired';
  /** The part of the weight cast so far that approves. */
  readonly currentScore: number;
  readonly threshold: number | null;
  readonly votes: { readonly approve: number; readonly reject: number; readonly abstain: number };
  readonly deadline: number;
}

export type Vote = 'approve' | 'accept' | 'reject' | 'abstain' | boolean;

const parts = 1_000_000;

/**
 * Puts something to the vote of the swarm: everybody who is in it now, one vote each, until the threshold decides or a
 * day has passed. The ids that stand for a role vote only where they ask themselves.
 */
export async function request(
  session: MemorySession,
  target: { readonly id: string; readonly type: string },
  threshold: number,
  by: string,
): Promise<string> {
  if (!(threshold > 0 && threshold <= 1)) throw invalid('threshold', 'a number above 0 and at most 1');
  const { swarmId } = session.actors.place;
  const bound: ReadonlySet<string> = new Set(boundIds.filter((id) => id !== by));
  const electorate = (await membersOf(session, swarmId)).filter((id) => !bound.has(id));
  const proposal = await session.actors.invoke(
    votes.propose,
    { agentId: by },
    {
      title: `consensus on ${target.type} ${target.id}`,
      kind: 'validation',
      target,
      electorate: electorate.map((agent) => ({ agent })),
      strategy: 'weighted',
      threshold: { numerator: Math.round(threshold * parts), denominator: parts },
      level: 'swarm',
      audience: swarmId,
    },
  );
  return proposal.id;
}

/** All of them: a vote that leaves somebody out is none. More than may vote at once are refused by the vote itself. */
async function membersOf({ actors }: MemorySession, swarm: string): Promise<string[]> {
  const found: string[] = [];
  for (
    let cursor: string | null = '';
    cursor !== null && found.length <= limits.electors + boundIds.length;
  ) {
    const asked: object = { swarm, limit: limits.pageSize, cursor };
    const page: { members: string[]; nextCursor: string | null } = await actors.administer(
      fleet.members,
      asked,
    );
    found.push(...page.members);
    cursor = page.nextCursor;
  }
  return found;
}

/** Casts a vote as its voter. The same one again is the same vote; another one is refused. */
export async function submit(
  session: MemorySession,
  consensusId: string,
  vote: Vote,
  confidence: number | undefined,
  voter: string,
): Promise<Consensus> {
  const cast = { proposal: consensusId, choice: choiceOf(vote), confidence };
  const { proposal } = await session.actors.invoke(votes.cast, { agentId: voter }, cast);
  return consensusOf(proposal);
}

export async function read(
  session: MemorySession,
  consensusId: string,
  reader: string,
): Promise<Consensus | null> {
  const proposal = await session.actors.invoke(votes.get, { agentId: reader }, { proposal: consensusId });
  return proposal && consensusOf(proposal);
}

function choiceOf(vote: Vote): 'accept' | 'reject' | 'abstain' {
  if (vote === true || vote === 'approve' || vote === 'accept') return 'accept';
  if (vote === false || vote === 'reject') return 'reject';
  if (vote === 'abstain') return 'abstain';
  throw invalid('vote', 'approve, reject or abstain');
}

type Proposal = NonNullable<z.output<typeof votes.get.output>>;

function consensusOf(proposal: Proposal): Consensus {
  const { tally, threshold, decision, state, target } = proposal;
  const { accept: approve, reject, abstain, weightCast } = tally;
  const open = state === 'open' ? 'pending' : 'failed';
  const status = decision === 'accept' ? 'achieved' : decision === 'no_decision' ? 'expired' : open;
  return {
    consensusId: proposal.id,
    targetId: target.id,
    targetType: target.type,
    status,
    currentScore: weightCast === 0 ? 0 : approve / weightCast,
    threshold: threshold && threshold.numerator / threshold.denominator,
    votes: { approve, reject, abstain },
    deadline: proposal.deadlineAt,
  };
}
