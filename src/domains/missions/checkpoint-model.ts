import { z } from 'zod';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';
import * as model from './model.ts';

/**
 * Words. A *checkpoint* is what a mission was like at a moment: snapshots of its sorties, of the locks that its
 * specialists had and of the messages that nobody had read, and a *recovery context*, in words, for whoever goes on.
 * Snapshots hold no secrets: what looks like one is left out when they are taken.
 *
 * A *recovery* brings back what a checkpoint says. It never undoes what was finished since, takes no lock from anybody
 * unless it is forced to, and can be repeated. A *dry run* decides the same and changes nothing.
 *
 * States of a checkpoint: made → consumed (by the first recovery without errors); it goes by retention or by hand.
 */
export const triggers = ['progress', 'error', 'manual', 'compaction'] as const;
export const trigger = z.enum(triggers, `one of ${triggers.join(', ')}`);
export const checkpointId = schema.name.describe('The checkpoint');
export const formatVersion = '1.0.0';

const text = model.longText;
const time = schema.timeText;
const many = limits.batchItems;
const texts = z.array(text).max(many, `at most ${many}`);

export const sortieSnapshot = z.object({
  id: schema.name,
  status: model.sortieStatus,
  assignedTo: schema.agentId.nullable().default(null),
  files: model.files.default([]),
  startedAt: time.nullable().default(null),
  progress: model.progress.default(0),
  progressNotes: text.nullable().default(null),
});
export type SortieSnapshot = z.output<typeof sortieSnapshot>;

const purpose = z.enum(['edit', 'read', 'delete'], 'one of edit, read, delete');

export const lockSnapshot = z.object({
  id: schema.name,
  file: z
    .string('text')
    .min(1, 'must not be empty')
    .max(limits.pathBytes, `at most ${limits.pathBytes} characters`),
  heldBy: schema.agentId,
  acquiredAt: time,
  purpose: purpose.default('edit'),
  timeoutMs: schema.millisecondsUpTo(limits.leaseMsMax).nullable().default(30_000),
});
export type LockSnapshot = z.output<typeof lockSnapshot>;

export const messageSnapshot = z.object({
  id: schema.name,
  from: text.default(''),
  to: z.array(text).max(many, `at most ${many}`).default([]),
  subject: text.default(''),
  sentAt: time.nullable().default(null),
  delivered: z.boolean().default(false),
});
export type MessageSnapshot = z.output<typeof messageSnapshot>;

export const recoveryContext = z.object({
  lastAction: text,
  nextSteps: texts,
  blockers: texts,
  filesModified: texts,
  missionSummary: text,
  elapsedTimeMs: z.number('a number').min(0, 'at least 0'),
  lastActivityAt: time.nullable(),
});
export type RecoveryContext = z.output<typeof recoveryContext>;

const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).max(many, `at most ${many}`);

/** What a caller may say of a checkpoint in place of what the store knows. */
export const given = {
  sorties: listOf(sortieSnapshot).optional().describe('In place of the sorties as they are'),
  activeLocks: listOf(lockSnapshot).optional().describe('In place of the locks as they are'),
  pendingMessages: listOf(messageSnapshot).optional().describe('In place of the messages as they are'),
  recoveryContext: recoveryContext
    .partial()
    .optional()
    .describe('What whoever goes on should know; what is left out is made from the mission'),
};

export const ttlHours = z
  .number('a number of hours')
  .gt(0, 'more than 0')
  .max(87_600, 'at most ten years')
  .optional()
  .describe('After so many hours it may go');

export const checkpoint = z.object({
  id: z.string(),
  missionId: z.string(),
  timestamp: z.string(),
  trigger,
  triggerDetails: z.unknown(),
  progressPercent: z.int(),
  sorties: z.array(sortieSnapshot),
  activeLocks: z.array(lockSnapshot),
  pendingMessages: z.array(messageSnapshot),
  recoveryContext,
  createdBy: z.string(),
  expiresAt: z.string().nullable(),
  consumedAt: z.string().nullable(),
  version: z.string(),
  metadata: z.record(z.string(), z.unknown()),
});
export type Checkpoint = z.output<typeof checkpoint>;

/** Where a checkpoint was: enough to remove what a door keeps of it elsewhere. */
export const place = z.object({ id: z.string(), missionId: z.string() });
export type Place = z.output<typeof place>;

export const recovered = z.object({
  success: z.boolean(),
  dryRun: z.boolean(),
  checkpointId: z.string(),
  missionId: z.string(),
  recoveryContext,
  restored: z.object({ sorties: z.int(), locks: z.int(), messages: z.int() }),
  errors: z.array(z.string()),
  warnings: z.array(z.string()),
});
export type Recovered = z.output<typeof recovered>;
