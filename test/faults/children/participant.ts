import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openRookery } from '../../../src/rookery.ts';

/**
 * Takes part as one agent. Each line of input is a JSON list of what to do in that order: `[verb, id, at]`, not before
 * the wall clock says `at`. Each line of output is what came of it, printed before anything else is done.
 */
const [path, agent] = process.argv.slice(2) as [string, string];
const rookery = await openRookery({ path });
const { signals, votes } = rookery.as(agent);
const verbs: Record<string, (id: string) => Promise<unknown>> = {
  acknowledge: async (signal) => ({ late: (await signals.acknowledge({ signal })).late }),
  waitForSignal: async (signal) => ({ state: (await signals.wait({ signal, waitMs: 60_000 }))!.state }),
  cast: async (proposal) =>
    votes.cast({ proposal, choice: 'accept' }).then(
      ({ proposal: { decision } }) => ({ decision }),
      ({ code }) => ({ code }),
    ),
  waitForVote: async (proposal) => ({
    decision: (await votes.wait({ proposal, waitMs: 60_000 }))!.decision,
  }),
};
const print = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`);

async function perform([verb, id, at = 0]: [verb: string, id: string, at?: number]): Promise<void> {
  const early = at - Date.now() - 2;
  if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
  while (Date.now() < at);
  print({ verb, id, ...((await verbs[verb]!(id)) as object) });
}

print('ready');
for await (const line of createInterface({ input: process.stdin })) {
  for (const step of JSON.parse(line)) await perform(step);
  print(null);
}
await rookery.close();
