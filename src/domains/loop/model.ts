import { z } from 'zod';
import { type Level, levels } from '../../kernel/access/model.ts';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';
import { consensusThreshold } from './gates.ts';

/**
 * Words. A swarm works on a *phase* in rounds, its *iterations*. Three kinds of record say how far it came: the
 * *confidence* that each agent has in its own work (loop 3), the *consensus* of validators with one immutable *vote*
 * for each validation result (loop 2), and the *decision* of the product owner (loop 4). A *gate* says whether scores
 * suffice to go on: 0.75 for confidences, 0.90 for a consensus. A *class* is what its kind gives a record: whose it is
 * and how long it is kept.
 *
 * States. A confidence is replaced by what its agent reports later for the same iteration. A consensus: pending →
 * (achieved | failed), both final; votes are added while it is pending and never changed or withdrawn. A decision is
 * final from the beginning. Each record is readable until its `expiresAt`, and never after, whether or not anything has
 * tidied it away; votes live as long as their consensus.
 */
const day = 86_400;

export interface RecordClass {
  readonly level: Level;
  /** Levels that a caller may ask for: audiences contained in the class's own. */
  readonly narrower: readonly Level[];
  readonly retentionSeconds: number;
}

/** Levels and retention of seed 000. */
export const classes = {
  confidence: { level: 'private', narrower: [], retentionSeconds: 30 * day },
  consensus: { level: 'swarm', narrower: ['private', 'team'], retentionSeconds: 90 * day },
  decision: { level: 'system', narrower: ['private'], retentionSeconds: 365 * day },
} as const satisfies Record<string, RecordClass>;

/** The class's own level, unless a narrower one was asked for. */
export function levelIn(own: RecordClass, asked: Level | undefined): Level {
  return asked !== undefined && own.narrower.includes(asked) ? asked : own.level;
}

/** How long a copy in Redis lives where nobody says. */
const shownSeconds = day;

/** The two ends of a record, as its row has them, in milliseconds on the store clock. */
export interface Lifetime {
  readonly expires_at: number;
  /** Of its copy in Redis. */
  readonly shown_until: number;
}

/** A record lives for the time of its class, or as long as was asked for its copy where that is longer. */
export function lifetimeOf(own: RecordClass, ttlSeconds: number = shownSeconds, now: number): Lifetime {
  const shown_until = now + 1000 * ttlSeconds;
  return { shown_until, expires_at: Math.max(now + 1000 * own.retentionSeconds, shown_until) };
}

