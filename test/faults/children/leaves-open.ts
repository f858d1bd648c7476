import { openRookery } from '../../../src/rookery.ts';

/** Opens a store with a Redis, writes, and neither closes it nor says goodbye. */
const [path, redis] = process.argv.slice(2) as [string, string];
const rookery = await openRookery({ path, redis, dualWrite: true });
await rookery.memory.set({ key: 'k', value: 1 });
console.log(rookery.live.metrics()!.sqliteWrites);
