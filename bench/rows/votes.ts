import { type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

export const voteBenches: readonly Bench[] = [
  {
    name: 'votes.cast, 100 electors at once',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const electors = Array.from({ length: callers }, (_, i) => rookery.as(`elector-${i}`));
        for (const { principal } of electors) await rookery.fleet.register({ id: principal.agent });
        const electorate = electors.map(({ principal }) => ({ agent: principal.agent }));
        const { memory } = electors[0]!;
        const rounds = count(30, scale);
        const result = await inTurn(
          scale.rounds,
          async () => {
            let microseconds = 0;
            for (let vote = 0; vote < rounds; vote++) {
              const target = { type: 'task', id: `task-${vote}` } as const;
              const { id: proposal } = await rookery.votes.propose({
                ...{ title: 'Ship it?', target, electorate, strategy: 'unanimous' },
              });
              const cast = { proposal, choice: 'accept', confidence: 0.9, reason: 'all tests pass' } as const;
              microseconds += await concurrently(callers, callers, (i) => electors[i]!.votes.cast(cast));
            }
            return microseconds / rounds;
          },
          (round) =>
            concurrently(callers, rounds * callers, (i) =>
              memory.set({ key: `${round}/${i}`, value: noteOf(i) }),
            ),
        );
        const note = 'everybody votes on the same proposal, which the last ballot decides';
        return compared(this.name, result, { floor: 'memory.set, project', note });
      });
    },
  },
];
