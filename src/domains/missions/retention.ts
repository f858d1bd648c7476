import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import type { Place } from './checkpoint-model.ts';
import { checkpointRows, type Kept, keptOf, missionsWithCheckpoints } from './checkpoint-statements.ts';
import { dropCheckpoint } from './taking.ts';

const dayMs = 86_400_000;
/** How long the last checkpoint of a completed mission stays. */
export const finalDays = 30;

export interface Retention {
  readonly olderThanDays: number;
  readonly keepPerMission: number;
}

/**
 * Which checkpoints of one mission may go, given the newest first: those past the number that is kept and past their
 * age, or past the time that they were given. The last one of a completed mission stays for 30 days.
 */
export function prunable<Row extends Pick<Kept, 'timestamp_ms' | 'expires_at_ms'>>(
  rows: readonly Row[],
  completed: boolean,
  { olderThanDays, keepPerMission }: Retention,
  now: number,
): Row[] {
  return rows.filter((row, newer) => {
    if (newer < keepPerMission) return false;
    if (newer === 0 && completed && now - row.timestamp_ms < finalDays * dayMs) return false;
    const expired = row.expires_at_ms !== null && row.expires_at_ms <= now;
    return expired || now - row.timestamp_ms > olderThanDays * dayMs;
  });
}

export interface Pruned {
  readonly deleted: number;
  readonly freedBytes: number;
  readonly details: readonly Place[];
  readonly more: boolean;
}

const missionsAtOnce = 200;
const deletedAtOnce = 1000;

/** Removes what may go, a page of it; a dry run only says what that is. */
export function* prune(
  context: WriteContext,
  wanted: Retention & { readonly missionId?: string | undefined; readonly dryRun: boolean },
): Work<Pruned> {
  const details: Place[] = [];
  let freedBytes = 0;
  for (let after = ''; ; ) {
    const missions = yield* missionsWithCheckpoints(
      context.project,
      after,
      wanted.missionId ?? '',
      missionsAtOnce,
    );
    for (const { mission_id, status } of missions) {
      const rows = yield* keptOf(context.project, mission_id);
      for (const { id, bytes } of prunable(rows, status === 'completed', wanted, context.now)) {
        if (details.length === deletedAtOnce)
          return { deleted: details.length, freedBytes, details, more: true };
        if (!wanted.dryRun)
          yield* dropCheckpoint(context, (yield* checkpointRows.byId(context.project, id))!);
        details.push({ id, missionId: mission_id });
        freedBytes += bytes;
      }
    }
    if (missions.length < missionsAtOnce)
      return { deleted: details.length, freedBytes, details, more: false };
    after = missions.at(-1)!.mission_id;
  }
}
