import { openRookery } from '../../../src/rookery.ts';

/**
 * Appends batches to one stream and works off the same stream in a group, until it is killed. Prints `sent NAME SIZE` once
 * a batch is acknowledged and `done POSITION` once the acknowledgement of an event is.
 */
const [path, name] = process.argv.slice(2) as [string, string];
const rookery = await openRookery({ path });
const { mail } = rookery.as(name);
const place = { stream: 's', group: 'g' };

async function send(caller: number): Promise<never> {
  for (let n = 0; ; n++) {
    const batch = `${name}-${caller}-${n}`;
    const size = 1 + (n % 7);
    const events = Array.from({ length: size }, (_, i) => ({ type: 'note', data: { batch, i, size } }));
    await mail.append({ stream: 's', events });
    process.stdout.write(`sent ${batch} ${size}\n`);
  }
}

async function work(): Promise<never> {
  for (;;) {
    const received = await mail.receive({ ...place, max: 5, ackWaitMs: 60_000, waitMs: 1000 });
    if (!received || received.deliveries.length === 0) continue;
    const deliveries = received.deliveries.map(({ deliveryId }) => deliveryId);
    const settled = await mail.ack({ ...place, deliveries });
    settled?.results.forEach(({ result }, i) => {
      if (result === 'acked') process.stdout.write(`done ${received.deliveries[i]!.position}\n`);
    });
  }
}

await mail.append({ stream: 's', events: [] });
await Promise.all([send(0), send(1), send(2), work(), work()]);
