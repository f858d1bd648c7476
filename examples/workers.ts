/** A queue of work, a crashed worker, and a lock with a fencing token. Run: node examples/workers.ts */
import { openRookery } from '../src/index.ts';

await using rookery = await openRookery({ path: ':memory:' });
const [lead, ada, bob] = [rookery.as('lead'), rookery.as('ada'), rookery.as('bob')];
const queue = { stream: 'work', group: 'workers' };

await lead.mail.append({
  stream: 'work',
  events: ['src/a.ts', 'src/b.ts'].map((path) => ({ type: 'file', data: { path } })),
});

// Ada takes an item and dies. Her delivery runs out, and Bob gets the same item, attempt 2.
const taken = await ada.mail.receive({ ...queue, ackWaitMs: 50 });
console.log('ada took ', taken?.deliveries[0]?.event.data);
for (let done = 0; done < 2; ) {
  const received = await bob.mail.receive({ ...queue, waitMs: 1000 });
  for (const { deliveryId, attempt, event } of received?.deliveries ?? []) {
    const { path } = event.data as { path: string };
    const { lease } = await bob.locks.acquire({ paths: [path], ttlMs: 5000, waitMs: 1000 });
    await bob.memory.set({ namespace: 'findings', key: path, value: { attempt } });
    await bob.locks.release({ lease: lease.id });
    await bob.mail.ack({ ...queue, deliveries: [deliveryId] });
    console.log('bob did  ', path, 'attempt', attempt);
    done++;
  }
}
// Ada comes back: her acknowledgement is no longer hers to give.
const late = await ada.mail.ack({ ...queue, deliveries: [taken!.deliveries[0]!.deliveryId] });
console.log('ada late ', late?.results[0]?.result);
