import { roleOf } from '../../../kernel/access/role-statements.ts';
import type { MemorySession } from '../memory/session.ts';
import { type Envelope, isSigned } from './envelope.ts';

/** Clocks of senders may differ by so much. */
const skewMs = 300_000;
const seenMax = 10_000;

/**
 * Who may stop a system: a sender that holds the system role in the swarm, by a message that the store's own key has
 * signed, once and not long ago. Anybody can publish on Redis; nobody without that key can make such a message.
 */
export class ShutdownGuard {
  readonly #session: MemorySession;
  readonly #seen = new Set<string>();
  /**
   * What was sent before this process listened was for others: sent again, it must not stop who came after. Whoever can
   * sign has the same file, and with it the same clock.
   */
  readonly #since = Date.now();

  constructor(session: MemorySession) {
    this.#session = session;
  }

  async admits(envelope: Envelope, now: number): Promise<boolean> {
    const { id, senderId, timestamp, swarmId } = envelope;
    const { swarmId: own, projectId } = this.#session.actors.place;
    if (swarmId !== own || Math.abs(now - timestamp) > skewMs) return false;
    if (timestamp < this.#since || this.#seen.has(id)) return false;
    const { store } = this.#session.store.rookery;
    if (!(await isSigned(store, projectId, envelope))) return false;
    const asOf = store.now(projectId);
    if (!(await store.engine.read(() => roleOf(projectId, senderId, 'system', own, asOf)))) return false;
    if (this.#seen.size >= seenMax) this.#seen.clear();
    this.#seen.add(id);
    return true;
  }
}
