import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openRookery } from '../../../src/rookery.ts';
import { SeededRandom } from '../../support/random.ts';
import { kinds, work } from '../clients.ts';

/**
 * Some clients of a store in a process of their own, numbered from `first`. Each line of input is the number of a round;
 * each line of output one event, or `null` at the end of a round. Lines are written before the program goes on, so that
 * nothing is lost when it is killed.
 */
const [path, first, clients, calls] = process.argv.slice(2) as [string, string, string, string];
const rookery = await openRookery({ path });
const print = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`);
print(null);
for await (const round of createInterface({ input: process.stdin })) {
  const ids = Array.from({ length: Number(clients) }, (_, i) => Number(first) + i);
  const each = ids.flatMap((id) => kinds.map((kind) => ({ id, key: `${kind}-${round}` })));
  await Promise.all(
    each.map(({ id, key }) => {
      const random = new SeededRandom(`${id} ${key}`);
      const client = { process: id, view: rookery.as(`client-${id}`), random, note: print };
      return work(client, key, Number(calls));
    }),
  );
  print(null);
}
await rookery.close();
