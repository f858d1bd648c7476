import { openRookery } from '../../../src/rookery.ts';

/**
 * Writes private values, several callers at once, and reads each one back, and an old one, until it is killed. Prints
 * `wrote KEY N` once a write is acknowledged, and `failed CODE` for any call that failed.
 */
const [path, name, callers] = process.argv.slice(2) as [string, string, string];
const rookery = await openRookery({ path });
const { memory } = rookery.as(name);
const keys = 20;

async function write(caller: number): Promise<never> {
  for (let n = 0; ; n++) {
    const key = `${name}-${caller}-${n % keys}`;
    const old = `old-${(n * 7 + caller) % 100}`;
    try {
      await memory.set({ key, value: n, level: 'private' });
      process.stdout.write(`wrote ${key} ${n}\n`);
      if ((await memory.get({ key }))?.value !== n) process.stdout.write('failed LOST\n');
      if ((await memory.get({ key: old }))?.value !== old) process.stdout.write('failed OLD\n');
    } catch (error) {
      process.stdout.write(`failed ${(error as { code: string }).code}\n`);
    }
  }
}

await Promise.all(Array.from({ length: Number(callers) }, (_, i) => write(i)));