/** Ids that become part of a key: `cfn/phase-<phase>/…`. */
const part = schema.agentId.regex(/^[^/*]+$/, 'no "/" or "*"');

export const phase = part.describe('Which part of the work');
export const recordId = part;

export const iteration = z.int('a whole number').min(0, 'at least 0').describe('Round of the phase');

export const score = z.number('a number from 0 to 1').min(0, 'at least 0').max(1, 'at most 1');

const text = z.string('text');
const texts = z.array(text, 'a list of texts').max(limits.batchItems, `at most ${limits.batchItems}`);
const timestamp = z.number('milliseconds').describe('When, by the clock of whoever says so; decides nothing');

/** Where a record belongs and how it is kept. */
export const place = {
  phase,
  swarm: schema.id.optional().describe("Whose phase; the caller's own swarm when left out"),
};

export const keeping = {
  level: z
    .enum(levels, `one of ${levels.join(', ')}`)
    .optional()
    .describe("Who may read it: counts only where it is narrower than the kind's own level"),
  ttl: z
    .int('a whole number of seconds')
    .min(1, 'at least 1')
    .max(limits.ttlSecondsMax, `at most ${limits.ttlSecondsMax} seconds`)
    .optional()
    .describe('Seconds that its copy in Redis lives; a day when left out'),
  encrypt: z.boolean().optional().describe('Encrypt at rest; private, team and system always are'),
};

export const reading = {
  ...place,
  limit: schema.limit,
  cursor: schema.numericCursor,
};

/** What every stored record has beside what was said. */
const head = {
  key: z.string(),
  swarm: z.string(),
  phase: z.string(),
  iteration: z.int(),
  level: schema.level,
  seq: z.int(),
  createdAt: z.int(),
  expiresAt: z.int(),
};

/** What an agent says of its own work. */
export const said = {
  confidence: score.describe('How sure the agent is of its work, from 0 to 1'),
  reasoning: text.optional(),
  blockers: texts.optional(),
  timestamp: timestamp.optional(),
  metadata: z.record(z.string(), z.unknown(), 'a JSON object').optional(),
};

export const confidence = z.object({
  ...head,
  agent: z.string(),
  revision: z.int(),
  updatedAt: z.int(),
  ...said,
});
export type Confidence = z.output<typeof confidence>;

const severities = ['low', 'medium', 'high', 'critical'] as const;

export const validationTypes = ['security', 'performance', 'code-quality', 'architecture'] as const;

const issue = z.strictObject({
  severity: z.enum(severities, `one of ${severities.join(', ')}`),
  description: text,
  location: text.optional(),
  recommendation: text.optional(),
});

/** One validator's result. Who recorded it vouches for it: the vote row names both. */
export const validationResult = z.strictObject({
  validator: part,
  validationType: z.enum(validationTypes, `one of ${validationTypes.join(', ')}`),
  score,
  issues: z.array(issue, 'a list of issues').max(limits.batchItems).optional(),
  recommendations: texts.optional(),
  timestamp: timestamp.optional(),
  phase: part.optional(),
  iteration: iteration.optional(),
});
export type ValidationResult = z.output<typeof validationResult>;

export const consensusStatuses = ['pending', 'achieved', 'failed'] as const;
export type ConsensusStatus = (typeof consensusStatuses)[number];

/** What a consensus says beside its votes. */
export const agreed = {
  threshold: score.default(consensusThreshold).describe('What the score must reach'),
  currentScore: score,
  status: z.enum(consensusStatuses, `one of ${consensusStatuses.join(', ')}`),
  timestamp: timestamp.optional(),
  resolvedAt: timestamp.optional(),
};

const resultsMax = 100;
export const validationResults = z
  .array(validationResult, 'a list of results')
  .max(resultsMax, `at most ${resultsMax}`)
  .default([]);

export const consensus = z.object({
  ...head,
  id: z.string(),
  owner: z.string(),
  revision: z.int(),
  updatedAt: z.int(),
  ...agreed,
  threshold: score,
  validationResults: z.array(validationResult),
});
export type Consensus = z.output<typeof consensus>;

export const verdicts = ['PROCEED', 'DEFER', 'ESCALATE'] as const;

/** What a product owner decides. */
export const decided = {
  decision: z.enum(verdicts, `one of ${verdicts.join(', ')}`),
  reasoning: text.optional(),
  loop3Confidence: score.optional(),
  loop2Consensus: score.optional(),
  deferredIssues: texts
    .max(resultsMax, `at most ${resultsMax}`)
    .optional()
    .describe('With DEFER, each becomes a task'),
  escalationReason: text.optional(),
  timestamp: timestamp.optional(),
  nextActions: texts.optional(),
};

export const decision = z.object({
  ...head,
  id: z.string(),
  owner: z.string(),
  tasks: z.array(z.string()),
  ...decided,
});
export type Decision = z.output<typeof decision>;

/** The keys of seed 000: the same in Redis and in the audit log. */
export const keys = {
  confidence: (phase: string, agent: string): string => `cfn/phase-${phase}/loop3/confidence/${agent}`,
  consensus: (phase: string, id: string): string => `cfn/phase-${phase}/loop2/consensus/${id}`,
  decision: (phase: string, id: string): string => `cfn/phase-${phase}/loop4/decision/${id}`,
} as const;
