import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. A *signal* is sent by its *issuer* to *targets*, a set that is fixed when it is sent. A target *answers* once:
 * it acknowledges or refuses, always as itself; its first answer stands. The *rule* says how many acknowledgements make
 * the signal complete: of all targets, of any one, or a count. The *inbox* of an agent is what was addressed to it, in
 * the order of sending, until it removes it. A *proof* is a code over an answer that only the store can make.
 *
 * States of a signal: open → complete | timed_out | cannot_complete | cancelled, all final.
 * - complete: by the acknowledgement that fulfils the rule, in its commit.
 * - timed_out: from the millisecond of the deadline on the store clock, whoever notices first; a reader sees it at once.
 * - cannot_complete: too few targets are left that could still acknowledge, because others refused or are gone.
 *
 * States of a target: pending → acked | refused; pending → lost when its agent dies or is taken out of service, and from
 * there still to an answer, should it come back; pending or lost → expired when the signal ends. An answer after the end
 * is kept and marked as late: it changes nothing.
 *
 * Decisions. Targets are agents that are active when the signal is sent; the issuer is none of them. What is sent twice
 * under one id is one signal. An issuer that is gone is followed by a successor, whose signals its open ones are then. Attempts to answer are not counted: answering again gives the same answer.
 */
export const rules = ['all', 'any', 'count'] as const;
export type Rule = (typeof rules)[number];

export const states = ['open', 'complete', 'timed_out', 'cancelled', 'cannot_complete'] as const;
export type State = (typeof states)[number];

export const answers = ['none', 'lost', 'acked', 'refused'] as const;
export type Answer = (typeof answers)[number];

export const targetStates = ['pending', 'lost', 'acked', 'refused', 'expired'] as const;
export type TargetState = (typeof targetStates)[number];

const dayMs = 86_400_000;

export const signalId = schema.name.describe('Id of the signal');
export const iteration = z
  .int('a whole number')
  .min(0, 'at least 0')
  .describe('Round of work that it belongs to');

/** Agents by id. What an agent sends of itself is checked against who it is, and never believed. */
const agents = z.array(schema.agentId).max(limits.signalTargets, `at most ${limits.signalTargets} targets`);

const ruleInput = z
  .union(
    [
      z.enum(['all', 'any']),
      z.strictObject({
        count: z
          .int('a whole number')
          .min(1, 'at least 1')
          .max(limits.signalTargets, `at most ${limits.signalTargets}`),
      }),
    ],
    'all, any or {count}',
  )
  .default('all')
  .describe('How many acknowledgements make it complete: all, any, or {"count": k}');

export const sendInput = z.strictObject({
  id: signalId.optional().describe('Made up when left out; sending again under it answers the same signal'),
  type: schema.name.describe('What kind of signal, for example completion or retry_request'),
  targets: agents.min(1, 'at least one target').describe('Agents that are to answer; each counts once'),
  payload: schema.json.optional().describe('Any JSON value'),
  rule: ruleInput,
  timeoutMs: schema
    .millisecondsUpTo(limits.deadlineMsMax)
    .min(1, 'at least 1')
    .default(dayMs)
    .describe('Until when answers count, from now; a day when left out'),
  iteration: iteration.optional(),
  priority: z
    .int('a whole number')
    .min(0, 'at least 0')
    .max(10, 'at most 10')
    .default(5)
    .describe('For the receiver to judge; it does not change the order'),
});
export type SendInput = z.output<typeof sendInput>;

export const acknowledgeInput = z.strictObject({
  signal: signalId,
  iteration: iteration.optional(),
  metadata: schema.json.optional().describe('Any JSON value, for the issuer and the other targets'),
  signature: z
    .string('text')
    .max(limits.nameLength, `at most ${limits.nameLength} characters`)
    .optional()
    .describe('A signature of the caller’s own; kept as given'),
  refuse: z
    .string('text')
    .min(1, 'a reason')
    .max(1000, 'at most 1000 characters')
    .optional()
    .describe('Refuse instead, for this reason'),
  target: schema.agentId
    .optional()
    .describe('The caller’s own id, where a client sends it: no other is accepted'),
});
export type AcknowledgeInput = z.output<typeof acknowledgeInput>;

