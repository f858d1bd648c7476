import { isRookeryError } from '../../../kernel/errors.ts';
import type { View } from '../../../rookery.ts';
import { analyse, type Finding } from './analysis.ts';
import { type Conductor, type Part, takePart } from './part.ts';
import {
  ackWaitMs,
  findings,
  type Item,
  items,
  keyOf,
  leaseMs,
  maxDeliveries,
  type Report,
  reports,
  resourceOf,
  reviewer,
  type Stage,
} from './protocol.ts';
import { Blobs } from './repository.ts';

/**
 * A worker: takes the next item of the shared cursor, locks its file, analyses it, stores the finding, reports and
 * acknowledges, in this order. It may die after any of these steps: the item comes to another worker once its
 * deadline has passed, and that one finds by compare-and-set what was done already.
 */
async function work({ assignment, view, conductor }: Part): Promise<void> {
  using blobs = new Blobs(assignment.root);
  conductor.tell({ kind: 'ready' });
  while (!conductor.finished.aborted) {
    const received = await view.mail.receive(
      { ...items, ackWaitMs, maxDeliveries, waitMs: 1000 },
      { signal: conductor.finished },
    );
    for (const { deliveryId, attempt, event } of received?.deliveries ?? []) {
      const item = event.data as Item;
      const delivery = { deliveryId, attempt, item };
      const lock = await lockFile(view, delivery);
      if (!lock) continue;
      const held = { file: item.file, token: lock.token, stopAt: await mayProceed(conductor) };
      await halt(conductor, 'locked', held);
      const finding = analyse(item.file, await blobs.contentOf(item.blob));
      // Paused past the lease, this worker has lost the file to another, whatever it believes.
      if (!(await view.locks.check({ lease: lock.lease, token: lock.token })).valid) continue;
      const found = !(await store(view, finding));
      await halt(conductor, 'stored', held);
      await report(view, finding, { attempt, token: lock.token, waitedMs: lock.waitedMs, found });
      await halt(conductor, 'reported', held);
      await view.mail.ack({ ...items, deliveries: [deliveryId] });
      await unlock(view, lock.lease);
    }
  }
}

interface Delivery {
  readonly deliveryId: string;
  readonly attempt: number;
  readonly item: Item;
}

interface Lock {
  readonly lease: string;
  /** Larger than that of anybody who held the file before. */
  readonly token: number;
  readonly waitedMs: number;
}

/** The lock of the item's file; undefined when somebody holds it too long, and the item was given back. */
async function lockFile({ locks, mail }: View, { deliveryId, item }: Delivery): Promise<Lock | undefined> {
  const wanted = { ...resourceOf(item.file), ttlMs: leaseMs };
  const given = { ...items, deliveries: [deliveryId] };
  try {
    const { lease } = await locks.acquire(wanted);
    return { lease: lease.id, token: lease.token, waitedMs: 0 };
  } catch (error) {
    if (!isRookeryError(error, 'LOCK_HELD')) throw error;
  }
  const started = performance.now();
  await mail.extend({ ...given, byMs: leaseMs + ackWaitMs });
  try {
    const { lease } = await locks.acquire({ ...wanted, waitMs: leaseMs });
    const waitedMs = Math.round(performance.now() - started);
    return { lease: lease.id, token: lease.token, waitedMs };
  } catch (error) {
    if (!isRookeryError(error) || !error.retryable) throw error;
    await mail.nak({ ...given, delayMs: 0, reason: error.message });
    return undefined;
  }
}

async function unlock({ locks }: View, lease: string): Promise<void> {
  try {
    await locks.release({ lease });
  } catch (error) {
    // A pause of the whole process outlasted the lease: what it guarded is done, and was guarded twice.
    if (!isRookeryError(error, 'LEASE_LOST')) throw error;
  }
}

/**
 * Stores the finding where no other is; false when there is one. About sensitive files it goes into the private memory
 * of the reviewer, which no worker can read, about others to the team.
 */
async function store({ memory }: View, finding: Finding): Promise<boolean> {
  const audience = finding.sensitive
    ? { level: 'private' as const, audience: reviewer }
    : { level: 'team' as const };
  const address = { namespace: findings, key: keyOf(finding.file), ...audience };
  try {
    await memory.set({ ...address, value: finding, expectedRevision: 0 });
    return true;
  } catch (error) {
    if (isRookeryError(error, 'REVISION_CONFLICT')) return false;
    throw error;
  }
}

async function report(
  { mail, principal }: View,
  { file, language, lines, sensitive }: Finding,
  circumstances: Pick<Report, 'attempt' | 'token' | 'waitedMs' | 'found'>,
): Promise<void> {
  const data = { file, language, lines, sensitive, worker: principal.agent, ...circumstances };
  await mail.append({ stream: reports.stream, events: [{ type: 'analysed', data }] });
}

/** Asks the conductor, item and lock in hand, and hears at which stage to stop, if at any. */
async function mayProceed(conductor: Conductor): Promise<Stage | undefined> {
  conductor.tell({ kind: 'holding' });
  const order = await conductor.hear();
  return order.kind === 'proceed' ? order.stopAt : undefined;
}

interface Held {
  readonly file: string;
  readonly token: number;
  readonly stopAt: Stage | undefined;
}

/** At the stage it was told to stop, a worker says so and does nothing more: it is about to be killed. */
async function halt(conductor: Conductor, stage: Stage, { file, token, stopAt }: Held): Promise<void> {
  if (stage !== stopAt) return;
  conductor.tell({ kind: 'stopped', file, stage, token });
  await new Promise(() => {});
}

await takePart(work);
