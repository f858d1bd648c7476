import { hash } from 'node:crypto';
import { z } from 'zod';
import { invalid } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';
import type { Count, Fraction, VotingRule } from './decision.ts';
import { outcome, seedThreshold, weightCast } from './decision.ts';

/**
 * Words. A *proposal* is put to a vote by its *owner* about a *target*. Its *electors* are fixed with their *weights*
 * when it opens, and hashed: who joins or leaves afterwards changes nothing. A *ballot* is one elector's choice, cast by
 * itself. The *tally* holds weights, not heads. *Equivocation* is another choice by an elector whose ballot counts
 * already; the *recount* makes the tally again from the stored ballots.
 *
 * States of a proposal: open → decided (accept | reject | no_decision) | cancelled, both final. It is decided by the
 * ballot after which no missing one can change the outcome, else at its deadline on the store clock, by whoever notices
 * first; a reader sees it decided from that millisecond on. Where ballots may be revised, only the deadline decides.
 *
 * Decisions. Strategies, over weights:
 * - simple: more accept than reject.
 * - majority: more than half of the whole electorate accepts; with a threshold, at least that part of it.
 * - weighted: at least the threshold of the weight that was cast, abstentions included; 9/10 when left out.
 * - unanimous: everybody accepts.
 * The quorum is a part of the electorate's weight, half when left out; abstentions count towards it. Without it, or
 * where all abstain, there is no decision. A tie rejects. The same choice again is the same ballot. A ballot that is
 * refused, because it is late or another one counts, changes nothing and is in the ledger.
 *
 * It is a vote that anybody can recount, taken in order by a store that is trusted to keep the order: no Byzantine
 * consensus.
 */
export const kinds = ['gate', 'validation', 'approval', 'decision'] as const;
export const targetTypes = ['task', 'event', 'phase', 'sprint', 'epic'] as const;
export const strategies = ['simple', 'majority', 'weighted', 'unanimous'] as const;
export const choices = ['accept', 'reject', 'abstain'] as const;
export const states = ['open', 'decided', 'cancelled'] as const;
export const decisions = ['accept', 'reject', 'no_decision'] as const;
export type Choice = (typeof choices)[number];

const partMax = 1_000_000;
const weightMax = 1_000_000;
const dayMs = 86_400_000;

const part = z.int('a whole number').min(1, 'at least 1').max(partMax, `at most ${partMax}`);
const fraction = z
  .strictObject({ numerator: part, denominator: part })
  .refine(({ numerator, denominator }) => numerator <= denominator, 'a fraction above 0 and at most 1');

const elector = z.strictObject({
  agent: schema.agentId,
  weight: z.int('a whole number').min(1, 'at least 1').max(weightMax, `at most ${weightMax}`).default(1),
});

export const proposalId = schema.name.describe('Id of the proposal');
export const choice = z.enum(choices, `one of ${choices.join(', ')}`);
const target = z.strictObject({
  type: z.enum(targetTypes, `one of ${targetTypes.join(', ')}`),
  id: schema.name,
});

export const proposeInput = z.strictObject({
  id: proposalId
    .optional()
    .describe('Made up when left out; proposing again under it answers the same proposal'),
  title: schema.name.describe('What is voted on'),
  kind: z.enum(kinds, `one of ${kinds.join(', ')}`).default('decision'),
  target: target.describe('What it is about'),
  electorate: z
    .array(elector)
    .min(1, 'at least one elector')
    .max(limits.electors, `at most ${limits.electors} electors`)
    .optional()
    .describe('Who may vote, and with which weight'),
  team: schema.id.optional().describe('In place of an electorate: the members of this team now'),
  swarm: schema.id
    .optional()
    .describe(
      'In place of an electorate: the members of this swarm now; the caller’s own when nothing is named',
    ),
  strategy: z.enum(strategies, `one of ${strategies.join(', ')}`).default('simple'),
  threshold: fraction.optional().describe('For majority and weighted: the part that must accept'),
  quorum: fraction.optional().describe('The part of the weight that must vote; half when left out'),
  deadlineMs: schema
    .millisecondsUpTo(limits.deadlineMsMax)
    .min(1, 'at least 1')
    .default(dayMs)
    .describe('Until when ballots count, from now; a day when left out'),
  revisable: z
    .boolean()
    .default(false)
    .describe('Whether electors may change their ballots until the deadline'),
  level: schema.level.default('swarm').describe('Who may see it, beside its electors'),
  audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
  data: schema.json.optional().describe('Any JSON value'),
});
export type ProposeInput = z.output<typeof proposeInput>;

