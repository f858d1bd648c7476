import { isRookeryError } from '../../../src/kernel/errors.ts';
import { openRookery } from '../../../src/rookery.ts';
import { hurried } from '../../support/clock.ts';

/**
 * One of several processes around a coordinator, on a clock that runs faster: `coordinator` gives signs of life with its
 * token until it is told that it is no longer the one, `monitor` looks for the dead and bids for what they leave. Prints
 * what it did, one JSON object a line.
 */
const [path, name, role, start] = process.argv.slice(2) as [string, string, string, string];
const rookery = await openRookery({ path, agent: name, clock: hurried(Number(start)) });
const { coordinators, fleet } = rookery;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function beat(): Promise<void> {
  const { token } = await coordinators.heartbeat({ id: 'lead' });
  await coordinators.assign({ id: 'lead', item: 'job', payload: 'half done', token });
  say({ token });
  for (;;) {
    await pause(50);
    try {
      await coordinators.heartbeat({ id: 'lead', token });
    } catch (error) {
      say({ refused: isRookeryError(error) ? error.code : String(error) });
      return;
    }
  }
}

async function look(): Promise<void> {
  for (;;) {
    await fleet.heartbeat();
    for (const { agent } of (await fleet.sweep()).deaths) say({ dead: agent });
    const found = await coordinators.check({ staleMs: 60_000, maxWarnings: 3, intervalMs: 10_000 });
    for (const { id } of found.deaths) say({ fallen: id });
    const won = await coordinators.takeOver({ id: 'lead' });
    if (won) say({ won });
    await pause(20);
  }
}

say({ ready: name });
await (role === 'coordinator' ? beat() : look());
await rookery.close();
