import { z } from 'zod';
import { RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import * as schema from '../../../kernel/schema.ts';
import type { CoordinatorRow } from './statements.ts';

/**
 * Words. A *coordinator* is a post that an agent holds: it says by heartbeats that it is there, by activity that it gets
 * on, and keeps open *work*. *Monitors* look after it, any number of them in any number of processes. A coordinator that
 * was silent for too long gets one *warning* an interval; with the last one it is dead. One that did nothing for too
 * long *timed out*, once until it does something. A *successor* takes over a dead or timed-out coordinator with all its
 * open work, once.
 *
 * States: active → dead → replaced; dead → active by a heartbeat, unless it was replaced, which is final. All of it on
 * the store clock; time in which the store could hear nobody does not count.
 *
 * Every post has a fencing *token* of the project's one counter, larger at each takeover. What is written with the token
 * of a post that was taken over is refused (FENCED): heartbeats, activity and work of its own, and any mutation that is
 * made under the fence `{ lease: 'coordinator/<id>', token }`.
 */
export const coordinatorId = z
  .string('text')
  .regex(/^[a-zA-Z0-9_-]{1,64}$/, '1 to 64 letters, digits, "_" or "-"')
  .describe('Id of the coordinator');

/** Seed 000: what monitors use when nothing else is said, and the strictest that is open to everybody. */
export const seedThresholds = { staleMs: 120_000, maxWarnings: 3, intervalMs: 10_000, timeoutMs: 300_000 };

const milliseconds = z
  .int('a whole number of milliseconds')
  .min(1, 'at least 1')
  .max(86_400_000, 'at most a day');

export const thresholds = z.strictObject({
  staleMs: milliseconds
    .default(seedThresholds.staleMs)
    .describe('Silence that is more than this is a warning'),
  maxWarnings: z
    .int('a whole number')
    .min(1, 'at least 1')
    .max(1000, 'at most 1000')
    .default(seedThresholds.maxWarnings)
    .describe('The warning that is a death'),
  intervalMs: milliseconds
    .default(seedThresholds.intervalMs)
    .describe('How often one warns, whoever and how many look'),
});
export type Thresholds = z.output<typeof thresholds>;
export const timeoutThreshold = milliseconds.default(seedThresholds.timeoutMs);

/** Not everybody may be quick to call somebody dead: who does not lead the swarm is held to the seed's thresholds. */
export function softened(given: Thresholds): Thresholds {
  return {
    staleMs: Math.max(given.staleMs, seedThresholds.staleMs),
    maxWarnings: Math.max(given.maxWarnings, seedThresholds.maxWarnings),
    intervalMs: Math.max(given.intervalMs, seedThresholds.intervalMs),
  };
}

export const healths = ['healthy', 'warning', 'critical', 'dead'] as const;
export const statuses = ['active', 'dead', 'replaced'] as const;

export function healthOf({ status, warnings }: Pick<CoordinatorRow, 'status' | 'warnings'>) {
  if (status !== 'active') return 'dead' as const;
  return warnings === 0
    ? ('healthy' as const)
    : warnings === 1
      ? ('warning' as const)
      : ('critical' as const);
}

export const coordinator = z.object({
  id: z.string(),
  agent: z.string(),
  swarm: z.string(),
  status: z.enum(statuses),
  health: z.enum(healths),
  token: z.int(),
  sequence: z.int(),
  iteration: z.int(),
  phase: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()),
  warnings: z.int(),
  registeredAt: z.int(),
  lastHeartbeat: z.int().nullable(),
  lastActivity: z.int().nullable(),
  timedOutAt: z.int().nullable(),
  diedAt: z.int().nullable(),
  deathReason: z.string().nullable(),
  replaces: z.string().nullable(),
  successor: z.string().nullable(),
});
export type Coordinator = z.output<typeof coordinator>;

export function viewOf(row: CoordinatorRow): Coordinator {
  return {
    id: row.id,
    agent: row.agent_id,
    swarm: row.swarm_id,
    status: row.status as Coordinator['status'],
    health: healthOf(row),
    token: row.fencing_token,
    sequence: row.sequence,
    iteration: row.iteration,
    phase: row.phase,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    warnings: row.warnings,
    registeredAt: row.registered_at,
    lastHeartbeat: row.last_heartbeat,
    lastActivity: row.last_activity,
    timedOutAt: row.timed_out_at,
    diedAt: row.died_at,
    deathReason: row.death_reason,
    replaces: row.replaces,
    successor: row.successor,
  };
}

export const sequence = z
  .int('a whole number')
  .min(0, 'at least 0')
  .max(limits.counterMax, `at most ${limits.counterMax}`);

export const violation = z.object({
  expectedSequence: z.int(),
  receivedSequence: z.int(),
  gap: z.int(),
});

/** A heartbeat with the next number or an old one continues; one further on has lost others on the way. */
export function gapIn(last: number, received: number | undefined): z.output<typeof violation> | null {
  const expected = last + 1;
  if (received === undefined || received <= expected) return null;
  return { expectedSequence: expected, receivedSequence: received, gap: received - expected };
}

/** Refuses what is written for a post that was taken over, or with a token that is not its own. */
export function assertCurrent(row: CoordinatorRow, token: number | undefined): void {
  if (row.status !== 'replaced' && (token === undefined || token === row.fencing_token)) return;
  const details = { coordinator: row.id, successor: row.successor, current: row.fencing_token, token };
  throw new RookeryError(
    'FENCED',
    `coordinator ${row.id} was taken over, or its token is not current`,
    details,
  );
}

/** A takeover as the relay is pointed to it: the rows may be gone, or taken over again, when it gets there. */
export interface Takeover {
  readonly id: string;
  readonly successor: string;
  readonly swarm: string;
}

export function takeoverPointer({ id, successor, swarm }: Takeover): string {
  return `${id}\n${successor}\n${swarm}`;
}

/** Undefined for a pointer to a coordinator. */
export function takeoverAt(pointer: string): Takeover | undefined {
  const [id, successor, swarm] = pointer.split('\n');
  return successor === undefined ? undefined : { id: id!, successor, swarm: swarm! };
}

/** What every entry of a coordinator commits to: all but what a heartbeat changes. One fact a line. */
export function coordinatorText(row: CoordinatorRow): string {
  return `${row.agent_id}\n${row.swarm_id}\n${row.status}\n${row.fencing_token}\n${row.warnings}
${row.registered_at}\n${row.timed_out_at ?? ''}\n${row.died_at ?? ''}\n${JSON.stringify(row.death_reason)}
${row.replaces ?? ''}\n${row.successor ?? ''}`;
}

const item = schema.name.describe('Name of the piece of work');
export const workKey = { id: coordinatorId, item };

export const work = z.object({
  item: z.string(),
  status: z.enum(['open', 'transferred']),
  payload: z.unknown(),
  assignedTo: z.string(),
  transferredFrom: z.string().nullable(),
  transferredAt: z.int().nullable(),
  createdAt: z.int(),
});
