import { writeSync } from 'node:fs';
import { openRookery } from '../../../src/rookery.ts';

/** Writes values under names of its own, relays them itself, and prints how many were acknowledged. */
const [path, redis, name, count] = process.argv.slice(2) as [string, string, string, string];
const rookery = await openRookery({ path, redis, agent: name });
writeSync(1, 'open\n');
for (let done = 0; done < Number(count); done += 10) {
  const some = Array.from({ length: 10 }, (_, i) => `${name}-${(done + i) % 40}`);
  await Promise.all(some.map((key) => rookery.memory.set({ key, value: `${key} ${done}` })));
  writeSync(1, `${done + 10}\n`);
}
await rookery.close();
