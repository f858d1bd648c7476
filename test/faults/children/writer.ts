import { openRookery } from '../../../src/rookery.ts';

/**
 * Writes `count` values, `callers` at a time, and prints the name of each one once it is acknowledged. With `forever`
 * it goes on until it is killed.
 */
const [path, name, count, callers] = process.argv.slice(2) as [string, string, string, string];
const rookery = await openRookery({ path });
const { memory } = rookery.as(name);
let next = 0;
const most = count === 'forever' ? Number.MAX_SAFE_INTEGER : Number(count);
let acknowledged: string[] = [];
const flush = () => {
  if (acknowledged.length === 0) return;
  process.stdout.write(`${acknowledged.join('\n')}\n`);
  acknowledged = [];
};
await Promise.all(
  Array.from({ length: Number(callers) }, async () => {
    while (next < most) {
      const index = next++;
      await memory.set({ key: `${name}-${index}`, value: { index, text: 'x'.repeat(index % 300) } });
      acknowledged.push(`${name}-${index}`);
      if (acknowledged.length >= 20 || count !== 'forever') flush();
    }
  }),
);
flush();
await rookery.close();
console.log('done');
