import type { Chronicled } from '../../domains/mail/chronicle/model.ts';
import * as message from '../../domains/mail/messages/model.ts';
import * as checkpoint from '../../domains/missions/checkpoint-model.ts';
import * as model from '../../domains/missions/model.ts';
import { toDoor } from '../naming.ts';
import type { Event } from './shapes.ts';

/** Records of missions and what belongs to them, under the names that seed 002 gives them. */

export interface Mission {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly status: string;
  readonly priority: string;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly total_sorties: number;
  readonly completed_sorties: number;
  readonly result: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Sortie {
  readonly id: string;
  readonly mission_id: string | null;
  readonly title: string;
  readonly description: string;
  readonly status: string;
  readonly priority: string;
  readonly assigned_to: string | null;
  readonly files: readonly string[];
  readonly progress: number;
  readonly progress_notes: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly blocked_by: string | null;
  readonly blocked_reason: string | null;
  readonly result: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface RecoveryContext {
  readonly last_action: string;
  readonly next_steps: readonly string[];
  readonly blockers: readonly string[];
  readonly files_modified: readonly string[];
  readonly mission_summary: string;
  readonly elapsed_time_ms: number;
  readonly last_activity_at: string | null;
}

export interface Checkpoint {
  readonly id: string;
  readonly mission_id: string;
  readonly timestamp: string;
  readonly trigger: string;
  readonly trigger_details: unknown;
  readonly progress_percent: number;
  readonly sorties: readonly {
    readonly id: string;
    readonly status: string;
    readonly assigned_to: string | null;
    readonly files: readonly string[];
    readonly started_at: string | null;
    readonly progress: number;
    readonly progress_notes: string | null;
  }[];
  readonly active_locks: readonly {
    readonly id: string;
    readonly file: string;
    readonly held_by: string;
    readonly acquired_at: string;
    readonly purpose: string;
    readonly timeout_ms: number | null;
  }[];
  readonly pending_messages: readonly {
    readonly id: string;
    readonly from: string;
    readonly to: readonly string[];
    readonly subject: string;
    readonly sent_at: string | null;
    readonly delivered: boolean;
  }[];
  readonly recovery_context: RecoveryContext;
  readonly created_by: string;
  readonly expires_at: string | null;
  readonly consumed_at: string | null;
  readonly version: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Message {
  readonly id: string;
  readonly mailbox_id: string;
  readonly sender_id: string;
  readonly thread_id: string | null;
  readonly message_type: string;
  readonly content: unknown;
  readonly status: string;
  readonly priority: string;
  readonly sent_at: string;
  readonly read_at: string | null;
  readonly acked_at: string | null;
  readonly causation_id: string | null;
  readonly correlation_id: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What a recovery brought back. */
export interface RestoreResult {
  readonly success: boolean;
  readonly checkpoint_id: string;
  readonly mission_id: string;
  readonly recovery_context: RecoveryContext;
  readonly restored: { readonly sorties: number; readonly locks: number; readonly messages: number };
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

const renamed = {
  mission: toDoor(model.mission),
  sortie: toDoor(model.sortie),
  checkpoint: toDoor(checkpoint.checkpoint),
  recovered: toDoor(checkpoint.recovered),
  message: toDoor(message.message),
};

export const missionOf = (mission: model.Mission): Mission => renamed.mission(mission) as Mission;
export const sortieOf = (sortie: model.Sortie): Sortie => renamed.sortie(sortie) as Sortie;
export const checkpointOf = (taken: checkpoint.Checkpoint): Checkpoint =>
  renamed.checkpoint(taken) as Checkpoint;
export const restoreResultOf = (recovered: checkpoint.Recovered): RestoreResult =>
  renamed.recovered(recovered) as RestoreResult;
export const messageOf = (sent: message.Message): Message => renamed.message(sent) as Message;

/** An event of any stream. */
export function recordedEventOf(event: Chronicled): Event {
  return {
    sequence_number: event.sequence,
    event_id: event.id,
    event_type: event.type,
    stream_type: event.streamType,
    stream_id: event.streamId,
    data: event.data,
    causation_id: event.causationId,
    correlation_id: event.correlationId,
    metadata: event.metadata,
    occurred_at: event.occurredAt,
    recorded_at: event.recordedAt,
    schema_version: 1,
    id: event.id,
    type: event.type,
    mailbox_id: event.streamType === 'squawk' ? event.streamId : null,
  };
}
