import { z } from 'zod';
import { RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words. A *task* is work for one agent at a time. A *claim* is the right of an agent to one *attempt* at it, until a
 * time, under a *token* that is larger than that of every claim before. A *failure* is an attempt that ended without
 * success: reported, run out, or left behind by an agent that is gone; what is given back counts for nothing. A *dead
 * letter* is a task that failed for good. A *dependency* is a task that must be completed before another is handed out.
 *
 * States, under the names of the seeds: blocked → pending → in_progress → completed | failed | cancelled.
 * - blocked: a dependency is not settled. Pending: claimable from `readyAt` on. In progress: claimed.
 * - in_progress → pending: given back; or an attempt failed, and the task rests longer after each failure.
 * - in_progress → failed: the last attempt failed, or one that the agent called hopeless. → pending again by `retry`.
 * - A claim ends at the millisecond it expires, whether or not anything has noticed: whoever claims next decides that in
 *   its own transaction. Completed and cancelled are final.
 *
 * Order among tasks that an agent may take: by priority (1 first), then by how long they are ready, then by id. A task
 * overtakes those of the next higher priority by having been ready `ageingMs` longer, so nothing waits for ever.
 *
 * A dependency is settled when the other task is completed, or with `ignore` also when it failed or was cancelled. With
 * `cascade` the failure spreads; with `block` the task stays blocked until the other one is retried and completed. Once
 * settled it stays so. One that is added to a task in progress needs the token of the claim, which ends with it unless
 * the dependency is settled at once: only the agent that works on a task can say that it must wait.
 */
export const statuses = ['pending', 'in_progress', 'completed', 'failed', 'cancelled', 'blocked'] as const;
export type Status = (typeof statuses)[number];

/** Nothing happens to these any more, but that a dead letter is retried. */
export const overStatuses = ['cancelled', 'completed', 'failed'] as const;

export function isOver(status: Status): boolean {
  return (overStatuses as readonly Status[]).includes(status);
}

export const policies = ['block', 'cascade', 'ignore'] as const;
export type Policy = (typeof policies)[number];

/** How an attempt failed: its agent said so, its claim ran out, or its agent is gone. */
export const failings = ['failed', 'expired', 'abandoned'] as const;
export type Failing = (typeof failings)[number];

export const ageingMs = 600_000;
export const defaultLeaseMs = 60_000;
const defaultMaxAttempts = 3;
const defaultBackoffMs = 1000;
const defaultTimeLimitMs = 3_600_000;
const backoffMostMs = 300_000;
const errorLength = 16 * 1024;

export const taskId = schema.name.describe('The task');
export const token = z.int('a whole number').min(1, 'at least 1').describe('The token of the claim');
const text = (most: number) => z.string('text').max(most, `at most ${most} characters`);
export const errorText = text(errorLength).min(1, 'must not be empty');
export const percent = z.int('a whole number').min(0, 'at least 0').max(100, 'at most 100');
const moment = z.int('milliseconds since 1970').min(0, 'at least 0');

export const policy = z
  .enum(policies, `one of ${policies.join(', ')}`)
  .default('block')
  .describe('What happens when the other task fails or is cancelled');

const capabilities = z
  .array(schema.name)
  .max(limits.capabilities, `at most ${limits.capabilities} capabilities`);

/** What can be said about a task when it is made, and changed until somebody works on it. */
const described = {
  title: schema.name.describe('A name in clear, for people'),
  description: text(limits.valueBytes).optional(),
  priority: z
    .int('a whole number')
    .min(1, 'at least 1 (first)')
    .max(10, 'at most 10 (last)')
    .describe('1 comes first; 5 when left out'),
  assignee: schema.agentId.nullable().describe('The one agent that may claim it; anybody when left out'),
  capabilities: capabilities.describe('What an agent must be capable of to claim it'),
  maxAttempts: z
    .int('a whole number')
    .min(1, 'at least 1')
    .max(limits.deliveriesMax, `at most ${limits.deliveriesMax}`)
    .describe(`Failures before it is a dead letter; ${defaultMaxAttempts} when left out`),
  backoffMs: schema
    .millisecondsUpTo(limits.leaseMsMax)
    .describe(`Rest after the first failure, doubled at each; ${defaultBackoffMs} when left out`),
  timeLimitMs: schema
    .millisecondsUpTo(limits.taskMsMax)
    .min(1, 'at least 1')
    .describe(
      `The longest one attempt may take, whatever heartbeats say; ${defaultTimeLimitMs} when left out`,
    ),
  payload: schema.json.describe('Any JSON value, for whoever claims it'),
  metadata: z.record(z.string(), z.unknown(), 'a JSON object'),
};

export const createInput = z.strictObject({
  id: schema.name.optional().describe('Chosen by the store when left out'),
  ...described,
  type: schema.name.default('task').describe('Kind of work: claims may ask for some kinds only'),
  priority: described.priority.default(5),
  dependsOn: z
    .array(z.strictObject({ task: taskId, onFailure: policy }))
    .max(limits.batchItems, `at most ${limits.batchItems} dependencies`)
    .default([])
    .describe('Tasks that must be completed first'),
  capabilities: described.capabilities.default([]),
  assignee: described.assignee.default(null),
  maxAttempts: described.maxAttempts.default(defaultMaxAttempts),
  backoffMs: described.backoffMs.default(defaultBackoffMs),
  timeLimitMs: described.timeLimitMs.default(defaultTimeLimitMs),
  readyAt: moment.optional().describe('Not before this time of the store clock'),
  payload: described.payload.optional(),
  level: schema.level.default('project').describe('Who may read, claim and change it'),
  audience: schema.id.optional().describe('Which team, swarm or agent, where the level alone does not say'),
  encrypt: z
    .boolean()
    .optional()
    .describe('Encrypt what it says, the title apart; at levels private, team and system that is always so'),
  metadata: described.metadata.default({}),
});
export type CreateInput = z.output<typeof createInput>;

export const updateInput = z.strictObject({
  task: taskId,
  ...z.object(described).partial().shape,
  expectedRevision: z
    .int('a whole number')
    .min(1, 'at least 1')
    .optional()
    .describe('Only if this is the current revision'),
});
export type UpdateInput = z.output<typeof updateInput>;

export const claimInput = z.strictObject({
  types: z
    .array(schema.name)
    .max(limits.capabilities, `at most ${limits.capabilities} types`)
    .default([])
    .describe('Tasks of these types only; of all when empty'),
  capabilities: capabilities
    .optional()
    .describe('What the caller is capable of; what it is registered with when left out'),
  leaseMs: schema
    .millisecondsUpTo(limits.leaseMsMax)
    .min(1, 'at least 1')
    .default(defaultLeaseMs)
    .describe('How long the claim lasts without a heartbeat'),
  waitMs: schema.waitMs,
});
export type ClaimInput = z.output<typeof claimInput>;

/** A task without its contents. Times in integer milliseconds on the store clock. */
export const taskHead = z.object({
  id: z.string(),
  title: z.string(),
  type: z.string(),
  status: z.enum(statuses),
  level: schema.level,
  scope: z.string(),
  owner: z.string(),
  priority: z.int(),
  assignee: z.string().nullable(),
  capabilities: z.array(z.string()),
  progress: z.int(),
  /** The number of the latest claim. */
  attempt: z.int(),
  /** Attempts that count; at `maxAttempts` it is a dead letter. */
  failures: z.int(),
  maxAttempts: z.int(),
  redrives: z.int(),
  backoffMs: z.int(),
  timeLimitMs: z.int(),
  /** Who works on it until when. Expired: the next claim will see to it. */
  claim: z
    .object({
      agent: z.string(),
      incarnation: z.int(),
      claimedAt: z.int(),
      expiresAt: z.int(),
      expired: z.boolean(),
    })
    .nullable(),
  /** Null while it is blocked, unless it was put off. */
  readyAt: z.int().nullable(),
  createdAt: z.int(),
  updatedAt: z.int(),
  /** When it was completed, failed for good or was cancelled. */
  completedAt: z.int().nullable(),
  /** Grows by one when what it says is changed. */
  revision: z.int(),
  seq: z.int(),
});
export type TaskHead = z.output<typeof taskHead>;

export const dependency = z.object({
  task: z.string(),
  onFailure: z.enum(policies),
  settled: z.boolean(),
});
export type Dependency = z.output<typeof dependency>;

export const task = taskHead.extend({
  description: z.string().nullable(),
  payload: z.unknown(),
  metadata: z.record(z.string(), z.unknown()),
  dependsOn: z.array(dependency),
  result: z.unknown(),
  /** The newest note on its progress. */
  note: z.string().nullable(),
  /** Why the newest attempt failed, or why the task did or was cancelled. */
  error: z.string().nullable(),
});
export type Task = z.output<typeof task>;

export const attempt = z.object({
  attempt: z.int(),
  agent: z.string(),
  outcome: z.enum(failings),
  startedAt: z.int(),
  endedAt: z.int(),
  error: z.string(),
});
export type Attempt = z.output<typeof attempt>;

export const claim = z.object({
  token: z.int(),
  attempt: z.int(),
  expiresAt: z.int(),
  /** No heartbeat reaches beyond this. */
  limitAt: z.int(),
  /** How often to send one. */
  heartbeatMs: z.int(),
});
export type Claim = z.output<typeof claim>;

/** A task as far as decisions need it. */
export interface Standing {
  readonly id: string;
  readonly status: Status;
  readonly token: number;
  readonly claimed_by: string | null;
  readonly claimed_at: number | null;
  readonly due_at: number | null;
  readonly attempt: number;
  readonly failures: number;
  readonly max_attempts: number;
  readonly backoff_ms: number;
  readonly time_limit_ms: number;
}

/** Where a task stands among others of its lane: smaller comes first. */
export function placeOf(priority: number, readyAt: number): number {
  return readyAt + (priority - 1) * ageingMs;
}

/** Tasks in one lane differ for nobody: who may take one may take all. Names hold no line breaks. */
export function laneOf(of: {
  readonly assignee: string | null;
  readonly scope: string;
  readonly type: string;
  readonly capabilities: readonly string[];
}): string {
  return `${of.assignee ?? ''}\n${of.scope}\n${of.type}\n${JSON.stringify(of.capabilities)}`;
}

/** What an agent must be capable of to take from a lane. */
export function capabilitiesOf(lane: string): string[] {
  return JSON.parse(lane.slice(lane.lastIndexOf('\n') + 1));
}

/** Whether a claim is still the current one, whether or not anybody has noticed that its time is over. */
export function isCurrent(row: Standing, claim: { agent: string; token: number; now: number }): boolean {
  return (
    row.status === 'in_progress' &&
    row.token === claim.token &&
    row.claimed_by === claim.agent &&
    row.due_at !== null &&
    row.due_at > claim.now
  );
}

export function fenced(row: Standing): RookeryError {
  return new RookeryError('FENCED', `this claim of task ${row.id} is over`, {
    task: row.id,
    status: row.status,
    attempt: row.attempt,
  });
}

/** The end of a claim that is kept alive: never later than the total time of the attempt. */
export function leaseEnd(
  now: number,
  leaseMs: number,
  row: Pick<Standing, 'claimed_at' | 'time_limit_ms'>,
): number {
  return Math.min(now + leaseMs, row.claimed_at! + row.time_limit_ms);
}

/** How long a task rests after so many failures. */
export function restMs(failures: number, backoffMs: number): number {
  return Math.min(backoffMs * 2 ** (failures - 1), Math.max(backoffMs, backoffMostMs));
}

/** What an attempt that failed at a time leads to: another one after a rest, or a dead letter. */
export function afterFailure(
  row: Standing,
  at: number,
  retryable: boolean,
): { readonly failures: number; readonly readyAt: number | null } {
  const failures = row.failures + 1;
  if (!retryable || failures >= row.max_attempts) return { failures, readyAt: null };
  return { failures, readyAt: at + restMs(failures, row.backoff_ms) };
}

/** What an operation that does not fit the state of a task is answered. */
export function wrongStatus(row: Standing, act: string): RookeryError {
  return new RookeryError('REVISION_CONFLICT', `task ${row.id} is ${row.status}: ${act}`, {
    task: row.id,
    status: row.status,
  });
}

/** The refusal of a dependency that closes a circle. Each task of the circle depends on the one after it. */
export function cycleError(field: string, cycle: readonly string[]): RookeryError {
  const shown = cycle.length > 20 ? [...cycle.slice(0, 10), '…', ...cycle.slice(-9)] : cycle;
  const accepted = 'dependencies that close no cycle';
  return new RookeryError('INVALID_INPUT', `${field}: ${shown.join(' → ')} is a cycle`, {
    field,
    accepted,
    cycle,
  });
}
