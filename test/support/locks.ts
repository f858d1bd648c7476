import type { z } from 'zod';
import * as locks from '../../src/domains/locks/operations.ts';
import type { Rookery, View } from '../../src/rookery.ts';

type Acquire = z.input<typeof locks.acquire.input>;
type Acquired = z.output<typeof locks.acquire.output>;

/** Acquire as it is inside: the answer "waiting" comes back instead of being waited for. */
const { wait: _, ...acquireOnly } = locks.acquire;

/** Queues a request, and answers what it was told; nobody waits for it then. */
export async function enqueue(rookery: Rookery, view: View, input: Acquire): Promise<Acquired> {
  const wanted = { waitMs: 600_000, ...input };
  return (await rookery.store.invoke(acquireOnly, view.principal, wanted)).output;
}

/** Who holds a file now, the oldest first. */
export async function holdersOf(view: View, path: string): Promise<string[]> {
  return (await view.locks.list({ path })).locks.map(({ holder }) => holder);
}

/** Who waits, in the order of service. */
export async function waitingAgents(view: View): Promise<string[]> {
  return (await view.locks.waiters()).waiters.map(({ agent }) => agent);
}
