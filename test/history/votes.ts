import type { Rookery } from '../../src/rookery.ts';
import type { Model } from './checker.ts';
import { type Client, draw, observe } from './observing.ts';

/** Votes in recorded histories: what clients call, what they do, and what a vote is supposed to do. */

const choices = ['accept', 'reject', 'abstain'] as const;
export type Choice = (typeof choices)[number];

export interface VoteCalls {
  cast(input: { proposal: string; choice: Choice }): Promise<{
    ballot: { choice: Choice } | null;
    proposal: Seen;
  }>;
  get(input: { proposal: string }): Promise<Seen | null>;
}

interface Seen {
  readonly tally: { readonly accept: number; readonly reject: number; readonly abstain: number };
  readonly decision: string | null;
}

/** Nine electors of three weights. A majority of the weight accepts; any ballot makes the quorum. */
const weightOf = (voter: number): number => (voter % 3) + 1;
const weightTotal = 18;

/** Opens a vote that these clients, and they alone, take part in. */
export async function openVote(rookery: Rookery, id: string, clients: readonly number[]): Promise<void> {
  const electorate = clients.map((client) => ({ agent: `client-${client}`, weight: weightOf(client) }));
  for (const { agent } of electorate) {
    if (!(await rookery.fleet.get({ id: agent }))) await rookery.fleet.register({ id: agent });
  }
  await rookery.votes.propose({
    ...{ id, title: id, target: { type: 'task', id }, electorate, strategy: 'majority' },
    quorum: { numerator: 1, denominator: 1_000_000 },
  });
}

export interface VoteCall {
  readonly f: 'cast' | 'tally';
  readonly value: { readonly voter: number; readonly choice: Choice } | null;
}
/** The vote after the call, and the ballot that counts for the caller, or why its ballot was refused. */
export type VoteAnswer =
  | (Tally & { readonly mine: Choice | null })
  | { readonly refused: 'closed'; readonly decision: string | null }
  | { readonly refused: 'equivocation'; readonly mine: Choice };

interface Tally {
  readonly accept: number;
  readonly reject: number;
  readonly abstain: number;
  readonly decision: string | null;
}

export async function useVote(
  client: Client<{ votes: VoteCalls }>,
  key: string,
  count: number,
): Promise<void> {
  const { votes } = client.view;
  const shown = ({ tally: { accept, reject, abstain }, decision }: Seen) => ({
    accept,
    reject,
    abstain,
    decision,
  });
  for (let i = 0; i < count; i++) {
    if (draw(client, 3) === 0) {
      await observe(client, key, { f: 'tally', value: null }, async () => ({
        ...shown((await votes.get({ proposal: key }))!),
        mine: null,
      }));
      continue;
    }
    // Mostly one choice, so that some votes are long undecided and some clients repeat themselves.
    const choice = choices[Math.max(0, draw(client, 5) - 2)]!;
    await observe(
      client,
      key,
      { f: 'cast', value: { voter: client.process, choice } },
      async () => {
        const { ballot, proposal } = await votes.cast({ proposal: key, choice });
        return { ...shown(proposal), mine: ballot!.choice };
      },
      {
        VOTE_CLOSED: ({ details }) => ({ refused: 'closed', decision: details['decision'] }),
        EQUIVOCATION: ({ details }) => ({ refused: 'equivocation', mine: details['choice'] }),
      },
    );
  }
}

export interface VoteState {
  readonly choices: Readonly<Record<number, Choice>>;
  readonly decision: string | null;
}

export const nobody: VoteState = { choices: {}, decision: null };

function weights({ choices: cast }: Pick<VoteState, 'choices'>): Omit<Tally, 'decision'> {
  const sum = { accept: 0, reject: 0, abstain: 0 };
  for (const [voter, choice] of Object.entries(cast)) sum[choice] += weightOf(Number(voter));
  return sum;
}

export function tallyIn(state: VoteState): Seen {
  return { tally: weights(state), decision: state.decision };
}

/** Decided as soon as more than half accepts, or can accept no more; without a yes or no there is no decision. */
function decided(state: Pick<VoteState, 'choices'>): string | null {
  const { accept, reject, abstain } = weights(state);
  const missing = weightTotal - accept - reject - abstain;
  if (2 * accept > weightTotal) return 'accept';
  if (2 * (accept + missing) > weightTotal) return null;
  if (accept + reject > 0) return 'reject';
  return missing === 0 ? 'no_decision' : null;
}

/** One ballot, one slot: what the vote is afterwards, or why it is not counted. */
export function afterBallot(
  state: VoteState,
  { voter, choice }: { readonly voter: number; readonly choice: Choice },
): { readonly state: VoteState; readonly refusal?: 'closed' | 'equivocation' } {
  if (state.choices[voter] === choice) return { state };
  if (state.decision !== null) return { state, refusal: 'closed' };
  if (state.choices[voter]) return { state, refusal: 'equivocation' };
  const next = { choices: { ...state.choices, [voter]: choice } };
  return { state: { ...next, decision: decided(next) } };
}

/** A vote with one ballot for each elector, and one decision that never changes [VO1, VO3, VO5]. */
export const vote: Model<VoteState, VoteCall, VoteAnswer> = {
  initial: nobody,
  key: ({ choices: cast, decision }) => `${JSON.stringify(cast)} ${decision}`,
  step(before, { value }, answer) {
    const { state, refusal } = value ? afterBallot(before, value) : { state: before };
    if (answer === undefined) return state;
    if (refusal || 'refused' in answer) {
      const told = refusal === 'closed' ? before.decision : before.choices[value!.voter];
      const shown = 'refused' in answer && ('decision' in answer ? answer.decision : answer.mine);
      return 'refused' in answer && answer.refused === refusal && shown === told ? state : undefined;
    }
    const { accept, reject, abstain } = weights(state);
    const mine = value ? state.choices[value.voter] : null;
    const expected = { accept, reject, abstain, decision: state.decision, mine };
    return JSON.stringify({ ...expected, ...answer }) === JSON.stringify(expected) ? state : undefined;
  },
};
