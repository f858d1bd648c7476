import * as coordinators from '../../../domains/fleet/coordinators/operations.ts';
import type { CoordinationSession } from './session.ts';

/**
 * Removes the copies in Redis of a coordinator that is gone, by their exact keys, and forgets it once it was replaced.
 * One that nobody has replaced yet is kept: its successor takes over its work. Answers how many keys it removed.
 */
export async function removeCoordinator(session: CoordinationSession, id: string): Promise<number> {
  const { swarmId } = session.actors.place;
  await session.actors.administer(coordinators.cleanup, { id, replacedOnly: true });
  const deleted = [
    await session.note('DEL', `blocking:heartbeat:${id}`, `coordinator:activity:${id}`),
    await session.note('HDEL', `swarm:${swarmId}:heartbeat`, id),
  ];
  return deleted.reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
}
