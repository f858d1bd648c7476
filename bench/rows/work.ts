import { type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

export const workBenches: readonly Bench[] = [
  {
    name: 'tasks.claim + complete, 100 callers',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const { tasks, memory } = rookery.as('coder-1');
        const pairs = count(3000, scale);
        const result = await inTurn(
          scale.rounds,
          async (round) => {
            for (let made = 0; made < pairs; made += 500)
              await tasks.createMany({
                tasks: Array.from({ length: Math.min(500, pairs - made) }, (_, i) => ({
                  title: `task ${round}/${made + i}`,
                  payload: noteOf(made + i),
                })),
              });
            return await concurrently(callers, pairs, async () => {
              const claimed = await tasks.claim({});
              if (!claimed) throw new Error('a task that was created is not to be had');
              const { task, claim } = claimed;
              await tasks.complete({ task: task.id, token: claim.token, result: 'done' });
            });
          },
          (round) =>
            concurrently(callers, pairs, (i) => memory.set({ key: `${round}/${i}`, value: noteOf(i) })),
        );
        const note =
          'every caller wants the first of the ready tasks; a pair is two operations, one after the other';
        return compared(this.name, result, { floor: 'memory.set, project', note });
      });
    },
  },
];
