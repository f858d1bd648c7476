import { z } from 'zod';
import { RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import * as schema from '../../kernel/schema.ts';

/**
 * Words, as seed 002 has them. A *mission* is a goal of the fleet; a *sortie* is a piece of it that one *specialist*
 * does. A sortie may stand alone. All of them are open to the project.
 *
 * States of a mission: pending → in_progress → review → completed, and from any of the first three → cancelled. It is in
 * progress once one of its sorties is, and it completes only when each of them is completed or cancelled.
 *
 * States of a sortie: pending ⇄ assigned → in_progress ⇄ blocked, in_progress ⇄ review → completed, and from any of
 * these but completed → failed | cancelled. Who starts a sortie that nobody has takes it; what is completed without a
 * review has passed through that state in the same moment.
 *
 * The share of completed sorties is kept in the mission's row, in the transaction that changes the sortie.
 */
export const missionStatuses = ['pending', 'in_progress', 'review', 'completed', 'cancelled'] as const;
export type MissionStatus = (typeof missionStatuses)[number];

export const sortieStatuses = [
  'pending',
  'assigned',
  'in_progress',
  'blocked',
  'review',
  'completed',
  'failed',
  'cancelled',
] as const;
export type SortieStatus = (typeof sortieStatuses)[number];

export const priorities = ['low', 'medium', 'high', 'critical'] as const;
export const blockerTypes = ['sortie', 'specialist', 'external', 'resource'] as const;
export const closeReasons = ['cancelled', 'duplicate', 'invalid'] as const;
export const verdicts = ['approved', 'rejected', 'needs_changes'] as const;

type Moves<Status extends string> = Readonly<Record<Status, readonly Status[]>>;

const missionMoves: Moves<MissionStatus> = {
  pending: ['in_progress', 'cancelled'],
  in_progress: ['review', 'cancelled'],
  review: ['completed', 'in_progress', 'cancelled'],
  completed: [],
  cancelled: [],
};

const sortieMoves: Moves<SortieStatus> = {
  pending: ['assigned', 'failed', 'cancelled'],
  assigned: ['in_progress', 'pending', 'failed', 'cancelled'],
  in_progress: ['blocked', 'review', 'failed', 'cancelled'],
  blocked: ['in_progress', 'failed', 'cancelled'],
  review: ['completed', 'in_progress', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** Checks a move of a mission; throws WRONG_STATE with `from` and `to`. */
export function moveMission(from: MissionStatus, to: MissionStatus): void {
  move(missionMoves, from, to, 'review');
}

/** Checks a move of a sortie. One that is pending gets into progress only through somebody it is assigned to. */
export function moveSortie(from: SortieStatus, to: SortieStatus, assigned: boolean): void {
  move(sortieMoves, from, to, to === 'in_progress' && assigned ? 'assigned' : 'review');
}

/** Directly, or through the one state between, which is passed in the same moment. */
function move<Status extends string>(moves: Moves<Status>, from: Status, to: Status, between: Status): void {
  if (moves[from].includes(to)) return;
  if (
    from !== to &&
    to !== 'cancelled' &&
    moves[from].includes(between) &&
    moves[between].includes(to) &&
    between !== to
  )
    return;
  throw wrongTransition(from, to);
}

function wrongTransition(from: string, to: string): RookeryError {
  return new RookeryError('WRONG_STATE', `what is ${from} does not become ${to}`, { from, to });
}

export function isOpenMission(status: MissionStatus): boolean {
  return missionMoves[status].length > 0;
}

export function isOpenSortie(status: SortieStatus): boolean {
  return sortieMoves[status].length > 0;
}

/** Whether a sortie of this status lets its mission complete. */
export function isSettled(status: SortieStatus): boolean {
  return status === 'completed' || status === 'cancelled';
}

/** Refuses the completion of a mission with sorties that are not settled. */
export function assertAllSettled(from: MissionStatus, unsettled: number): void {
  if (unsettled === 0) return;
  throw new RookeryError('WRONG_STATE', `${unsettled} sorties are neither completed nor cancelled`, {
    from,
    to: 'completed',
    openSorties: unsettled,
  });
}

/** Shares of completed sorties, in percent, that a checkpoint is made at. */
export const checkpointShares = [25, 50, 75] as const;

/**
 * The highest share that was reached and had no checkpoint yet; undefined where there is none. Those below it are passed
 * with it: they would hold the same.
 */
export function shareReached(completed: number, total: number, alreadyAt: number): number | undefined {
  if (total === 0) return undefined;
  return checkpointShares.findLast((share) => share > alreadyAt && completed * 100 >= share * total);
}

export function percentOf(completed: number, total: number): number {
  return total === 0 ? 0 : Math.floor((completed * 100) / total);
}

const text = (bytes: number) =>
  z
    .string('text')
    .max(bytes, `at most ${bytes} characters`)
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');

export const title = schema.name.describe('What it is about');
export const longText = text(limits.metadataBytes);
export const description = longText.describe('More about it');
export const priority = z.enum(priorities, `one of ${priorities.join(', ')}`);
export const missionStatus = z.enum(missionStatuses, `one of ${missionStatuses.join(', ')}`);
export const sortieStatus = z.enum(sortieStatuses, `one of ${sortieStatuses.join(', ')}`);
export const metadata = z.record(z.string(), z.unknown(), 'a JSON object');
export const missionId = schema.name.describe('The mission');
export const sortieId = schema.name.describe('The sortie');
export const progress = z
  .number('a number')
  .min(0, 'between 0 and 100')
  .max(100, 'between 0 and 100')
  .describe('Percent, from 0 to 100');
export const files = z
  .array(text(limits.pathBytes).min(1, 'must not be empty'))
  .max(limits.batchItems, `at most ${limits.batchItems} files`)
  .describe('Files it is about');

export const mission = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  status: missionStatus,
  priority,
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  completedAt: z.string().nullable(),
  totalSorties: z.int(),
  completedSorties: z.int(),
  result: z.unknown(),
  metadata: z.record(z.string(), z.unknown()),
  createdBy: z.string(),
  revision: z.int(),
});
export type Mission = z.output<typeof mission>;

export const sortie = z.object({
  id: z.string(),
  missionId: z.string().nullable(),
  title: z.string(),
  description: z.string(),
  status: sortieStatus,
  priority,
  assignedTo: z.string().nullable(),
  files: z.array(z.string()),
  progress: z.int(),
  progressNotes: z.string().nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  completedAt: z.string().nullable(),
  blockedBy: z.string().nullable(),
  blockedReason: z.string().nullable(),
  result: z.unknown(),
  metadata: z.record(z.string(), z.unknown()),
  createdBy: z.string(),
  revision: z.int(),
});
export type Sortie = z.output<typeof sortie>;

/** Only if the thing still is at this revision. */
export const expectedRevision = z.int('a whole number').min(1, 'at least 1').optional();

export function assertRevision(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new RookeryError('REVISION_CONFLICT', `the revision is ${actual}, not ${expected}`, {
    field: 'expectedRevision',
    expected,
    actual,
  });
}
