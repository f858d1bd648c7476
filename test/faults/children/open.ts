import { openRookery } from '../../../src/rookery.ts';

/** Opens the store, writes one key, closes: one of many that find a new file at once. */
const [path, name] = process.argv.slice(2) as [string, string];
const rookery = await openRookery({ path });
await rookery.as(name).memory.set({ key: name, value: process.pid });
await rookery.close();
console.log('done');
