import type { View } from '../../src/rookery.ts';
import { openRookery } from '../../src/rookery.ts';
import { nextMessage, startChild } from '../child.ts';
import { type Bench, count, percentile, type Row, withFolder } from '../measure.ts';

const targets = ['answerer-1', 'answerer-2', 'answerer-3', 'answerer-4', 'answerer-5'];

/** From the call of `send` until `wait` answers with the acknowledgements of all five targets. */
export const signalBenches: readonly Bench[] = [
  {
    name: 'signal → 5 acknowledgements, same process',
    run(scale) {
      return withFolder(async (path) => {
        await using rookery = await openRookery({ path });
        const signals = count(300, scale);
        const answering = targets.map((target) => answer(rookery.as(target), signals));
        const latencies = await send(rookery.as('issuer'), signals);
        await Promise.all(answering);
        return latencyRow(this.name, latencies);
      });
    },
  },
  {
    name: 'signal → 5 acknowledgements, other process',
    run(scale) {
      return withFolder(async (path) => {
        await using rookery = await openRookery({ path });
        const signals = count(300, scale);
        const answerers = startChild('answerer.ts', path, String(signals), ...targets);
        try {
          await nextMessage(answerers);
          return latencyRow(this.name, await send(rookery.as('issuer'), signals));
        } finally {
          answerers.kill();
        }
      });
    },
  },
];

/** One signal after the other, with a pause between them; answers how many milliseconds each took to be answered. */
async function send({ signals }: View, total: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; i < total; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2 + (i % 5)));
    const started = performance.now();
    const { id } = await signals.send({ type: 'status', targets, payload: { round: i } });
    const answered = await signals.wait({ signal: id, waitMs: 10_000 });
    if (answered?.state !== 'complete') throw new Error(`signal ${i} was not answered by all`);
    latencies.push(performance.now() - started);
  }
  return latencies;
}

/** Acknowledges signals as they come, so many of them. */
export async function answer({ signals }: View, total: number): Promise<void> {
  for (let [answered, after] = [0, 0]; answered < total; ) {
    const page = await signals.receive({ after, waitMs: 10_000 });
    for (const { id } of page.signals) await signals.acknowledge({ signal: id });
    answered += page.signals.length;
    after = page.next;
  }
}

function latencyRow(name: string, latencies: readonly number[]): Row {
  return {
    name,
    microseconds: percentile(latencies, 0.5) * 1000,
    measured: { value: percentile(latencies, 0.95), unit: 'ms p95' },
    note: 'µs/op is the median; three commits one after the other are part of it: signal, acknowledgements, wait',
  };
}
