import { agentById } from '../../kernel/access/statements.ts';
import type { ReadContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Fence } from '../../kernel/fence.ts';
import type { Work } from '../../kernel/work.ts';
import { assertCurrent } from './coordinators/model.ts';
import { assertHolds } from './coordinators/posts.ts';
import { coordinatorById } from './coordinators/statements.ts';

/**
 * Fences of the fleet, beside those of leases: `coordinator/<id>` with the token of that post, and `agent/<id>` with the
 * incarnation of a life. A mutation under one of them is refused once the post was taken over, or that life has ended.
 */
const kinds: Readonly<Record<string, (context: ReadContext, name: string, token: number) => Work<void>>> = {
  agent: assertLife,
  coordinator: assertPost,
};

/** Checks the fence, where it is one of the fleet's; answers whether it is. */
export function* assertFleetFence(context: ReadContext, { lease, token }: Fence): Work<boolean> {
  const end = lease.indexOf('/');
  const kind = lease.slice(0, Math.max(end, 0));
  if (!Object.hasOwn(kinds, kind)) return false;
  yield* kinds[kind]!(context, lease.slice(end + 1), token);
  return true;
}

function* assertLife(context: ReadContext, agent: string, incarnation: number): Work<void> {
  const row = yield* agentById(context.project, agent);
  if (row?.incarnation === incarnation && row.status === 'active') return;
  throw new RookeryError('FENCED', `this life of ${agent} has ended`, {
    agent,
    incarnation,
    current: row?.incarnation ?? null,
  });
}

function* assertPost(context: ReadContext, id: string, token: number): Work<void> {
  const row = yield* coordinatorById(context.project, id);
  if (!row) throw new RookeryError('FENCED', `coordinator ${id} is gone`, { coordinator: id, token });
  assertHolds(context, row);
  assertCurrent(row, token);
}
