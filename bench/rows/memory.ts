import { atLeast, type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

const namespace = 'bench';

/** Keys that no earlier round has written: both sides insert. */
const keyOf = (round: number, index: number) => `task/${round}/${index}`;

export const memoryBenches: readonly Bench[] = [
  {
    name: `memory.set, project, ${callers} callers`,
    run(scale) {
      return withStore(async ({ rookery, floor }) => {
        const { memory } = rookery.as('coder-1');
        const rows = count(10_000, scale);
        const result = await inTurn(
          scale.rounds,
          (round) =>
            concurrently(callers, rows, (i) =>
              memory.set({ namespace, key: keyOf(round, i), value: noteOf(i) }),
            ),
          async (round) =>
            floor.putBatches(rows, callers, (i) => ({ key: keyOf(round, i), value: noteOf(i) })),
        );
        return compared(this.name, result, { floor: 'raw FULL commits of 100 rows', target: atLeast(0.25) });
      });
    },
  },
  {
    name: 'memory.set, project, overwriting, 100 callers',
    run(scale) {
      return withStore(async ({ rookery, floor }) => {
        const { memory } = rookery.as('coder-1');
        const rows = count(10_000, scale);
        const key = (index: number) => `task/${index % 1000}`;
        const result = await inTurn(
          scale.rounds,
          () => concurrently(callers, rows, (i) => memory.set({ namespace, key: key(i), value: noteOf(i) })),
          async () => floor.putBatches(rows, callers, (i) => ({ key: key(i), value: noteOf(i) })),
        );
        const note = 'keeps the superseded revision, which the floor does not';
        return compared(this.name, result, { floor: 'raw FULL commits of 100 rows', note });
      });
    },
  },
  {
    name: 'memory.set, project, one caller',
    run(scale) {
      return withStore(async ({ rookery, floor }) => {
        const { memory } = rookery.as('coder-1');
        const rows = count(1500, scale);
        const result = await inTurn(
          scale.rounds,
          (round) =>
            concurrently(1, rows, (i) => memory.set({ namespace, key: keyOf(round, i), value: noteOf(i) })),
          async (round) => floor.putBatches(rows, 1, (i) => ({ key: keyOf(round, i), value: noteOf(i) })),
        );
        return compared(this.name, result, { floor: 'one raw FULL commit', target: atLeast(0.8) });
      });
    },
  },
  {
    name: 'memory.set, private, 100 callers',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const { memory } = rookery.as('coder-1');
        const rows = count(10_000, scale);
        const setAt = (level: 'private' | 'project') => (round: number) =>
          concurrently(callers, rows, (i) =>
            memory.set({ namespace, key: keyOf(round, i), value: noteOf(i), level }),
          );
        const result = await inTurn(scale.rounds, setAt('private'), setAt('project'));
        return compared(this.name, result, { floor: 'memory.set, project', target: atLeast(0.5) });
      });
    },
  },
  getBench('project', 0.4),
  getBench('private', 0.15),
];

function getBench(level: 'project' | 'private', target: number): Bench {
  return {
    name: `memory.get, ${level}, ${callers} callers`,
    run(scale) {
      return withStore(async ({ rookery, floor }) => {
        const { memory } = rookery.as('coder-1');
        const keys = count(10_000, scale);
        const key = (index: number) => `task/${index % keys}`;
        await concurrently(callers, keys, (i) =>
          memory.set({ namespace, key: key(i), value: noteOf(i), level }),
        );
        floor.putBatches(keys, callers, (i) => ({ key: key(i), value: noteOf(i) }));
        const reads = count(30_000, scale);
        const result = await inTurn(
          scale.rounds,
          () => concurrently(callers, reads, (i) => memory.get({ namespace, key: key(i) })),
          async () => floor.gets(reads, key),
        );
        return compared(this.name, result, { floor: 'raw prepared get', target: atLeast(target) });
      });
    },
  };
}
