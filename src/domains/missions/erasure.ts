import type { WriteContext } from '../../kernel/context.ts';
import type { Erasure } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { drop } from './changes.ts';
import { follow } from './following.ts';
import { removeMission } from './removal.ts';
import { missionLists, sortieLists } from './statements.ts';
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
    for (const row of rows) {
      const { sorties, checkpoints } = yield* removeMission(context, row);
      erased += 1 + sorties + checkpoints;
    }
    if (rows.length < page.limit) return erased;
  }
}

function* eraseSorties(context: WriteContext, agent: string): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* sortieLists.where(context.project, { created_by: agent }, page);
    for (const row of rows) {
      yield* drop(context, sortieKind, row);
      yield* follow(context, row, undefined);
    }
    erased += rows.length;
    if (rows.length < page.limit) return erased;
  }
}
