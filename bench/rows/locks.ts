import { atLeast, type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

export const lockBenches: readonly Bench[] = [
  {
    name: 'locks.acquire + release, 100 callers',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const { locks, memory } = rookery.as('coder-1');
        const pairs = count(5000, scale);
        const result = await inTurn(
          scale.rounds,
          () =>
            concurrently(callers, pairs, async (i) => {
              const { lease } = await locks.acquire({ path: `src/part-${i % (2 * callers)}.ts` });
              await locks.release({ lease: lease.id });
            }),
          (round) =>
            concurrently(callers, pairs, (i) => memory.set({ key: `${round}/${i}`, value: noteOf(i) })),
        );
        const note = 'a pair is two operations, one after the other';
        return compared(this.name, result, { floor: 'memory.set, project', target: atLeast(0.4), note });
      });
    },
  },
];
