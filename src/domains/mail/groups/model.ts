import { z } from 'zod';
import { limits } from '../../../kernel/limits.ts';
import * as schema from '../../../kernel/schema.ts';
import { event, stream } from '../model.ts';

/**
 * Words. A *group* is a cursor that several workers share: each event of the stream is handed to one of them at a time.
 * A *delivery* is one such handing over, with an id that only its receiver knows and a deadline. An *attempt* is the
 * number of the delivery of one event.
 *
 * States of an event in a group: ready → inflight → acked, or back to ready (refused, given back, or its deadline
 * passed), or dead once its attempts are used up; a dead one can be redriven and is then ready with attempt 0. In every
 * commit, appended = acked + dead + ready + inflight. Deadlines are decided on the store clock by whoever asks; nobody
 * has to sweep.
 */
export const group = schema.name.describe('The consumer group');

/** The longest an attempt may be kept alive by extending it, unless the group says otherwise. */
const holdMsDefault = 3_600_000;
const ackWaitMsDefault = 30_000;
const maxDeliveriesDefault = 5;

const atLeastOneMs = (most: number) => schema.millisecondsUpTo(most).min(1, 'at least 1');

export const settings = {
  ackWaitMs: atLeastOneMs(limits.leaseMsMax)
    .optional()
    .describe(`Until an unsettled delivery is handed out again; ${ackWaitMsDefault} when left out`),
  maxDeliveries: z
    .int('a whole number')
    .min(1, 'at least 1')
    .max(limits.deliveriesMax, `at most ${limits.deliveriesMax}`)
    .optional()
    .describe(`Attempts before an event is a dead letter; ${maxDeliveriesDefault} when left out`),
  holdMs: atLeastOneMs(limits.leaseMsMax)
    .optional()
    .describe(`The longest one delivery can be extended to; ${holdMsDefault} when left out`),
};

export const defaults = {
  ackWaitMs: ackWaitMsDefault,
  maxDeliveries: maxDeliveriesDefault,
  holdMs: holdMsDefault,
} as const;

export const address = { stream, group };

export const groupState = z.object({
  stream: z.string(),
  group: z.string(),
  /** The group hands out what comes after this position. */
  start: z.int(),
  head: z.int(),
  ready: z.int(),
  inflight: z.int(),
  acked: z.int(),
  dead: z.int(),
  ackWaitMs: z.int(),
  maxDeliveries: z.int(),
  holdMs: z.int(),
  order: z.enum(['none', 'correlation']),
  createdAt: z.int(),
});
export type GroupState = z.output<typeof groupState>;

export const delivery = z.object({
  deliveryId: z.string(),
  position: z.int(),
  attempt: z.int(),
  dueAt: z.int(),
  event,
});
export type Delivery = z.output<typeof delivery>;

export const received = z.object({
  deliveries: z.array(delivery),
  /** When nothing was there: how long until the passing of time alone may change that; null for never. */
  retryInMs: z.int().nullable(),
});
export type Received = z.output<typeof received>;

export const deliveryIds = z
  .array(z.string('text').max(128, 'at most 128 characters'))
  .min(1, 'at least one delivery')
  .max(limits.batchItems, `at most ${limits.batchItems} deliveries`)
  .describe('Delivery ids as received');

export const reason = z
  .string('text')
  .max(1000, 'at most 1000 characters')
  .optional()
  .describe('Why, for the dead letter');

/**
 * What became of each item of a settling call. `fenced`: the delivery is no longer the caller's, because its deadline
 * passed, it was settled before or it belongs to somebody else. `unknown`: there never was such a delivery.
 */
export const outcomes = ['acked', 'ready', 'extended', 'dead', 'fenced', 'unknown'] as const;
export type Outcome = (typeof outcomes)[number];

export const settled = z.object({
  results: z.array(z.object({ deliveryId: z.string(), result: z.enum(outcomes), dueAt: z.int().nullable() })),
});
export type Settled = z.output<typeof settled>;

export const deadLetter = z.object({
  position: z.int(),
  attempts: z.int(),
  redrives: z.int(),
  consumer: z.string(),
  reason: z.string(),
  deliveredAt: z.int(),
  diedAt: z.int(),
  event,
});
export type DeadLetter = z.output<typeof deadLetter>;

const backoffFirstMs = 1000;
const backoffMostMs = 300_000;

/** How long a refused event rests before its next attempt: 1 s, doubled at each attempt, at most 5 minutes. */
export function backoffMs(attempt: number): number {
  return Math.min(backoffFirstMs * 2 ** (attempt - 1), backoffMostMs);
}

/** The deadline of a delivery that is kept alive: never later than the group holds a single one. */
export function extendedDue(now: number, byMs: number, deliveredAt: number, holdMs: number): number {
  return Math.min(now + byMs, deliveredAt + holdMs);
}

/** A row of the group about one event, as far as decisions need it. */
export interface Standing {
  readonly state: 'inflight' | 'ready' | 'dead';
  readonly delivery_id: string;
  readonly consumer: string;
  readonly attempt: number;
  readonly due_at: number;
}

/**
 * Whether a delivery id still speaks for its event: it must be the current one, of this consumer, and its deadline
 * must not have passed, whether or not anybody noticed. `standing` is undefined for an event without a row: one that was
 * settled for good, or, at `next` and above, one that was never handed out.
 */
export function judge(
  standing: Standing | undefined,
  claim: { deliveryId: string; position: number; consumer: string; now: number; next: number },
): 'current' | 'fenced' | 'unknown' {
  if (!standing) return claim.position < claim.next ? 'fenced' : 'unknown';
  const current =
    standing.state === 'inflight' &&
    standing.delivery_id === claim.deliveryId &&
    standing.consumer === claim.consumer &&
    standing.due_at > claim.now;
  return current ? 'current' : 'fenced';
}

/** Whether an event that is due again has no attempt left. */
export function isExhausted(standing: Pick<Standing, 'attempt'>, maxDeliveries: number): boolean {
  return standing.attempt >= maxDeliveries;
}

export function exhaustedReason(attempts: number): string {
  return `not acknowledged in time at delivery ${attempts}`;
}

const deliveryName = /^dlv_[0-9a-z]{36}_(\d{1,15})$/;

/** A delivery id names the position it is about, so that no index over ids is needed. */
export function deliveryIdFor(unguessable: string, position: number): string {
  return `${unguessable}_${position}`;
}

/** The position a delivery id is about; undefined for what is no delivery id. */
export function positionOf(deliveryId: string): number | undefined {
  const match = deliveryName.exec(deliveryId);
  return match ? Number(match[1]) : undefined;
}
