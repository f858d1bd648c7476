import { type Part, takePart } from './part.ts';
import { ackWaitMs, items, maxDeliveries, reports, reviewer } from './protocol.ts';

/** The process that hands out the work: one item per file, and to the reviewer how many there are. */

const itemsAtOnce = 100;

async function coordinate({ view, conductor }: Part): Promise<void> {
  const { mail } = view;
  for (const { stream, group } of [items, reports]) {
    await mail.create({ stream });
    await mail.join({ stream, group, ackWaitMs, maxDeliveries });
  }
  conductor.tell({ kind: 'ready' });
  const order = await conductor.hear();
  if (order.kind !== 'begin') return;
  const { files } = order;
  for (let first = 0; first < files.length; first += itemsAtOnce) {
    const events = files
      .slice(first, first + itemsAtOnce)
      .map(({ file, blob }) => ({ type: 'analyse', data: { file, blob } }));
    // Sent again after a crash, the same items are not posted twice.
    await mail.append({ stream: items.stream, events }, { idempotencyKey: `items after ${first}` });
  }
  await mail.send({ to: reviewer, type: 'posted', data: { files: files.length } });
}

await takePart(coordinate);
