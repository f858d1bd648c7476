import { isoTime } from '../../kernel/clock.ts';
import type { WriteContext } from '../../kernel/context.ts';
import { notFound, RookeryError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { put } from './changes.ts';
import type { Checkpoint } from './checkpoint-model.ts';
import { isOpenMission, shareReached } from './model.ts';
import { type MissionRow, missionRows, type SortieRow } from './statements.ts';
import { checkpointAtShare } from './taking.ts';
import { missionKind } from './things.ts';

/** How a mission follows its sorties: counts, start and automatic checkpoints, in the transaction of the sortie. */

export interface Followed {
  readonly mission: MissionRow | undefined;
  /** Made because a share was reached. */
  readonly checkpoint: Checkpoint | undefined;
}

/** The mission that a new sortie is for; throws NOT_FOUND where there is none, WRONG_STATE where it is closed. */
export function* missionForSortie(context: WriteContext, id: string): Work<MissionRow> {
  const mission = yield* missionRows.byId(context.project, id);
  if (!mission) throw notFound('mission');
  assertOpen(mission);
  if (mission.total_sorties >= limits.sortiesPerMission)
    throw new RookeryError('LIMIT_REACHED', `a mission has at most ${limits.sortiesPerMission} sorties`, {
      mission: id,
    });
  return mission;
}

export function assertOpen({ id, status }: Pick<MissionRow, 'id' | 'status'>): void {
  if (isOpenMission(status)) return;
  throw new RookeryError('WRONG_STATE', `the mission is ${status}`, { mission: id, from: status });
}

type Counted = Pick<SortieRow, 'mission_id' | 'status'>;

/**
 * Brings the mission of a sortie up to date after the sortie changed: `before` undefined for a new one, `after`
 * undefined for one that is gone. `quiet`: without a checkpoint, for changes that themselves restore one.
 */
export function* follow(
  context: WriteContext,
  before: Counted | undefined,
  after: Counted | undefined,
  quiet = false,
): Work<Followed> {
  const id = (after ?? before)?.mission_id ?? null;
  const mission = id === null ? undefined : yield* missionRows.byId(context.project, id);
  if (!mission) return { mission: undefined, checkpoint: undefined };
  const next = followed(mission, before, after, isoTime(context.now));
  const share = shareReached(next.completed_sorties, next.total_sorties, next.checkpointed_percent);
  const due = share !== undefined && !quiet && next.completed_sorties > mission.completed_sorties;
  if (due) next.checkpointed_percent = share;
  if (!differ(mission, next)) return { mission, checkpoint: undefined };
  const started = next.status !== mission.status;
  const row = yield* put(
    context,
    missionKind,
    mission,
    next,
    started ? { type: 'mission_started', data: { status: next.status } } : undefined,
  );
  return { mission: row, checkpoint: due ? yield* checkpointAtShare(context, row, share) : undefined };
}

/** The mission as it is once the sortie is as it is. */
export function followed(
  mission: MissionRow,
  before: Counted | undefined,
  after: Counted | undefined,
  now: string,
): MissionRow {
  const completed = (sortie: Counted | undefined) => (sortie?.status === 'completed' ? 1 : 0);
  const starts = mission.status === 'pending' && after?.status === 'in_progress';
  return {
    ...mission,
    total_sorties: mission.total_sorties + (after ? 1 : 0) - (before ? 1 : 0),
    completed_sorties: mission.completed_sorties + completed(after) - completed(before),
    status: starts ? 'in_progress' : mission.status,
    started_at: starts ? (mission.started_at ?? now) : mission.started_at,
  };
}

function differ(a: MissionRow, b: MissionRow): boolean {
  const watched = ['total_sorties', 'completed_sorties', 'status', 'checkpointed_percent'] as const;
  return watched.some((column) => a[column] !== b[column]);
}
