import { openRookery } from '../src/rookery.ts';
import { answer } from './rows/signals.ts';

/** The targets of the signal bench in a process of their own: `answerer.ts FOLDER SIGNALS TARGET…`. */
const [path = '', signals = '', ...targets] = process.argv.slice(2);
const rookery = await openRookery({ path });
for (const target of targets) await rookery.as(target).fleet.register({});
const answering = targets.map((target) => answer(rookery.as(target), Number(signals)));
process.send?.('answering');
await Promise.all(answering);
await rookery.close();
process.disconnect();
