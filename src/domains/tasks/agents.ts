import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import type { Task } from './model.ts';
import { shown } from './records.ts';
import { failAttempt, lapse } from './settling.ts';
import { claimsAfter } from './statements.ts';

/** The claims of an agent, for whoever looks after agents that are gone. */

const pageSize = 500;

/**
 * Takes all claims from an agent that is dead, gone or in a new life: each is one failed attempt, and the task goes
 * back after a rest or is a dead letter. `keep`: the life that goes on, if any; what it has claimed stays. Answers how
 * many claims ended.
 */
export function* releaseTasksOf(
  context: WriteContext,
  agent: string,
  { reason, keep }: { readonly reason: string; readonly keep?: number | undefined },
): Work<number> {
  let ended = 0;
  for (let after = ''; ; ) {
    const page = yield* claimsAfter(context.project, agent, after, pageSize);
    for (const row of page) {
      if (row.incarnation === keep || row.due_at === null) continue;
      if (row.due_at <= context.now) yield* lapse(context, row);
      else {
        const failure = { outcome: 'abandoned' as const, at: context.now, error: reason, retryable: true };
        yield* failAttempt(context, row, failure);
      }
      ended++;
    }
    if (page.length < pageSize) return ended;
    after = page.at(-1)!.id;
  }
}

const handedOver = 1000;

/** What an agent has claimed and not ended, at most 1000 tasks, by id. */
export function* claimsOf(context: WriteContext, agent: string): Work<Task[]> {
  const tasks: Task[] = [];
  for (const row of yield* claimsAfter(context.project, agent, '', handedOver))
    tasks.push(yield* shown(context, row));
  return tasks;
}
