import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { isRookeryError, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { drop, put, tell } from './changes.ts';
import {
  type Checkpoint,
  formatVersion,
  type LockSnapshot,
  type MessageSnapshot,
  type Place,
  type RecoveryContext,
  type SortieSnapshot,
} from './checkpoint-model.ts';
import {
  type CheckpointRow,
  checkpointCount,
  checkpointRows,
  checkpointsOf,
} from './checkpoint-statements.ts';
import { percentOf } from './model.ts';
import { checkpointKind, checkpointOf, encodeSnapshots } from './records.ts';
import { withoutSecrets } from './redaction.ts';
import {
  lockSnapshots,
  messageSnapshots,
  recoveryContextOf,
  situationOf,
  sortieSnapshotOf,
} from './snapshot.ts';
import type { MissionRow } from './statements.ts';
import { bounded, missionKind } from './things.ts';

/** What is asked of a checkpoint; snapshots that are left out are taken now. */
export interface Wanted {
  readonly trigger: Checkpoint['trigger'];
  readonly triggerDetails?: unknown;
  readonly progressPercent?: number | undefined;
  readonly sorties?: readonly SortieSnapshot[] | undefined;
  readonly activeLocks?: readonly LockSnapshot[] | undefined;
  readonly pendingMessages?: readonly MessageSnapshot[] | undefined;
  readonly recoveryContext?:
    | { readonly [Field in keyof RecoveryContext]?: RecoveryContext[Field] | undefined }
    | undefined;
  readonly createdBy: string;
  readonly ttlHours?: number | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

export interface Taken {
  readonly checkpoint: CheckpointRow;
  /** Those that went because a mission keeps so many. */
  readonly dropped: readonly Place[];
}

const hourMs = 3_600_000;

/** The last event of a checkpoint that was removed on purpose. */
export const removedEvent = 'checkpoint_removed';

/** Makes a checkpoint of a mission; TOO_LARGE where it would hold more than one may. */
export function* takeCheckpoint(context: WriteContext, mission: MissionRow, wanted: Wanted): Work<Taken> {
  const row = yield* rowFor(context, mission, wanted);
  const { trigger, progress_percent } = row;
  const data = { mission_id: mission.id, trigger, progress_percent, created_by: row.created_by };
  const checkpoint = yield* put(context, checkpointKind, undefined, row, {
    type: 'checkpoint_created',
    data,
  });
  return { checkpoint, dropped: yield* makeRoom(context, mission.id) };
}

/**
 * The checkpoint that a reached share is the occasion of. One that would be too large is not made, because the sortie
 * that was completed shall not fail for it; the mission's stream says so.
 */
export function* checkpointAtShare(
  context: WriteContext,
  mission: MissionRow,
  share: number,
): Work<Checkpoint | undefined> {
  const wanted = { trigger: 'progress', triggerDetails: `${share}%`, createdBy: context.agent } as const;
  try {
    return checkpointOf((yield* takeCheckpoint(context, mission, wanted)).checkpoint);
  } catch (error) {
    if (!isRookeryError(error, 'TOO_LARGE')) throw error;
    yield* tell(context, missionKind, mission, {
      type: 'checkpoint_refused',
      data: { share, reason: error.message },
    });
    return undefined;
  }
}

function* rowFor(context: WriteContext, mission: MissionRow, wanted: Wanted): Work<CheckpointRow> {
  const situation = yield* situationOf(context, mission, wanted.createdBy);
  const snapshots = {
    sorties: wanted.sorties ?? situation.sorties.map(sortieSnapshotOf),
    activeLocks: wanted.activeLocks ?? (yield* lockSnapshots(context, situation)),
    pendingMessages: wanted.pendingMessages ?? (yield* messageSnapshots(context, situation)),
    recoveryContext: withSaid(yield* recoveryContextOf(context, situation), wanted.recoveryContext),
  };
  const encoded = encodeSnapshots(withoutSecrets(snapshots));
  const { completed_sorties, total_sorties } = mission;
  const expiresAt = wanted.ttlHours === undefined ? null : context.now + Math.round(wanted.ttlHours * hourMs);
  const { triggerDetails = null } = wanted;
  const row: CheckpointRow = {
    id: context.newId('chk').replace('_', '-'),
    mission_id: mission.id,
    timestamp: isoTime(context.now),
    timestamp_ms: context.now,
    trigger: wanted.trigger,
    trigger_details:
      triggerDetails === null ? null : bounded('triggerDetails', withoutSecrets(triggerDetails)),
    progress_percent: Math.round(wanted.progressPercent ?? percentOf(completed_sorties, total_sorties)),
    ...encoded,
    created_by: wanted.createdBy,
    expires_at: expiresAt === null ? null : isoTime(expiresAt),
    expires_at_ms: expiresAt,
    consumed_at: null,
    version: formatVersion,
    metadata: bounded('metadata', withoutSecrets(wanted.metadata ?? {})),
    bytes: 0,
    author: context.agent,
    revision: 0,
    seq: 0,
    made: 0,
  };
  return { ...row, bytes: assertSize(row) };
}

function withSaid(made: RecoveryContext, said: Wanted['recoveryContext'] = {}): RecoveryContext {
  const given = Object.entries(said).filter(([, value]) => value !== undefined);
  return { ...made, ...Object.fromEntries(given) };
}

/** Bytes of JSON that a checkpoint holds; TOO_LARGE where they are too many. */
export function assertSize(row: CheckpointRow): number {
  const texts = [row.sorties, row.active_locks, row.pending_messages, row.recovery_context, row.metadata];
  const bytes = [...texts, row.trigger_details ?? ''].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= limits.checkpointBytes) return bytes;
  throw new RookeryError('TOO_LARGE', `a checkpoint holds at most ${limits.checkpointBytes} bytes of JSON`, {
    field: 'checkpoint',
    limitBytes: limits.checkpointBytes,
    bytes,
  });
}

/** Removes a checkpoint for good; its stream says so, because copies of it may lie elsewhere. */
export function* dropCheckpoint(context: WriteContext, row: CheckpointRow): Work<void> {
  const data = { mission_id: row.mission_id, trigger: row.trigger };
  yield* tell(context, checkpointKind, row, { type: removedEvent, data });
  yield* drop(context, checkpointKind, row);
}

/** Removes the oldest beyond what a mission keeps. */
function* makeRoom(context: WriteContext, mission: string): Work<Place[]> {
  const most = limits.checkpointsPerMission;
  if ((yield* checkpointCount(context.project, mission)) <= most) return [];
  const beyond = (yield* checkpointsOf(context.project, mission, most + 10)).slice(most);
  for (const row of beyond) yield* dropCheckpoint(context, row);
  return beyond.map(({ id }) => ({ id, missionId: mission }));
}

export function* findCheckpoint(
  context: { readonly project: string },
  id: string,
): Work<CheckpointRow | undefined> {
  return yield* checkpointRows.byId(context.project, id);
}
