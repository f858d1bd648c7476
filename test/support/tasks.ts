import type { z } from 'zod';
import type * as tasks from '../../src/domains/tasks/operations.ts';
import type { View } from '../../src/rookery.ts';

export type Claimed = NonNullable<z.output<typeof tasks.claim.output>>;

/** Takes the next task; there must be one. */
export async function claim(view: Pick<View, 'tasks'>, input: z.input<typeof tasks.claim.input> = {}) {
  const claimed = await view.tasks.claim(input);
  if (!claimed) throw new Error('there is nothing to claim');
  return { ...claimed, held: { task: claimed.task.id, token: claimed.claim.token } };
}

/** Ids of the tasks that come out when everything is claimed, in that order. */
export async function drain(
  view: Pick<View, 'tasks'>,
  input: z.input<typeof tasks.claim.input> = {},
): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const claimed = await view.tasks.claim(input);
    if (!claimed) return ids;
    ids.push(claimed.task.id);
  }
}

/** The same, each completed before the next is claimed. */
export async function finishAll(view: Pick<View, 'tasks'>): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const claimed = await view.tasks.claim();
    if (!claimed) return ids;
    ids.push(claimed.task.id);
    await view.tasks.complete({ task: claimed.task.id, token: claimed.claim.token });
  }
}
