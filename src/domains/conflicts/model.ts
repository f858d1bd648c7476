import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. A *conflict* is that agents got in each other's way over something. It is reported by an agent, noted by the
 * store in the commit of a refusal (somebody else's lease, somebody else's change), or found by looking back: writes
 * that replaced what another agent had just written without a look at it, and waits for what another agent holds.
 *
 * States: open → resolved. What the store notes by itself is one open conflict for the same agents and the same thing,
 * however often it happens: `occurrences` counts, and what happens again within `quietMs` counts once. After it was
 * resolved, the next time opens a new one.
 *
 * Who may know of it: the agents in it, and the audience of the thing. An agent in it that is not of that audience is
 * shown itself, and not the others.
 */
export const types = [
  'resource',
  'data',
  'access',
  'priority',
  'dependency',
  'version',
  'consensus',
] as const;
export type Type = (typeof types)[number];

export const severities = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof severities)[number];

export const origins = ['report', 'lock', 'revision', 'writes', 'waits'] as const;
export type Origin = (typeof origins)[number];

/** How bad it is, where nobody says so: a refusal did no harm, a blind write may have. */
export const severityOf: Record<Exclude<Origin, 'report'>, Severity> = {
  lock: 'low',
  revision: 'medium',
  writes: 'high',
  waits: 'low',
};

export const quietMs = 1000;

export const type = z.enum(types, `one of ${types.join(', ')}`);
export const severity = z.enum(severities, `one of ${severities.join(', ')}`);
export const id = schema.name.describe('The conflict');
export const text = z.string('text').max(16 * 1024, 'at most 16384 characters');

export const recordInput = z.strictObject({
  type: type.describe('What it is about'),
  resource: z
    .string('text')
    .max(limits.pathBytes, `at most ${limits.pathBytes} characters`)
    .default('')
    .describe('What it is over, by a name in clear'),
  agents: z
    .array(schema.agentId)
    .min(1, 'at least one agent')
    .max(limits.batchItems, `at most ${limits.batchItems} agents`)
    .describe('Who is in it'),
  description: text.optional(),
  severity: severity.default('medium'),
  level: schema.level.default('project').describe('Who may know of it beside the agents in it'),
  audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
});
export type RecordInput = z.output<typeof recordInput>;

export const conflict = z.object({
  id: z.string(),
  type,
  /** The kind of thing: lock, memory, mail, task; empty for what was reported. */
  kind: z.string(),
  resource: z.string(),
  /** Those that the caller may know of. */
  agents: z.array(z.string()),
  origin: z.enum(origins),
  severity,
  status: z.enum(['open', 'resolved']),
  level: schema.level,
  owner: z.string(),
  occurrences: z.int(),
  firstSeen: z.int(),
  lastSeen: z.int(),
  description: z.string().nullable(),
  resolution: z.string().nullable(),
  resolvedBy: z.string().nullable(),
  resolvedAt: z.int().nullable(),
  seq: z.int(),
});
export type Conflict = z.output<typeof conflict>;
