import { openRookery, type View } from '../../src/rookery.ts';
import { nextMessage, startChild } from '../child.ts';
import { atMost, type Bench, count, percentile, type Row, withFolder } from '../measure.ts';

const stream = 'wake-ups';

/** From the call of `append` until a follower that waits has the event in hand: the durable commit is part of it. */
export const wakeupBenches: readonly Bench[] = [
  {
    name: 'append → follower awake, same process',
    run(scale) {
      return withFolder(async (path) => {
        await using rookery = await openRookery({ path });
        await rookery.as('sender').mail.create({ stream });
        const appends = count(500, scale);
        const following = follow(rookery.as('follower'), appends);
        await append(rookery.as('sender'), appends);
        return latencyRow(this.name, await following, 1);
      });
    },
  },
  {
    name: 'append → follower awake, other process',
    run(scale) {
      return withFolder(async (path) => {
        await using rookery = await openRookery({ path });
        await rookery.as('sender').mail.create({ stream });
        const appends = count(500, scale);
        const follower = startChild('follower.ts', path, String(appends));
        try {
          await nextMessage(follower);
          const following = nextMessage<number[]>(follower);
          await append(rookery.as('sender'), appends);
          return latencyRow(this.name, await following, 15);
        } finally {
          follower.kill();
        }
      });
    },
  },
];

/** One event after the other, with a pause between them, so that the follower waits again each time. */
async function append({ mail }: View, appends: number): Promise<void> {
  for (let i = 0; i < appends; i++) {
    await pause(4 + (i % 7));
    await mail.append({
      stream,
      events: [{ type: 'ping', data: { sent: String(process.hrtime.bigint()) } }],
    });
  }
}

/** Follows until it has seen `appends` events; answers how many milliseconds each was under way. */
export async function follow({ mail }: View, appends: number): Promise<number[]> {
  const latencies: number[] = [];
  let after = 0;
  while (latencies.length < appends) {
    const page = await mail.read({ stream, after, waitMs: 10_000 });
    const now = process.hrtime.bigint();
    for (const { data } of page!.events)
      latencies.push(Number(now - BigInt((data as { sent: string }).sent)) / 1e6);
    after = page!.next;
  }
  return latencies;
}

function latencyRow(name: string, latencies: readonly number[], targetMs: number): Row {
  const [median, p95] = [percentile(latencies, 0.5), percentile(latencies, 0.95)];
  return {
    name,
    microseconds: median * 1000,
    measured: { value: p95, unit: 'ms p95' },
    target: atMost(targetMs),
    note: 'µs/op is the median; counted from the call of append, so the durable commit is part of it',
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
