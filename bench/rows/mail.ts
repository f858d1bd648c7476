import { atLeast, type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

export const mailBenches: readonly Bench[] = [
  {
    name: 'mail.append, 100 callers',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const { mail, memory } = rookery.as('coder-1');
        const rows = count(10_000, scale);
        const result = await inTurn(
          scale.rounds,
          () =>
            concurrently(callers, rows, (i) =>
              mail.append({ stream: `stream-${i % callers}`, events: [{ type: 'note', data: noteOf(i) }] }),
            ),
          (round) =>
            concurrently(callers, rows, (i) => memory.set({ key: `${round}/${i}`, value: noteOf(i) })),
        );
        return compared(this.name, result, { floor: 'memory.set, project', target: atLeast(0.8) });
      });
    },
  },
];
