import type { Meeting } from '../../kernel/collision.ts';
import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { note } from './records.ts';

/** Pairs that one refusal is noted for. */
const pairsMax = 5;

/**
 * Notes a refusal in its own commit: one search in an index, and a write only when that is new or was not seen for a
 * moment, so a hot lock costs a row a second and not one a refusal.
 */
export function* noteCollision(context: WriteContext, meeting: Meeting): Work<void> {
  const { type, kind, resource, scope } = meeting;
  const others = new Set(meeting.others.filter((agent) => agent !== context.agent && agent !== ''));
  for (const other of [...others].slice(0, pairsMax)) {
    const agents = [context.agent, other];
    const origin = type === 'resource' ? 'lock' : 'revision';
    yield* note(context, { type, kind, resource, scope, agents, origin });
  }
}