export const waitInput = z.strictObject({
  signal: signalId,
  agents: agents.min(1, 'at least one').optional().describe('Wait for these targets only'),
  waitMs: schema.waitMs,
});
export type WaitInput = z.output<typeof waitInput>;

/** A signal as lists show it. Times in integer milliseconds on the store clock. */
export const head = z.object({
  id: z.string(),
  type: z.string(),
  issuer: z.string(),
  rule: z.enum(rules),
  /** Acknowledgements that make it complete, and those that counted so far. */
  needed: z.int(),
  acked: z.int(),
  targetCount: z.int(),
  payload: z.unknown(),
  iteration: z.int().nullable(),
  priority: z.int(),
  state: z.enum(states),
  /** Its place in every inbox. */
  position: z.int(),
  sentAt: z.int(),
  deadlineAt: z.int(),
  endedAt: z.int().nullable(),
  seq: z.int(),
});
export type Head = z.output<typeof head>;

export const target = z.object({
  agent: z.string(),
  state: z.enum(targetStates),
  late: z.boolean(),
  answeredAt: z.int().nullable(),
});
export type Target = z.output<typeof target>;

export const signal = head.extend({ targets: z.array(target) });
export type Signal = z.output<typeof signal>;

export const acknowledgement = z.object({
  signal: z.string(),
  agent: z.string(),
  state: z.enum(['acked', 'refused']),
  at: z.int(),
  iteration: z.int(),
  /** It came after the signal had ended. */
  late: z.boolean(),
  reason: z.string().nullable(),
  metadata: z.unknown(),
  signature: z.string().nullable(),
  proof: z.string(),
  seq: z.int(),
});
export type Acknowledgement = z.output<typeof acknowledgement>;

export const awaited = z.object({
  signal: z.string(),
  state: z.enum(states),
  acks: z.array(acknowledgement),
  /** Targets without an answer, of those that were asked for. */
  missing: z.array(z.string()),
  deadlineAt: z.int(),
  /** Store clock of this answer. */
  now: z.int(),
});
export type Awaited = z.output<typeof awaited>;

/** How many acknowledgements a rule asks of so many targets; undefined where there can never be as many. */
export function neededFor(rule: SendInput['rule'], targets: number): number | undefined {
  if (rule === 'all') return targets;
  if (rule === 'any') return 1;
  return rule.count <= targets ? rule.count : undefined;
}

/** What the state of a signal is decided from. */
export interface Standing {
  readonly state: State;
  readonly acked: number;
  readonly needed: number;
  readonly deadline_ms: number;
}

/** Over from the millisecond of its deadline, whether or not anybody has noticed. */
export function isDue({ state, deadline_ms }: Pick<Standing, 'state' | 'deadline_ms'>, now: number): boolean {
  return state === 'open' && deadline_ms <= now;
}

/**
 * The state a signal goes to. `able`: how many of those that have not answered could still acknowledge. A deadline that
 * has passed decides before everything else, so that all who look agree on what came in time.
 */
export function decide(standing: Standing, able: number, now: number): State {
  if (standing.state !== 'open') return standing.state;
  if (isDue(standing, now)) return 'timed_out';
  if (standing.acked >= standing.needed) return 'complete';
  return standing.acked + able < standing.needed ? 'cannot_complete' : 'open';
}

export function targetStateOf(answer: Answer, signal: State): TargetState {
  if (answer === 'acked' || answer === 'refused') return answer;
  if (signal !== 'open') return 'expired';
  return answer === 'none' ? 'pending' : 'lost';
}

/** The facts that a proof is made over, in the one form that counts. */
export function provenText(
  project: string,
  answer: {
    readonly signal: string;
    readonly agent: string;
    readonly state: string;
    readonly at: number;
    readonly iteration: number;
  },
): string {
  const { signal: id, agent, state, at, iteration: round } = answer;
  return JSON.stringify(['rookery/acknowledgement/v1', project, id, agent, state, at, round]);
}
