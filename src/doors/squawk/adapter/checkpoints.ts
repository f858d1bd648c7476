import * as checkpoints from '../../../domains/missions/checkpoints.ts';
import * as missions from '../../../domains/missions/missions.ts';
import { find, latest, prune, recover, remove, take } from '../checkpoints.ts';
import type { CheckpointCopies } from '../copies.ts';
import { pick } from '../fields.ts';
import { type Checkpoint, checkpointOf, type RestoreResult, restoreResultOf } from '../mission-shapes.ts';
import { type As, type Fields, jsonOf, known } from './calls.ts';

/** Columns that the seed's tables hold as JSON text. */
const json = ['sorties', 'active_locks', 'pending_messages', 'recovery_context', 'metadata'] as const;

export interface PruneOptions {
  readonly older_than_days?: number;
  readonly keep_per_mission?: number;
  readonly mission_id?: string;
  readonly dry_run?: boolean;
}

const pruning = {
  older_than_days: 'olderThanDays',
  keep_per_mission: 'keepPerMission',
  mission_id: 'missionId',
  dry_run: 'dryRun',
};

export interface RestoreOptions {
  /** Only say what would be done. */
  readonly dryRun?: boolean;
  /** Take locks that others have now. */
  readonly forceLocks?: boolean;
  /** Who goes on. */
  readonly agentId?: string;
}

/** A mission that nothing was heard of for a time, with its newest checkpoint. */
export interface RecoveryCandidate {
  readonly mission_id: string;
  readonly mission_title: string;
  readonly last_activity_at: string;
  readonly inactivity_duration_ms: number;
  readonly checkpoint_id?: string;
  readonly checkpoint_progress?: number;
  readonly checkpoint_timestamp?: string;
}

export function checkpointTable(as: As, copies: CheckpointCopies | undefined) {
  const create = async (fields: Fields): Promise<Checkpoint> => {
    const read = Object.fromEntries(
      json.flatMap((name) => (name in fields ? [[name, jsonOf(fields[name])]] : [])),
    );
    const by = typeof fields['created_by'] === 'string' ? fields['created_by'] : undefined;
    return checkpointOf(await take(as(by), { created_by: 'unknown', ...fields, ...read }, copies));
  };
  const getLatest = async (mission_id: string): Promise<Checkpoint | null> => {
    const found = await latest(as(), mission_id, copies);
    return found && checkpointOf(found);
  };
  const list = async (mission_id: string, limit = 100): Promise<Checkpoint[]> => {
    const page = await as()(checkpoints.list, { missionId: mission_id, limit });
    return page.checkpoints.map(checkpointOf);
  };
  return {
    create,
    /** The same under the original's other name. */
    save: create,
    /** From its copy where the row is lost. */
    async getById(id: string): Promise<Checkpoint | null> {
      const found = await find(as(), id, copies);
      return found && checkpointOf(found);
    },
    getLatest,
    getLatestByMission: getLatest,
    /** The newest first. */
    getByMission: list,
    listByMission: list,
    list: ({ mission_id, limit }: { readonly mission_id: string; readonly limit?: number }) =>
      list(mission_id, limit),
    /** Whether there was one. */
    delete: (id: string): Promise<boolean> => remove(as(), id, copies),
    async prune(options: PruneOptions = {}) {
      const { deleted, freedBytes, details } = await prune(as(), pick({ ...options }, pruning), copies);
      return {
        deleted,
        freed_bytes: freedBytes,
        details: details.map(({ id, missionId }) => ({ id, mission_id: missionId })),
      };
    },
    /** `null` where there is no such checkpoint, or none of the mission. */
    async recover(
      which: { readonly id: string } | { readonly mission_id: string },
      { dryRun = false, forceLocks = false, agentId }: RestoreOptions = {},
    ): Promise<RestoreResult | null> {
      const wanted = 'id' in which ? { id: which.id } : { missionId: which.mission_id };
      const how = { dryRun, force: forceLocks, continuedBy: known(agentId) };
      const recovered = await recover(as(), wanted, how, copies);
      return recovered && restoreResultOf(recovered);
    },
    /** Missions in progress of which nothing was heard for longer than this, in milliseconds. */
    async candidates(thresholdMs: number): Promise<RecoveryCandidate[]> {
      const { missions: found } = await as()(missions.stalled, { thresholdMs, limit: 1000 });
      return found.map((mission) => ({
        mission_id: mission.missionId,
        mission_title: mission.missionTitle,
        last_activity_at: mission.lastActivityAt,
        inactivity_duration_ms: mission.inactivityDurationMs,
        ...(mission.checkpointId !== null && {
          checkpoint_id: mission.checkpointId,
          checkpoint_progress: mission.checkpointProgress!,
          checkpoint_timestamp: mission.checkpointTimestamp!,
        }),
      }));
    },
  };
}
