import { openRookery } from '../../src/rookery.ts';
import { work } from './load.ts';

/** One process of the soak: `worker.ts FOLDER REDIS PROCESS AGENTS SECONDS`; REDIS is `-` for none. */
const [path = '', redis = '-', process_ = '', agents = '', seconds = ''] = process.argv.slice(2);
const rookery = await openRookery({ path, ...(redis !== '-' && { redis, dualWrite: true }) });
process.send?.('ready');
process.once('message', async () => {
  const load = { process: Number(process_), agents: Number(agents), seconds: Number(seconds) };
  const outcome = await work(rookery, load);
  const metrics = rookery.live.metrics();
  await rookery.close();
  process.send?.({ outcome, metrics }, () => process.disconnect());
});