export const castInput = z.strictObject({
  proposal: proposalId,
  choice,
  confidence: z
    .number('a number')
    .min(0, 'at least 0')
    .max(1, 'at most 1')
    .optional()
    .describe('From 0 to 1'),
  reason: z.string('text').max(10_000, 'at most 10000 characters').optional().describe('Why'),
  voter: schema.agentId
    .optional()
    .describe('The caller’s own id, where a client sends it: no other is accepted'),
});
export type CastInput = z.output<typeof castInput>;

/** Weights, and how many ballots they come from. */
export const tally = z.object({
  accept: z.int(),
  reject: z.int(),
  abstain: z.int(),
  cast: z.int(),
  weightCast: z.int(),
  weightTotal: z.int(),
});
export type Tally = z.output<typeof tally>;

/** Times in integer milliseconds on the store clock. */
export const proposal = z.object({
  id: z.string(),
  title: z.string(),
  kind: z.enum(kinds),
  target: z.object({ type: z.enum(targetTypes), id: z.string() }),
  owner: z.string(),
  level: schema.level,
  scope: z.string(),
  strategy: z.enum(strategies),
  threshold: z.object({ numerator: z.int(), denominator: z.int() }).nullable(),
  quorum: z.object({ numerator: z.int(), denominator: z.int() }),
  revisable: z.boolean(),
  electors: z.int(),
  electorateHash: z.string(),
  openedAt: z.int(),
  deadlineAt: z.int(),
  /** Milliseconds until then on the store clock; 0 once it has ended. */
  remainingMs: z.int(),
  state: z.enum(states),
  decision: z.enum(decisions).nullable(),
  decidedAt: z.int().nullable(),
  tally,
  data: z.unknown(),
  /** Its last entry in the ledger: of the decision, once that is recorded. */
  seq: z.int(),
});
export type Proposal = z.output<typeof proposal>;

export const ballot = z.object({
  proposal: z.string(),
  agent: z.string(),
  weight: z.int(),
  choice,
  confidence: z.number().nullable(),
  reason: z.string().nullable(),
  /** Counts the changes, where ballots are revisable. */
  revision: z.int(),
  at: z.int(),
  seq: z.int(),
});
export type Ballot = z.output<typeof ballot>;

export const refusals = ['closed', 'equivocation'] as const;
export const castOutput = z.object({
  /** The ballot that counts. A caller always sees one: a refusal is an error. */
  ballot: ballot.nullable(),
  proposal,
  refusal: z.enum(refusals).nullable(),
});
export type Cast = z.output<typeof castOutput>;

export interface Elector {
  readonly agent: string;
  readonly weight: number;
}

/** What the electorate was, in one text: SHA-256 over its agents in the order of their bytes, with their weights. */
export function electorateHash(electors: readonly Elector[]): string {
  const pairs = electors.map(({ agent, weight }) => [agent, weight]);
  return hash('sha256', `rookery/electorate/v1\n${JSON.stringify(pairs)}`, 'base64url');
}

/** The threshold that a strategy decides with; null where it has one of its own. */
export function thresholdFor({
  strategy,
  threshold,
}: Pick<ProposeInput, 'strategy' | 'threshold'>): Fraction | null {
  if (strategy === 'majority') return threshold ?? null;
  if (strategy === 'weighted') return threshold ?? seedThreshold;
  if (threshold) throw invalid('threshold', `the strategy ${strategy} has none: leave it out`);
  return null;
}

export const defaultQuorum: Fraction = { numerator: 1, denominator: 2 };

/** What the state of a proposal is decided from. */
export interface Standing {
  readonly state: (typeof states)[number];
  readonly decision: (typeof decisions)[number] | null;
  readonly ended_at: number | null;
  readonly deadline_ms: number;
}

/** Over from the millisecond of its deadline, whether or not anybody has noticed. */
export function isDue({ state, deadline_ms }: Pick<Standing, 'state' | 'deadline_ms'>, now: number): boolean {
  return state === 'open' && deadline_ms <= now;
}

/** How a proposal stands at a time, by the ballots that are stored: those were all cast before its deadline. */
export function standingAt(standing: Standing, rule: VotingRule, count: Count, now: number): Standing {
  if (!isDue(standing, now)) return standing;
  return { ...standing, state: 'decided', decision: outcome(rule, count), ended_at: standing.deadline_ms };
}

export function tallyOf(count: Count, ballots: number): Tally {
  const { accept, reject, abstain, total } = count;
  return { accept, reject, abstain, cast: ballots, weightCast: weightCast(count), weightTotal: total };
}
