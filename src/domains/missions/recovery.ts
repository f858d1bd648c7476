import { isoTime } from '../../kernel/clock.ts';
import { Denial, type WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { retake, standingOn } from '../locks/operations.ts';
import { requeueMessage, statusOf } from '../mail/messages/operations.ts';
import { put, subjectOf, tell } from './changes.ts';
import type { Checkpoint, LockSnapshot, Recovered, SortieSnapshot } from './checkpoint-model.ts';
import type { CheckpointRow } from './checkpoint-statements.ts';
import { follow } from './following.ts';
import { checkpointKind, checkpointOf } from './records.ts';
import {
  conflict,
  type Decision,
  decideLock,
  decideMessage,
  decideSortie,
  notesOf,
} from './recovery-decisions.ts';
import { tellSpecialist } from './sortie-changes.ts';
import { missionRows, type SortieRow, sortieRows } from './statements.ts';
import { missionKind, sortieKind } from './things.ts';

export interface Recovery {
  readonly dryRun: boolean;
  /** Locks that others have now are taken from them. */
  readonly force: boolean;
  /** Who goes on, where it is not the caller. */
  readonly continuedBy?: string | undefined;
}

/**
 * Brings back what a checkpoint says, in one transaction: what can be restored is, and what cannot is told of. Errors
 * are what leaves the checkpoint unconsumed; warnings are facts that whoever goes on should know.
 */
export function* recover(context: WriteContext, row: CheckpointRow, how: Recovery): Work<Recovered> {
  if (how.force) assertMayForce(context, row);
  const checkpoint = checkpointOf(row);
  const outcome = new Outcome(checkpoint, how);
  for (const snapshot of checkpoint.sorties) yield* recoverSortie(context, outcome, snapshot);
  for (const lock of checkpoint.activeLocks) yield* recoverLock(context, outcome, lock);
  for (const message of checkpoint.pendingMessages) {
    const decision = decideMessage(message, yield* statusOf(context, message.id));
    if (outcome.take('messages', decision)) yield* requeueMessage(context, message.id);
  }
  if (outcome.succeeded && !how.dryRun) yield* consume(context, row, outcome, how.continuedBy);
  return outcome.result();
}

/** What came of it so far. */
class Outcome {
  readonly checkpoint: Checkpoint;
  readonly how: Recovery;
  readonly restored = { sorties: 0, locks: 0, messages: 0 };
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly blockers: string[] = [];

  constructor(checkpoint: Checkpoint, how: Recovery) {
    this.checkpoint = checkpoint;
    this.how = how;
  }

  get succeeded(): boolean {
    return this.errors.length === 0;
  }

  /** Counts and notes a decision; true where something is to be changed now. */
  take(what: keyof Outcome['restored'], { act, warning, blocker, error }: Decision): boolean {
    if (error !== undefined) this.errors.push(error);
    if (warning !== undefined) this.warnings.push(warning);
    if (blocker !== undefined) this.blockers.push(blocker);
    if (act !== 'skip') this.restored[what]++;
    return act === 'restore' && !this.how.dryRun;
  }

  /** What was decided could not be done after all. */
  takeBack(what: keyof Outcome['restored'], decision: Decision): void {
    this.restored[what]--;
    this.take(what, decision);
  }

  result(): Recovered {
    const { id, missionId, recoveryContext } = this.checkpoint;
    return {
      success: this.succeeded,
      dryRun: this.how.dryRun,
      checkpointId: id,
      missionId,
      recoveryContext: { ...recoveryContext, blockers: [...recoveryContext.blockers, ...this.blockers] },
      restored: { ...this.restored },
      errors: this.errors,
      warnings: this.warnings,
    };
  }
}

function mayActForOthers({ principal }: WriteContext): boolean {
  return principal.rights.has('act-as') || principal.rights.has('admin');
}

/** Taking leases from others is for who may act for them. */
function assertMayForce(context: WriteContext, { id }: CheckpointRow): void {
  if (mayActForOthers(context)) return;
  throw new Denial(
    'FORBIDDEN',
    'forcing locks needs the right "act-as" or "admin"',
    subjectOf(checkpointKind, id),
    {
      needs: 'act-as',
    },
  );
}

function* recoverSortie(context: WriteContext, outcome: Outcome, snapshot: SortieSnapshot): Work<void> {
  const current = yield* sortieRows.byId(context.project, snapshot.id);
  const decision = decideSortie(snapshot, current, outcome.checkpoint.missionId);
  if (!outcome.take('sorties', decision) || !current) return;
  const restored = restoredSortie(snapshot, current);
  const data = { checkpoint_id: outcome.checkpoint.id, from: current.status, status: restored.status };
  const row = yield* put(context, sortieKind, current, restored, { type: 'sortie_status_changed', data });
  yield* tellSpecialist(context, current, row);
  yield* follow(context, current, row, true);
}

function restoredSortie(snapshot: SortieSnapshot, current: SortieRow): SortieRow {
  const ended =
    snapshot.status === 'completed' || snapshot.status === 'failed' || snapshot.status === 'cancelled';
  return {
    ...current,
    status: snapshot.status,
    assigned_to: snapshot.assignedTo,
    files: JSON.stringify(snapshot.files),
    started_at: snapshot.startedAt,
    progress: Math.round(snapshot.progress),
    progress_notes: notesOf(snapshot, current),
    completed_at: ended ? current.completed_at : null,
    blocked_by: snapshot.status === 'blocked' ? current.blocked_by : null,
    blocked_reason: snapshot.status === 'blocked' ? current.blocked_reason : null,
  };
}

function* recoverLock(context: WriteContext, outcome: Outcome, lock: LockSnapshot): Work<void> {
  const { file, heldBy: holder, purpose } = lock;
  const standing = yield* standingOn(context, { file, holder, purpose });
  const mayActFor = holder === context.agent || mayActForOthers(context);
  const { force } = outcome.how;
  const decision = decideLock(lock, standing, { now: context.now, force, mayActFor });
  if (!outcome.take('locks', decision)) return;
  const from = standing.state === 'held' ? standing.leases : [];
  const how = { ttlMs: lock.timeoutMs, from, reason: `recovery from ${outcome.checkpoint.id}` };
  if (yield* retake(context, { file, holder, purpose }, how)) return;
  outcome.takeBack('locks', conflict(lock, 'somebody who waits for it'));
}

/** The first recovery without errors marks the checkpoint; each has its event. */
function* consume(
  context: WriteContext,
  row: CheckpointRow,
  outcome: Outcome,
  continuedBy: string | undefined,
): Work<void> {
  if (row.consumed_at === null)
    yield* put(context, checkpointKind, row, { ...row, consumed_at: isoTime(context.now) });
  const mission = (yield* missionRows.byId(context.project, row.mission_id))!;
  const { restored, warnings } = outcome;
  yield* tell(context, missionKind, mission, {
    type: 'fleet_recovered',
    data: {
      checkpoint_id: row.id,
      recovered_by: context.agent,
      continued_by: continuedBy ?? context.agent,
      forced: outcome.how.force,
      sorties_restored: restored.sorties,
      locks_restored: restored.locks,
      messages_requeued: restored.messages,
      warnings: warnings.length,
    },
  });
}
