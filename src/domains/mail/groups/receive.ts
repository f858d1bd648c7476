import type { WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import { page } from '../events.ts';
import type { Event } from '../model.ts';
import { eventsBetween } from '../statements.ts';
import { readable } from '../streams.ts';
import { close, kill, type Opened, openOrCreate, type Settings } from './groups.ts';
import { type Delivery, deliveryIdFor, exhaustedReason, isExhausted, type Received } from './model.ts';
import {
  addDelivery,
  type DeliveryRow,
  deliverAgain,
  dueAgain,
  dueInOrder,
  nextDue,
  unsettledCount,
} from './statements.ts';

/** Handing out events: what is due again first, then what nobody has had. */

export interface Receiving extends Settings {
  readonly stream: string;
  readonly group: string;
  readonly max: number;
}

/** A waiter looks by itself at least this often: a deadline further away needs no wake-up. */
const looksEveryMs = 1000;
/** Dead letters made in one call, so that a backlog of them does not hold up the commit. */
const buriedMax = 1000;
/** In a group that keeps order, events taken in before one of them is settled, and how many at a time. */
const windowMax = 1000;
const intakeChunk = 64;

/** What a call has handed out so far. */
interface Harvest {
  readonly opened: Opened;
  readonly max: number;
  readonly dueAt: number;
  readonly deliveries: Delivery[];
  bytes: number;
  buried: number;
  /** The answer is full, by number or by size. */
  full: boolean;
}

export function* receive(
  context: WriteContext,
  { stream: name, group, max, ...settings }: Receiving,
  again = false,
): Work<Received | null> {
  const stream = yield* readable(context, name, again);
  if (!stream) return null;
  const opened = yield* openOrCreate(context, stream, group, settings);
  assertRoom(opened);
  const next = opened.group.next_position;
  const dueAt = context.now + opened.group.ack_wait_ms;
  const harvest: Harvest = { opened, max, dueAt, deliveries: [], bytes: 0, buried: 0, full: false };
  if (opened.group.keyed === 1) yield* takeInOrder(context, harvest);
  else {
    yield* takeDue(context, harvest, dueAgain);
    yield* takeFresh(context, harvest);
  }
  const { deliveries, buried } = harvest;
  if (opened.changed || deliveries.length > 0 || buried > 0 || opened.group.next_position !== next) {
    const wake = opened.group.ack_wait_ms < looksEveryMs || buried > 0;
    yield* close(context, opened, { delivered: deliveries.length, dead: buried }, wake);
  }
  return { deliveries, retryInMs: yield* retryIn(context, harvest) };
}

/** A full dead-letter queue is never overwritten: nothing more goes out until somebody looks at it. */
function assertRoom({ group }: Opened): void {
  if (group.dead < limits.deadLetters) return;
  throw new RookeryError('LIMIT_REACHED', 'the dead-letter queue is full: redrive it first', {
    group: group.group_id,
    limit: limits.deadLetters,
  });
}

function* retryIn(context: WriteContext, { opened, deliveries, buried }: Harvest): Work<number | null> {
  if (deliveries.length > 0) return null;
  if (buried >= buriedMax) return 1;
  const due = yield* nextDue(opened.place, context.now);
  return due === undefined ? null : due - context.now;
}

/** Hands out what is due again; what has no attempt left becomes a dead letter instead. Answers how many rows it saw. */
function* takeDue(context: WriteContext, harvest: Harvest, due: typeof dueAgain): Work<number> {
  const { opened, deliveries, max } = harvest;
  let seen = 0;
  while (!harvest.full && harvest.buried < buriedMax) {
    const rows = yield* due(opened.place, context.now, max - deliveries.length);
    seen += rows.length;
    for (const row of rows) {
      if (isExhausted(row, opened.group.max_deliveries)) {
        yield* kill(context, opened, row.position, exhaustedReason(row.attempt));
        harvest.buried += 1;
      } else if (!harvest.full) {
        yield* handOutAgain(context, harvest, row);
      }
    }
    if (rows.length === 0) break;
  }
  return seen;
}

function* handOutAgain(context: WriteContext, harvest: Harvest, row: DeliveryRow): Work<void> {
  const { opened, dueAt } = harvest;
  const [event] = yield* page(context, opened.stream, row.position - 1, 1);
  if (!fits(harvest, event!)) return;
  const deliveryId = deliveryIdFor(context.newId('dlv'), row.position);
  const to = { deliveryId, consumer: context.agent, dueAt, now: context.now };
  if ((yield* deliverAgain(opened.place, row.position, to)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', `position ${row.position} changed meanwhile`);
  add(harvest, { deliveryId, position: row.position, attempt: row.attempt + 1, dueAt, event: event! });
}

/** Hands out events that nobody has had yet. */
function* takeFresh(context: WriteContext, harvest: Harvest): Work<void> {
  const { opened, deliveries, max, dueAt } = harvest;
  const { group, stream, place } = opened;
  if (harvest.full) return;
  for (const event of yield* page(context, stream, group.next_position - 1, max - deliveries.length)) {
    if (!fits(harvest, event)) return;
    const { position } = event;
    const deliveryId = deliveryIdFor(context.newId('dlv'), position);
    yield* addDelivery(place, {
      position,
      state: 'inflight',
      delivery_id: deliveryId,
      consumer: context.agent,
      attempt: 1,
      due_at: dueAt,
      delivered_at: context.now,
      order_key: null,
    });
    group.next_position = position + 1;
    add(harvest, { deliveryId, position, attempt: 1, dueAt, event });
  }
}

/**
 * With order kept, fresh events are taken in as ready first, with their key, and handed out only when nothing unsettled
 * of that key lies before them. The window bounds how far one stuck key lets the others run ahead.
 */
function* takeInOrder(context: WriteContext, harvest: Harvest): Work<void> {
  const { place } = harvest.opened;
  let unsettled = yield* unsettledCount(place);
  for (;;) {
    const seen = yield* takeDue(context, harvest, dueInOrder);
    if (harvest.full || harvest.buried >= buriedMax || unsettled >= windowMax) return;
    const taken = yield* takeIn(context, harvest.opened);
    unsettled += taken;
    if (taken === 0 && seen === 0) return;
  }
}

function* takeIn(context: WriteContext, { stream, group, place }: Opened): Work<number> {
  const after = group.next_position - 1;
  const rows = yield* eventsBetween(context.project, stream.id, after, stream.head, intakeChunk);
  for (const row of rows) {
    yield* addDelivery(place, {
      position: row.sequence_number,
      state: 'ready',
      delivery_id: '',
      consumer: '',
      attempt: 0,
      due_at: context.now,
      delivered_at: 0,
      order_key: row.correlation_id,
    });
  }
  group.next_position += rows.length;
  return rows.length;
}

/** Whether an event still fits into the answer, which has at least one. */
function fits(harvest: Harvest, event: Event): boolean {
  harvest.bytes += JSON.stringify(event.data).length;
  harvest.full = harvest.deliveries.length > 0 && harvest.bytes > limits.pageBytes;
  return !harvest.full;
}

function add(harvest: Harvest, delivery: Delivery): void {
  harvest.deliveries.push(delivery);
  harvest.full = harvest.deliveries.length === harvest.max;
}
