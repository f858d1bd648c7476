import type { Store } from '../store.ts';
import type { Work } from '../work.ts';
import { seenCoalescedMs } from './presence.ts';
import { seeAgent } from './statements.ts';

const agentsMax = 10_000;

/**
 * Calls that name their agent and come without a token, as signs of life of it: written at most every `seenCoalescedMs`
 * for each. One shares the next commit and nobody waits for it; if it is lost, a time stamp is.
 */
export class SignsOfLife {
  readonly #store: Store;
  readonly #noted = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  note(project: string, agent: string): void {
    const now = this.#store.now(project);
    const key = `${project}\n${agent}`;
    if (now - (this.#noted.get(key) ?? 0) < seenCoalescedMs) return;
    if (this.#noted.size >= agentsMax) this.#noted.clear();
    this.#noted.set(key, now);
    const job = {
      project,
      *run(): Work<void> {
        yield* seeAgent(project, agent, now);
      },
    };
    this.#store.commits.submit(job).catch(() => {});
  }
}
