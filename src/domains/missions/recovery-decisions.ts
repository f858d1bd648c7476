import type { Standing } from '../locks/operations.ts';
import type { LockSnapshot, MessageSnapshot, SortieSnapshot } from './checkpoint-model.ts';
import { redacted } from './redaction.ts';
import type { SortieRow } from './statements.ts';

/**
 * What a recovery does with each thing that a checkpoint remembers: decided from the snapshot and from how things are
 * now, the same for a dry run as for a real one.
 */
export interface Decision {
  /** `leave`: as it should be already, which counts as restored. `skip`: not restored. */
  readonly act: 'restore' | 'leave' | 'skip';
  readonly warning?: string;
  readonly blocker?: string;
  readonly error?: string;
}

const restore: Decision = { act: 'restore' };
const leave: Decision = { act: 'leave' };

export function decideSortie(
  snapshot: SortieSnapshot,
  current: SortieRow | undefined,
  missionId: string,
): Decision {
  if (!current) return { act: 'skip', error: `Sortie ${snapshot.id} does not exist any more` };
  if (current.mission_id !== missionId)
    return { act: 'skip', error: `Sortie ${snapshot.id} belongs to another mission` };
  if (isAsIn(snapshot, current)) return leave;
  // What is finished stays finished: the work is done, whatever the fleet forgot.
  if (current.status === 'completed' || current.status === 'cancelled')
    return { act: 'skip', warning: `Sortie ${snapshot.id} is ${current.status} since, left as it is` };
  return restore;
}

function isAsIn(snapshot: SortieSnapshot, current: SortieRow): boolean {
  return (
    current.status === snapshot.status &&
    current.assigned_to === snapshot.assignedTo &&
    current.progress === Math.round(snapshot.progress) &&
    current.progress_notes === notesOf(snapshot, current) &&
    current.files === JSON.stringify(snapshot.files)
  );
}

/** Notes that a snapshot has in part only are not put back over whole ones. */
export function notesOf({ progressNotes }: SortieSnapshot, current: SortieRow): string | null {
  return progressNotes?.includes(redacted) ? current.progress_notes : progressNotes;
}

export interface LockCircumstances {
  readonly now: number;
  readonly force: boolean;
  /** Whether the caller may act for the holder. */
  readonly mayActFor: boolean;
}

/** Against the lock table: what a client says of a lock decides nothing. */
export function decideLock(
  lock: LockSnapshot,
  standing: Standing,
  { now, force, mayActFor }: LockCircumstances,
): Decision {
  const { id, file, heldBy } = lock;
  if (standing.state === 'own') return leave;
  if (isExpired(lock, now))
    return {
      act: 'skip',
      warning: `Lock ${id} expired, skipping re-acquisition`,
      blocker: `Expired lock on ${file} (held by ${heldBy})`,
    };
  if (standing.state === 'no_file') return { act: 'skip', error: `Lock ${id}: ${file} cannot be locked` };
  if (standing.state === 'unknown_holder')
    return { act: 'skip', error: `Lock ${id}: there is no specialist ${heldBy}` };
  if (standing.state === 'awaited' || (standing.state === 'held' && !force))
    return conflict(lock, standing.by);
  if (!mayActFor)
    return { act: 'skip', error: `Lock ${id}: taking it for ${heldBy} needs the right "act-as"` };
  return restore;
}

/** Somebody else has it, or waits for it. */
export function conflict({ id, file }: LockSnapshot, by: string): Decision {
  return {
    act: 'skip',
    warning: `Lock ${id} conflicts: ${file} is held by ${by}, skipping re-acquisition`,
    blocker: `Lock conflict on ${file} (held by ${by})`,
  };
}

function isExpired({ acquiredAt, timeoutMs }: LockSnapshot, now: number): boolean {
  return timeoutMs !== null && Date.parse(acquiredAt) + timeoutMs <= now;
}

export function decideMessage(
  message: MessageSnapshot,
  status: 'pending' | 'read' | 'acked' | undefined,
): Decision {
  if (message.delivered || status === 'acked') return { act: 'skip' };
  if (status === undefined) return { act: 'skip', warning: `Message ${message.id} does not exist any more` };
  return status === 'pending' ? leave : restore;
}
