import * as coordinators from '../../../domains/fleet/coordinators.ts';
import type { CoordinationSession } from './session.ts';

/**
 * Forgets a coordinator that is dead or was replaced, and its copies in Redis, by their exact keys. One whose work nobody
 * has taken over yet is kept, so that a successor finds the work. Answers how many keys it removed.
 */
export async function removeCoordinator(session: CoordinationSession, id: string): Promise<number> {
  const { swarmId } = session.actors.place;
  const open = await session.actors.administer(coordinators.work, { id, limit: 1 });
  const found = await session.actors.administer(coordinators.get, { id });
  let removed = 0;
  if (open.work.length === 0 && found && found.status !== 'active')
    removed = (await session.actors.administer(coordinators.cleanup, { id })).removed;
  await session.note('DEL', `blocking:heartbeat:${id}`, `coordinator:activity:${id}`);
  await session.note('HDEL', `swarm:${swarmId}:heartbeat`, id);
  return removed;
}
