import type { WriteContext } from '../../kernel/context.ts';
import { limits } from '../../kernel/limits.ts';
import type { Erasure } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { eraseEvents } from '../mail/operations.ts';
import { drop } from './changes.ts';
import { checkpointsOf } from './checkpoint-statements.ts';
import { follow } from './following.ts';
import { removeMission } from './removal.ts';
import { type MissionRow, missionLists, sortieLists } from './statements.ts';
import { sortieKind } from './things.ts';

const page = { after: 0, limit: 200, offset: 0 };

/** Missions are open to the project: they go with their maker only where all that it owns is to go. */
export const erasures: readonly Erasure[] = [
  {
    noun: 'missions',
    *erase(context, { agent, owned }) {
      return owned ? (yield* eraseMissions(context, agent)) + (yield* eraseSorties(context, agent)) : 0;
    },
  },
];

function* eraseMissions(context: WriteContext, agent: string): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* missionLists.where(context.project, { created_by: agent }, page);
    for (const row of rows) erased += yield* eraseMission(context, row);
    if (rows.length < page.limit) return erased;
  }
}

/** Other than one that is removed, it takes its history along: titles and reasons stand there too. */
function* eraseMission(context: WriteContext, mission: MissionRow): Work<number> {
  const { project } = context;
  const all = { ...page, limit: limits.sortiesPerMission };
  const parts = [
    ...(yield* sortieLists.where(project, { mission_id: mission.id }, all)).map(({ id }) => ['sortie', id]),
    ...(yield* checkpointsOf(project, mission.id, limits.checkpointsPerMission + 1)).map(({ id }) => [
      'checkpoint',
      id,
    ]),
    ['mission', mission.id],
  ] as const;
  const { sorties, checkpoints } = yield* removeMission(context, mission);
  let erased = 1 + sorties + checkpoints;
  for (const [streamType, streamId] of parts) erased += yield* eraseEvents(context, streamType!, streamId!);
  return erased;
}

function* eraseSorties(context: WriteContext, agent: string): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* sortieLists.where(context.project, { created_by: agent }, page);
    for (const row of rows) {
      yield* drop(context, sortieKind, row);
      yield* follow(context, row, undefined);
      erased += yield* eraseEvents(context, 'sortie', row.id);
    }
    erased += rows.length;
    if (rows.length < page.limit) return erased;
  }
}
