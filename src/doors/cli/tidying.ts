import { rights } from '../../kernel/access/model.ts';
import { headProjectAfter } from '../../kernel/ledger/statements.ts';
import type { Rookery, View } from '../../rookery.ts';

/** What a server does by itself, in every project of its store, because nobody else may ever call. */

const pageSize = 1000;
/** Pages of one kind in a row, so that one project with a backlog does not keep the others waiting. */
const pagesAtOnce = 20;

/** Ends what time has ended: records past their time, claims, and deadlines of signals and votes. */
export async function tidy(rookery: Rookery): Promise<void> {
  for await (const { memory, tasks, loop, signals, votes } of everyProject(rookery)) {
    await inPages(async () => (await memory.prune({ limit: pageSize })).pruned === pageSize);
    await inPages(async () => (await loop.prune({ limit: pageSize })).pruned === pageSize);
    await inPages(async () => (await tasks.sweep({ limit: pageSize })).more);
    await inPages(async () => (await signals.sweep()).more);
    await inPages(async () => (await votes.sweep()).more);
  }
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
