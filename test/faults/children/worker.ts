import { writeSync } from 'node:fs';
import { openRookery } from '../../../src/rookery.ts';

/**
 * Works off tasks, several callers at once, until there are none left, and prints each claim it was given: task,
 * attempt and token. `first-claim` dies instead at the moment its first claim is committed, before it is answered.
 */
const [path, name, callers, leaseMs] = process.argv.slice(2) as [string, string, string, string];
const rookery = await openRookery({ path });
const { tasks } = rookery.as(name);
if (callers === 'first-claim') {
  // Called after the commit and before any caller hears of it; the first entry of this process is the claim.
  rookery.store.hints.publish = (_, topics) => {
    if ([...topics].includes('audit')) process.kill(process.pid, 'SIGKILL');
  };
}

async function work(): Promise<void> {
  for (;;) {
    const claimed = await tasks.claim({ leaseMs: Number(leaseMs) });
    if (!claimed) {
      const { tasks: open } = await tasks.list({ status: 'blocked', limit: 1 });
      const { tasks: held } = await tasks.list({ status: 'in_progress', limit: 1 });
      const { tasks: rest } = await tasks.list({ status: 'pending', limit: 1 });
      if (open.length + held.length + rest.length === 0) return;
      await tasks.claim({ waitMs: 1, types: ['none'] });
      continue;
    }
    const { task, claim } = claimed;
    writeSync(1, `${task.id} ${task.attempt} ${claim.token}\n`);
    await tasks.complete({ task: task.id, token: claim.token }).catch((error: { code: string }) => {
      if (error.code !== 'FENCED') throw error;
    });
  }
}

await Promise.all(Array.from({ length: callers === 'first-claim' ? 1 : Number(callers) }, work));
await rookery.close();
