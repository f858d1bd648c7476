import type { WriteContext } from '../../kernel/context.ts';
import { limits } from '../../kernel/limits.ts';
import type { Work } from '../../kernel/work.ts';
import { drop } from './changes.ts';
import { checkpointsOf } from './checkpoint-statements.ts';
import { type MissionRow, sortieLists } from './statements.ts';
import { dropCheckpoint } from './taking.ts';
import { missionKind, sortieKind } from './things.ts';

/** Removes a mission and what belongs to it, each with an entry of its own. */
export function* removeMission(
  context: WriteContext,
  mission: MissionRow,
): Work<{ sorties: number; checkpoints: number }> {
  const { project } = context;
  const range = { after: 0, limit: limits.sortiesPerMission, offset: 0 };
  const sorties = yield* sortieLists.where(project, { mission_id: mission.id }, range);
  for (const sortie of sorties) yield* drop(context, sortieKind, sortie);
  const checkpoints = yield* checkpointsOf(project, mission.id, limits.checkpointsPerMission + 1);
  for (const checkpoint of checkpoints) yield* dropCheckpoint(context, checkpoint);
  yield* drop(context, missionKind, mission);
  return { sorties: sorties.length, checkpoints: checkpoints.length };
}
