import { rights } from './kernel/access/model.ts';
import { headProjectAfter } from './kernel/ledger/statements.ts';
import type { Store } from './kernel/store.ts';
import type { Rookery, View } from './rookery.ts';

/** What a server does by itself, in every project of its store, because nobody else may ever call. */

export interface TidyOptions {
  /**
   * How long signals, votes and tasks are kept after they have ended, in milliseconds. For ever unless given: until then
   * they are evidence, and how long that is needed is for whoever runs the store to say.
   */
  readonly keepEndedMs?: number | undefined;
}

const pageSize = 1000;
/** Pages of one kind in a row, so that one project with a backlog does not keep the others waiting. */
const pagesAtOnce = 20;

/**
 * Ends what time has ended, in every project: records past their time, claims, and deadlines of signals and votes. Does a
 * bounded part of a backlog, page by page, each in a commit of its own: call it every minute or so. Needs a store that was
 * opened with all rights; a server does it by itself.
 */
export async function tidy(rookery: Rookery, { keepEndedMs }: TidyOptions = {}): Promise<void> {
  for await (const view of everyProject(rookery)) {
    const { memory, tasks, loop, signals, votes } = view;
    await inPages(async () => (await memory.prune({ limit: pageSize })).pruned === pageSize);
    await inPages(async () => (await loop.prune({ limit: pageSize })).pruned === pageSize);
    await inPages(async () => (await tasks.sweep({ limit: pageSize })).more);
    await inPages(async () => (await signals.sweep()).more);
    await inPages(async () => (await votes.sweep()).more);
    if (keepEndedMs !== undefined) await forgetEnded(rookery.store, view, keepEndedMs);
  }
}

/** How far the walk over ended tasks has come, by project: a call looks at a part of them. */
const walks = new WeakMap<Store, Map<string, string>>();

async function forgetEnded(
  store: Store,
  { signals, votes, tasks, principal: { project } }: View,
  olderThanMs: number,
): Promise<void> {
  await inPages(async () => (await signals.prune({ olderThanMs, limit: pageSize })).more);
  await inPages(async () => (await votes.prune({ olderThanMs, limit: pageSize })).more);
  const walk = walks.get(store) ?? new Map<string, string>();
  walks.set(store, walk);
  await inPages(async () => {
    const cursor = walk.get(project) ?? '';
    const { nextCursor } = await tasks.prune({ olderThanMs, limit: pageSize, cursor });
    walk.set(project, nextCursor ?? '');
    return nextCursor !== null;
  });
}

export interface Death {
  readonly project: string;
  readonly agent: string;
  readonly incarnation: number;
}

/** Tells the deaths that nobody has told yet; answers those of this call. */
export async function tellDeaths(rookery: Rookery): Promise<Death[]> {
  const told: Death[] = [];
  for await (const { fleet, principal } of everyProject(rookery)) {
    await inPages(async () => {
      const { deaths, more } = await fleet.sweep();
      for (const { agent, incarnation } of deaths)
        told.push({ project: principal.project, agent, incarnation });
      return more;
    });
  }
  return told;
}

async function inPages(page: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < pagesAtOnce && (await page()); n++);
}

async function* everyProject({ store, principal, as }: Rookery): AsyncGenerator<View, void, void> {
  for (let last = ''; ; ) {
    const next = await store.engine.read(() => headProjectAfter(last));
    if (!next) return;
    last = next.project_id;
    yield as(principal.agent, { project: last, rights });
  }
}
