import type { WriteContext } from '../../kernel/context.ts';
import type { Erasure } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { eraseEvents } from '../mail/operations.ts';
import { blankCoordinators, coordinatorsOf } from './coordinators/statements.ts';
import { forgetWork } from './coordinators/work.ts';
import { blankMetadata } from './specialists/statements.ts';

/** What the fleet holds of an agent is open to the project: it goes where all that the agent owns is to go. */
export const erasures: readonly Erasure[] = [
  {
    noun: 'fleet',
    *erase(context, { agent, owned }) {
      if (!owned) return 0;
      let erased = yield* blankMetadata(context.project, agent);
      for (const streamType of ['agent', 'specialist'])
        erased += yield* eraseEvents(context, streamType, agent);
      return erased + (yield* erasePosts(context, agent));
    },
  },
];

const pageSize = 500;

/** Posts stay, with their tokens: nobody may come back under an old one. */
function* erasePosts(context: WriteContext, agent: string): Work<number> {
  let erased = yield* blankCoordinators(context.project, agent);
  for (let after = ''; ; ) {
    const posts = yield* coordinatorsOf(context.project, agent, after, pageSize);
    for (const { id } of posts) erased += yield* forgetWork(context, id);
    if (posts.length < pageSize) return erased;
    after = posts.at(-1)!.id;
  }
}
