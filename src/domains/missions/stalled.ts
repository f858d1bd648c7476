import type { ReadContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { lastCorrelated } from '../mail/operations.ts';
import { latestCheckpoint } from './checkpoint-statements.ts';
import { type MissionRow, missionLists } from './statements.ts';

export interface Stalled {
  readonly missionId: string;
  readonly missionTitle: string;
  readonly lastActivityAt: string;
  readonly inactivityDurationMs: number;
  readonly checkpointId: string | null;
  readonly checkpointProgress: number | null;
  readonly checkpointTimestamp: string | null;
}

const pageSize = 200;

/** Missions in progress whose newest event, of whatever stream, is older than the threshold. */
export function* stalledMissions(
  context: ReadContext,
  { thresholdMs, limit, cursor }: { thresholdMs: number; limit: number; cursor: string },
): Work<{ missions: Stalled[]; nextCursor: string | null }> {
  const missions: Stalled[] = [];
  let after = Number(cursor);
  for (;;) {
    const range = { after, limit: pageSize, offset: 0 };
    const rows = yield* missionLists.where(context.project, { status: 'in_progress' }, range);
    for (const row of rows) {
      const found = yield* silence(context, row);
      if (found.inactivityDurationMs <= thresholdMs) continue;
      if (missions.length === limit) return { missions, nextCursor: String(after) };
      missions.push(yield* withCheckpoint(context, found));
      after = row.made;
    }
    if (rows.length < pageSize) return { missions, nextCursor: null };
    after = rows.at(-1)!.made;
  }
}

function* silence(context: ReadContext, row: MissionRow) {
  const lastActivityAt = (yield* lastCorrelated(context.project, row.id)) ?? row.started_at ?? row.created_at;
  const inactivityDurationMs = Math.max(0, context.now - Date.parse(lastActivityAt));
  return { missionId: row.id, missionTitle: row.title, lastActivityAt, inactivityDurationMs };
}

function* withCheckpoint(
  context: ReadContext,
  found: Omit<Stalled, 'checkpointId' | 'checkpointProgress' | 'checkpointTimestamp'>,
): Work<Stalled> {
  const checkpoint = yield* latestCheckpoint(context.project, found.missionId);
  return {
    ...found,
    checkpointId: checkpoint?.id ?? null,
    checkpointProgress: checkpoint?.progress_percent ?? null,
    checkpointTimestamp: checkpoint?.timestamp ?? null,
  };
}
