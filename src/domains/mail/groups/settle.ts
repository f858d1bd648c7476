import type { WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import { limits } from '../../../kernel/limits.ts';
import type { Work } from '../../../kernel/work.ts';
import { close, kill, type Opened, open } from './groups.ts';
import {
  backoffMs,
  exhaustedReason,
  extendedDue,
  isExhausted,
  judge,
  type Outcome,
  positionOf,
  type Settled,
} from './model.ts';
import {
  type DeliveryRow,
  deadAfter,
  deliveryAt,
  giveBack,
  inflightOf,
  moveDeadline,
  revive,
  settle,
} from './statements.ts';

/** What a worker says about deliveries it has: one verdict per item, so that one bad item spoils no other. */

export interface Settling {
  readonly stream: string;
  readonly group: string;
  readonly deliveries: readonly string[];
}

interface Effect {
  readonly result: Outcome;
  readonly dueAt?: number;
}

/** Applied to a delivery that is still the caller's. */
type Act = (opened: Opened, row: DeliveryRow) => Work<Effect>;

/** Judges each delivery and applies the act to those that are current. Null when there is no such group. */
function* forEach(context: WriteContext, settling: Settling, act: Act): Work<Settled | null> {
  const opened = yield* open(context, settling.stream, settling.group);
  if (!opened) return null;
  const results: Settled['results'] = [];
  for (const deliveryId of settling.deliveries) {
    const { result, dueAt = null } = yield* settleOne(context, opened, deliveryId, act);
    results.push({ deliveryId, result, dueAt });
  }
  const count = (wanted: Outcome) => results.filter(({ result }) => result === wanted).length;
  const facts = {
    acked: count('acked'),
    returned: count('ready'),
    extended: count('extended'),
    dead: count('dead'),
  };
  const { acked, returned, dead } = facts;
  if (acked + returned + dead + facts.extended > 0) {
    // In a group that keeps order, settling one event frees the next of its key.
    yield* close(context, opened, facts, returned > 0 || (opened.group.keyed === 1 && acked + dead > 0));
  }
  return { results };
}

function* settleOne(context: WriteContext, opened: Opened, deliveryId: string, act: Act): Work<Effect> {
  const position = positionOf(deliveryId);
  if (position === undefined) return { result: 'unknown' };
  const row = yield* deliveryAt(opened.place, position);
  const { agent: consumer, now } = context;
  const verdict = judge(row, { deliveryId, position, consumer, now, next: opened.group.next_position });
  return verdict === 'current' ? yield* act(opened, row!) : { result: verdict };
}

/** A guarded change hits exactly the delivery that was judged; anything else undoes the call. */
function* assertOne(work: Work<number>): Work<void> {
  if ((yield* work) !== 1) throw new RookeryError('FENCED', 'the delivery is no longer the current one');
}

/** Settles deliveries for good. */
export function acknowledge(context: WriteContext, settling: Settling): Work<Settled | null> {
  return forEach(context, settling, function* ({ group, place }, row) {
    yield* assertOne(settle(place, row.position, row.delivery_id));
    group.acked += 1;
    return { result: 'acked' };
  });
}

/** Gives deliveries back, to be handed out again after a rest; without an attempt left, as dead letters. */
export function refuse(
  context: WriteContext,
  settling: Settling,
  { delayMs, reason }: { delayMs?: number | undefined; reason?: string | undefined },
): Work<Settled | null> {
  return forEach(context, settling, function* (opened, row) {
    if (isExhausted(row, opened.group.max_deliveries)) {
      yield* kill(context, opened, row.position, reason ?? `refused at delivery ${row.attempt}`);
      return { result: 'dead' };
    }
    const dueAt = context.now + (delayMs ?? backoffMs(row.attempt));
    yield* assertOne(giveBack(opened.place, row.position, row.delivery_id, dueAt));
    return { result: 'ready', dueAt };
  });
}

/** Moves the deadlines of deliveries that are being worked on; never past what the group allows for one delivery. */
export function extend(
  context: WriteContext,
  settling: Settling,
  byMs: number | undefined,
): Work<Settled | null> {
  return forEach(context, settling, function* ({ group, place }, row) {
    const dueAt = extendedDue(context.now, byMs ?? group.ack_wait_ms, row.delivered_at, group.hold_ms);
    yield* assertOne(moveDeadline(place, row.position, row.delivery_id, dueAt));
    return { result: 'extended', dueAt };
  });
}

/** Declares deliveries dead at once. */
export function terminate(
  context: WriteContext,
  settling: Settling,
  reason: string | undefined,
): Work<Settled | null> {
  return forEach(context, settling, function* (opened, row) {
    yield* kill(context, opened, row.position, reason ?? `given up at delivery ${row.attempt}`);
    return { result: 'dead' };
  });
}

/** Gives back everything the caller has in hand; what has no attempt left becomes a dead letter. */
export function* leave(
  context: WriteContext,
  stream: string,
  group: string,
): Work<{ returned: number; dead: number } | null> {
  const opened = yield* open(context, stream, group);
  if (!opened) return null;
  let [returned, dead, after] = [0, 0, 0];
  for (;;) {
    const rows = yield* inflightOf(opened.place, context.agent, context.now, after, limits.pageSize);
    for (const row of rows) {
      if (isExhausted(row, opened.group.max_deliveries)) {
        yield* kill(context, opened, row.position, `its consumer left at delivery ${row.attempt}`);
        dead += 1;
      } else {
        yield* assertOne(giveBack(opened.place, row.position, row.delivery_id, context.now));
        returned += 1;
      }
    }
    if (rows.length < limits.pageSize) break;
    after = rows.at(-1)!.position;
  }
  if (returned + dead > 0) yield* close(context, opened, { returned, dead }, true);
  return { returned, dead };
}

/** Makes dead letters ready again, with all their attempts: those at the given positions, or the oldest. */
export function* redrive(
  context: WriteContext,
  stream: string,
  group: string,
  { positions, limit }: { positions?: readonly number[] | undefined; limit: number },
): Work<{ redriven: number } | null> {
  const opened = yield* open(context, stream, group);
  if (!opened) return null;
  const { place } = opened;
  const max = opened.group.max_deliveries;
  const chosen: DeliveryRow[] = [];
  if (positions) {
    for (const position of new Set(positions))
      chosen.push(...(yield* deadAfter(place, context.now, max, position - 1, 1)));
  } else chosen.push(...(yield* deadAfter(place, context.now, max, 0, limit)));
  let redriven = 0;
  for (const row of chosen) {
    if (positions && !positions.includes(row.position)) continue;
    if (row.state !== 'dead') yield* kill(context, opened, row.position, exhaustedReason(row.attempt));
    yield* assertOne(revive(place, row.position, context.now));
    opened.group.dead -= 1;
    redriven += 1;
  }
  if (redriven > 0) yield* close(context, opened, { redriven }, true);
  return { redriven };
}
