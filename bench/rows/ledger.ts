import { z } from 'zod';
import type { Principal } from '../../src/kernel/access/model.ts';
import { jobOf } from '../../src/kernel/notices.ts';
import { mutation } from '../../src/kernel/operation.ts';
import type { Work } from '../../src/kernel/work.ts';
import { type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

/** Nothing but an entry with a commitment: what the ledger adds to each write. */
const entryOnly = mutation({
  name: 'memory.set',
  summary: 'Record an entry',
  input: z.string(),
  output: z.number(),
  access: 'write',
  route: null,
  run: (context, content): Work<number> =>
    context.record({ kind: 'memory', name: content, scope: 'project' }, { revision: [0, 1], content }),
});

export const ledgerBenches: readonly Bench[] = [
  {
    name: 'ledger entry of a write, 100 callers',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const { memory, principal } = rookery.as('coder-1');
        await memory.set({ key: 'first', value: 0 });
        const rows = count(10_000, scale);
        const result = await inTurn(
          scale.rounds,
          (round) => concurrently(callers, rows, (i) => append(rookery, principal, `${round}/${i}`)),
          (round) =>
            concurrently(callers, rows, (i) => memory.set({ key: `${round}/${i}`, value: noteOf(i) })),
        );
        const share = ((100 * result.a) / result.b).toFixed(0);
        const note = `${share} % of what a write takes: entry, pseudonym, commitment, Merkle leaf, group commit`;
        return compared(this.name, result, { floor: 'memory.set, project', note });
      });
    },
  },
];

function append(
  rookery: Parameters<Parameters<typeof withStore>[0]>[0]['rookery'],
  principal: Principal,
  content: string,
) {
  const { commits, services } = rookery.store;
  const call = { operation: entryOnly, principal, options: {} };
  return commits.submit(jobOf(call, services, (context) => entryOnly.run(context, content)));
}
