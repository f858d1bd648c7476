import type { Kind } from './changes.ts';
import type {
  Checkpoint,
  LockSnapshot,
  MessageSnapshot,
  RecoveryContext,
  SortieSnapshot,
} from './checkpoint-model.ts';
import { type CheckpointRow, checkpointRows } from './checkpoint-statements.ts';
import { decoded } from './things.ts';

/** Checkpoints as they are stored: snapshots as JSON under the names that seed 002 gives them. */

export const checkpointKind: Kind<CheckpointRow> = {
  kind: 'checkpoint',
  rows: checkpointRows,
  missionOf: (row) => row.mission_id,
};

interface Snapshots {
  readonly sorties: readonly SortieSnapshot[];
  readonly activeLocks: readonly LockSnapshot[];
  readonly pendingMessages: readonly MessageSnapshot[];
  readonly recoveryContext: RecoveryContext;
}

/** The columns that hold snapshots. */
export function encodeSnapshots({ sorties, activeLocks, pendingMessages, recoveryContext: told }: Snapshots) {
  return {
    sorties: JSON.stringify(
      sorties.map((sortie) => ({
        id: sortie.id,
        status: sortie.status,
        assigned_to: sortie.assignedTo,
        files: sortie.files,
        started_at: sortie.startedAt,
        progress: sortie.progress,
        progress_notes: sortie.progressNotes,
      })),
    ),
    active_locks: JSON.stringify(
      activeLocks.map((lock) => ({
        id: lock.id,
        file: lock.file,
        held_by: lock.heldBy,
        acquired_at: lock.acquiredAt,
        purpose: lock.purpose,
        timeout_ms: lock.timeoutMs,
      })),
    ),
    pending_messages: JSON.stringify(
      pendingMessages.map(({ id, from, to, subject, sentAt, delivered }) => ({
        id,
        from,
        to,
        subject,
        sent_at: sentAt,
        delivered,
      })),
    ),
    recovery_context: JSON.stringify({
      last_action: told.lastAction,
      next_steps: told.nextSteps,
      blockers: told.blockers,
      files_modified: told.filesModified,
      mission_summary: told.missionSummary,
      elapsed_time_ms: told.elapsedTimeMs,
      last_activity_at: told.lastActivityAt,
    }),
  };
}

export function checkpointOf(row: CheckpointRow): Checkpoint {
  return {
    id: row.id,
    missionId: row.mission_id,
    timestamp: row.timestamp,
    trigger: row.trigger as Checkpoint['trigger'],
    triggerDetails: decoded(row.trigger_details),
    progressPercent: row.progress_percent,
    ...decodeSnapshots(row),
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    consumedAt: row.consumed_at,
    version: row.version,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
  };
}

type Stored<Names extends string> = Record<Names, never>;

function decodeSnapshots(row: CheckpointRow) {
  const sorties = JSON.parse(row.sorties) as Stored<
    'id' | 'status' | 'assigned_to' | 'files' | 'started_at' | 'progress' | 'progress_notes'
  >[];
  const locks = JSON.parse(row.active_locks) as Stored<
    'id' | 'file' | 'held_by' | 'acquired_at' | 'purpose' | 'timeout_ms'
  >[];
  const messages = JSON.parse(row.pending_messages) as Stored<
    'id' | 'from' | 'to' | 'subject' | 'sent_at' | 'delivered'
  >[];
  const told = JSON.parse(row.recovery_context) as Stored<
    | 'last_action'
    | 'next_steps'
    | 'blockers'
    | 'files_modified'
    | 'mission_summary'
    | 'elapsed_time_ms'
    | 'last_activity_at'
  >;
  return {
    sorties: sorties.map((sortie) => ({
      id: sortie.id,
      status: sortie.status,
      assignedTo: sortie.assigned_to,
      files: sortie.files,
      startedAt: sortie.started_at,
      progress: sortie.progress,
      progressNotes: sortie.progress_notes,
    })),
    activeLocks: locks.map((lock) => ({
      id: lock.id,
      file: lock.file,
      heldBy: lock.held_by,
      acquiredAt: lock.acquired_at,
      purpose: lock.purpose,
      timeoutMs: lock.timeout_ms,
    })),
    pendingMessages: messages.map(({ sent_at: sentAt, ...message }) => ({ ...message, sentAt })),
    recoveryContext: {
      lastAction: told.last_action,
      nextSteps: told.next_steps,
      blockers: told.blockers,
      filesModified: told.files_modified,
      missionSummary: told.mission_summary,
      elapsedTimeMs: told.elapsed_time_ms,
      lastActivityAt: told.last_activity_at,
    },
  };
}
