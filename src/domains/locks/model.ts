import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. A *resource* is a file path, a pattern of paths, or a name. A *lease* is the right of a holder to a set of
 * resources until a time; its *token* is larger than that of every lease before. The *holder* is an agent in one of its
 * lives (*incarnation*): an agent that registered again does not inherit what its former life holds, but may release
 * it. A *waiter* is a request that waits its turn, and holds nothing meanwhile.
 *
 * States of a lease: active → released | expired | force_released. It is over from the millisecond it expires, whether
 * or not anything has tidied it away; only a new acquire brings a new one.
 *
 * Two resources conflict when some path belongs to both and one of the two wants it exclusively. Decisions:
 * - The holder that asks for exactly the set of a lease it has renews that lease. Where it asks for more than it has
 *   (exclusive in place of shared), the lease is upgraded as soon as nobody else holds a part of it; it keeps its id and
 *   gets a new token.
 * - An agent's own leases do not stand in its way, with one exception: a path is leased exclusively once. Who asks for
 *   it again in another set is refused, also when it would wait: it would wait for itself.
 * - Waiting: first by urgency, then by age. A later request overtakes an earlier one only if it is more urgent by more
 *   than a level for every `agingMs` that the other has waited, and each waiter is overtaken `bypassMax` times at most.
 *   The order is fixed when a request is queued. Upgrades come first: what they ask for is blocked for all others anyway.
 */
export const kinds = ['file', 'pattern', 'name'] as const;
export type Kind = (typeof kinds)[number];

export const modes = ['exclusive', 'shared'] as const;
export type Mode = (typeof modes)[number];

export const purposes = ['edit', 'read', 'delete'] as const;
export type Purpose = (typeof purposes)[number];

export const statuses = ['active', 'released', 'expired', 'force_released'] as const;
export type Status = (typeof statuses)[number];

export const defaultLeaseMs = 30_000;
/** How long a lease that was granted to a waiter lasts until the waiter takes it up: the waiter may be gone. */
export const offerMs = 5000;
/** A waiter gains one level of urgency for each of these. */
export const agingMs = 10_000;
export const bypassMax = 8;
/** Levels of urgency; tier 0 is for upgrades, tier 1 for urgency 9, tier 10 for urgency 0. */
const urgencyMax = 9;

export const tierOf = (urgency: number): number => urgencyMax + 1 - urgency;
export const upgradeTier = 0;

const mode = z.enum(modes, `one of ${modes.join(', ')}`);
/** The content is checked where it is normalised, to one spelling. */
export const pathText = z.string('text');

const wanted = {
  path: pathText.optional().describe('One file'),
  paths: z
    .array(
      z.union(
        [pathText, z.strictObject({ path: pathText, mode })],
        'paths, or {path, mode} for some of them',
      ),
    )
    .max(limits.batchItems, `at most ${limits.batchItems} paths`)
    .default([])
    .describe('Files'),
  patterns: z
    .array(pathText)
    .max(limits.batchItems, `at most ${limits.batchItems} patterns`)
    .default([])
    .describe('Globs: ?, *, **, [a-z], [!a], {a,b}'),
  names: z
    .array(schema.name)
    .max(limits.batchItems, `at most ${limits.batchItems} names`)
    .default([])
    .describe('Anything else that has a name'),
};

export const ttlMs = schema
  .millisecondsUpTo(limits.leaseMsMax)
  .nullable()
  .optional()
  .describe(`Milliseconds to live; ${defaultLeaseMs} when left out or 0; null for no expiry`);

