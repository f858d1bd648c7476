import { isoTime } from '../../kernel/clock.ts';
import type { ReadContext } from '../../kernel/context.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { heldLocks } from '../locks/operations.ts';
import { pendingMessages } from '../mail/messages/operations.ts';
import { lastCorrelated } from '../mail/operations.ts';
import type { LockSnapshot, MessageSnapshot, RecoveryContext, SortieSnapshot } from './checkpoint-model.ts';
import { isOpenSortie, percentOf } from './model.ts';
import { type MissionRow, type SortieRow, sortieLists } from './statements.ts';

/** A mission as it is at this moment, from the tables and nothing else. */

export interface Situation {
  readonly mission: MissionRow;
  readonly sorties: readonly SortieRow[];
  /** Those who work on it. */
  readonly specialists: readonly string[];
}

const listed = limits.batchItems;

/** `also`: who counts among its specialists without having a sortie of it, such as whoever takes the snapshot. */
export function* situationOf(context: ReadContext, mission: MissionRow, also: string): Work<Situation> {
  const range = { after: 0, limit: limits.sortiesPerMission, offset: 0 };
  const sorties = yield* sortieLists.where(context.project, { mission_id: mission.id }, range);
  const assigned = sorties.flatMap(({ assigned_to }) => assigned_to ?? []);
  return { mission, sorties, specialists: [...new Set([...assigned, also])] };
}

export function sortieSnapshotOf(row: SortieRow): SortieSnapshot {
  return {
    id: row.id,
    status: row.status,
    assignedTo: row.assigned_to,
    files: JSON.parse(row.files) as string[],
    startedAt: row.started_at,
    progress: row.progress,
    progressNotes: row.progress_notes,
  };
}

/** What the mission's specialists have locked, and what is locked of its files. */
export function* lockSnapshots(
  context: ReadContext,
  { sorties, specialists }: Situation,
): Work<LockSnapshot[]> {
  const files = sorties
    .filter(({ status }) => isOpenSortie(status))
    .flatMap((sortie) => JSON.parse(sortie.files) as string[]);
  const held = yield* heldLocks(context, { holders: specialists, files: [...new Set(files)] }, listed);
  return held.map((lock) => ({
    id: lock.id,
    file: lock.file,
    heldBy: lock.holder,
    acquiredAt: isoTime(lock.reservedAt),
    purpose: lock.purpose,
    timeoutMs: lock.ttlMs,
  }));
}

/**
 * Messages that nobody has read, to or from the mission's specialists or about the mission. Only those of mailboxes that
 * are open to the project, as the checkpoint is.
 */
export function* messageSnapshots(
  context: ReadContext,
  { mission, sorties, specialists }: Situation,
): Work<MessageSnapshot[]> {
  const correlations = [mission.id, ...sorties.map(({ id }) => id)];
  const wanted = { mailboxes: [mission.id, ...specialists], senders: specialists, correlations };
  const pending = yield* pendingMessages(context, wanted, listed);
  return pending.map(({ to, ...message }) => ({ ...message, to: [to], delivered: false }));
}

/** What whoever goes on should know, as far as the tables tell. */
export function* recoveryContextOf(
  context: ReadContext,
  { mission, sorties }: Situation,
): Work<RecoveryContext> {
  const { completed_sorties: done, total_sorties: all } = mission;
  const begun = mission.started_at ?? mission.created_at;
  const summary = `${mission.title}: ${done} of ${all} sorties completed (${percentOf(done, all)} %)`;
  return {
    lastAction: lastActionIn(sorties) ?? `Mission ${mission.status}`,
    nextSteps: sorties
      .filter(({ status }) => isOpenSortie(status))
      .map(nextStep)
      .slice(0, listed),
    blockers: sorties
      .filter(({ status }) => status === 'blocked')
      .map(blockerText)
      .slice(0, listed),
    filesModified: filesIn(sorties),
    missionSummary: mission.description === '' ? summary : `${summary}\n${mission.description}`,
    elapsedTimeMs: Math.max(0, context.now - Date.parse(begun)),
    lastActivityAt: (yield* lastCorrelated(context.project, mission.id)) ?? begun,
  };
}

/** The sortie that was changed last, by the order of the ledger. */
function lastActionIn(sorties: readonly SortieRow[]): string | undefined {
  const [last] = [...sorties].sort((a, b) => b.seq - a.seq);
  if (!last) return undefined;
  const notes = last.progress_notes === null ? '' : `: ${last.progress_notes}`;
  return `Sortie "${last.title}" ${last.status}, ${last.progress} %${notes}`;
}

function nextStep(sortie: SortieRow): string {
  const who = sortie.assigned_to === null ? '' : ` (${sortie.assigned_to})`;
  const verb = {
    pending: 'Start',
    assigned: 'Start',
    in_progress: 'Continue',
    blocked: 'Unblock',
    review: 'Review',
  }[sortie.status as 'pending'];
  return `${verb} sortie "${sortie.title}"${who}, ${sortie.progress} %`;
}

function blockerText(sortie: SortieRow): string {
  const by = sortie.blocked_by === null ? '' : ` (by ${sortie.blocked_by})`;
  return `Sortie "${sortie.title}" is blocked: ${sortie.blocked_reason ?? 'no reason given'}${by}`;
}

function filesIn(sorties: readonly SortieRow[]): string[] {
  const worked = sorties.filter(({ started_at }) => started_at !== null);
  return [...new Set(worked.flatMap((sortie) => JSON.parse(sortie.files) as string[]))].slice(0, listed);
}
