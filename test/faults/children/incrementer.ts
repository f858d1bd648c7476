import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openRookery } from '../../../src/rookery.ts';

/**
 * Increments a counter that lies with the parent process, under a lease: reads it, adds one, writes it. Each request is
 * a line of output and its answer a line of input. It never asks whether it still has the lease.
 */
const [path, name, ttlMs] = process.argv.slice(2) as [string, string, string];
const rookery = await openRookery({ path });
const { locks } = rookery.as(name);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask(request: object): Promise<string> {
  writeSync(1, `${JSON.stringify(request)}\n`);
  return (await answers.next()).value ?? 'stop';
}

for (;;) {
  const { lease } = await locks.acquire({ names: ['counter'], ttlMs: Number(ttlMs), waitMs: 60_000 });
  const value = await ask({ does: 'read', token: lease.token });
  const written =
    value === 'stop' ? value : await ask({ does: 'write', token: lease.token, value: Number(value) + 1 });
  const released = await locks.release({ lease: lease.id }).then(
    () => 'released',
    (error: { code: string }) => error.code,
  );
  if (written === 'stop') break;
  await ask({ does: 'end', token: lease.token, released });
}
await rookery.close();
process.stdin.destroy();