export const acquireInput = z.strictObject({
  ...wanted,
  mode: mode.optional().describe('Shared leases coexist; exclusive unless the purpose is to read'),
  ttlMs,
  waitMs: schema.waitMs,
  urgency: z
    .int('a whole number')
    .min(0, 'at least 0')
    .max(urgencyMax, `at most ${urgencyMax}`)
    .default(0)
    .describe('Who waits with more urgency comes first'),
  purpose: z
    .enum(purposes, `one of ${purposes.join(', ')}`)
    .optional()
    .describe('What for; reading is shared, the others are exclusive'),
  checksum: schema.name.optional().describe('Of the file as the caller knows it; kept as given'),
  metadata: z.record(z.string(), z.unknown(), 'a JSON object').optional().describe('Kept as given'),
  chronicle: z
    .boolean()
    .default(false)
    .describe('Also tell of grant and end in the event stream "ctk" of each path'),
  onDeadlock: z
    .enum(['report', 'refuse'], 'one of report, refuse')
    .default('report')
    .describe('Whether a wait that closes a cycle is reported or refused'),
});
export type AcquireInput = z.output<typeof acquireInput>;

export const leaseId = schema.name.describe('Id of the lease, or of any of its resources');
export const token = z.int('a whole number').min(0, 'at least 0').describe('The fencing token of the lease');

/** What a mutation takes in order to be refused once the lease is lost. */
export const fence = z.strictObject({ lease: leaseId, token });
export type Fence = z.output<typeof fence>;

/** One resource of a lease. `file` is as it was given, `path` its one spelling. */
export const leased = z.object({
  id: z.string(),
  kind: z.enum(kinds),
  file: z.string(),
  path: z.string(),
  mode,
});

/** Times in integer milliseconds on the store clock. */
export const lease = z.object({
  id: z.string(),
  token: z.int(),
  holder: z.string(),
  incarnation: z.int(),
  status: z.enum([...statuses, 'waiting']),
  purpose: z.enum(purposes),
  checksum: z.string().nullable(),
  ttlMs: z.int().nullable(),
  reservedAt: z.int(),
  expiresAt: z.int().nullable(),
  releasedAt: z.int().nullable(),
  /** Who ended it and why, where it was not its holder. */
  endedBy: z.string().nullable(),
  endReason: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  resources: z.array(leased),
});
export type Lease = z.output<typeof lease>;

/** Why a request has to wait: somebody's lease, or a request that comes before it. */
export const conflict = z.object({
  holder: z.string(),
  incarnation: z.int(),
  /** The caller holds it itself, under another lease. */
  own: z.boolean(),
  mode,
  /** What was asked for, what stands in the way, and a path that belongs to both. */
  requested: z.string(),
  path: z.string(),
  witness: z.string(),
  expiresAt: z.int().nullable(),
  lease: lease.nullable(),
  waiter: z.string().nullable(),
});
export type Conflict = z.output<typeof conflict>;

/** Agents that wait for each other in a circle. Each edge: who waits, with which request, for whom and for what. */
export const cycle = z.object({
  agents: z.array(z.string()),
  edges: z.array(
    z.object({
      agent: z.string(),
      waiter: z.string(),
      holder: z.string(),
      lease: z.string().nullable(),
      behind: z.string().nullable(),
      path: z.string(),
    }),
  ),
  /** Whose request to give up first: the least urgent, then the youngest. */
  victim: z.object({ agent: z.string(), waiter: z.string() }),
});
export type Cycle = z.output<typeof cycle>;

export const acquired = z.object({
  /** A caller only sees "granted": a wait that ends otherwise is an error. */
  state: z.enum(['granted', 'waiting', 'timed_out', 'cancelled', 'gone']),
  /** An own lease on the same set was renewed or upgraded. */
  renewed: z.boolean(),
  /** While waiting: what is asked for, without id and token. */
  lease,
  waiter: z.string().nullable(),
  /** When the passing of time alone could end the wait. */
  dueAt: z.int().nullable(),
  /** Store clock of this answer. */
  now: z.int(),
  deadlock: z.array(cycle),
});
export type Acquired = z.output<typeof acquired>;

export const waiter = z.object({
  id: z.string(),
  agent: z.string(),
  incarnation: z.int(),
  urgency: z.int(),
  bypassed: z.int(),
  enqueuedAt: z.int(),
  deadlineAt: z.int(),
  resources: z.array(leased.omit({ id: true })),
  deadlock: z.array(cycle),
});
export type Waiter = z.output<typeof waiter>;
