import { change, many, one, statement, type Work } from '../../../kernel/work.ts';
import type { Standing } from './model.ts';

export interface GroupRow {
  stream_id: string;
  group_id: string;
  start_position: number;
  /** The first position that has not been handed out. */
  next_position: number;
  acked: number;
  dead: number;
  max_deliveries: number;
  ack_wait_ms: number;
  hold_ms: number;
  /** 1: events of one correlation id are handed out one after the other. */
  keyed: number;
  created_at: number;
}

const groupColumns =
  'stream_id, group_id, start_position, next_position, acked, dead, max_deliveries, ack_wait_ms, hold_ms, keyed, created_at';

const selectGroup = statement(`
  SELECT ${groupColumns} FROM mail_groups WHERE project_id = $1 AND stream_id = $2 AND group_id = $3`);
export const groupOf = (project: string, stream: string, group: string) =>
  one<GroupRow>(selectGroup, [project, stream, group]);

const selectGroups = statement(`
  SELECT ${groupColumns} FROM mail_groups
  WHERE project_id = $1 AND stream_id = $2 AND group_id > $3 ORDER BY group_id LIMIT $4`);
export const groupsAfter = (project: string, stream: string, after: string, limit: number) =>
  many<GroupRow>(selectGroups, [project, stream, after, limit]);

const countGroups = statement(`
  SELECT count(*) AS n FROM mail_groups WHERE project_id = $1 AND stream_id = $2`);
export function* groupCount(project: string, stream: string): Work<number> {
  return (yield* one<{ n: number }>(countGroups, [project, stream]))!.n;
}

const insertGroup = statement(`
  INSERT INTO mail_groups (project_id, ${groupColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`);
export const addGroup = (project: string, group: GroupRow) =>
  change(insertGroup, [
    project,
    group.stream_id,
    group.group_id,
    group.start_position,
    group.next_position,
    group.acked,
    group.dead,
    group.max_deliveries,
    group.ack_wait_ms,
    group.hold_ms,
    group.keyed,
    group.created_at,
  ]);

const updateGroup = statement(`
  UPDATE mail_groups SET next_position = $4, acked = $5, dead = $6, max_deliveries = $7,
    ack_wait_ms = $8, hold_ms = $9
  WHERE project_id = $1 AND stream_id = $2 AND group_id = $3`);
export const changeGroup = (project: string, group: GroupRow) =>
  change(updateGroup, [
    project,
    group.stream_id,
    group.group_id,
    group.next_position,
    group.acked,
    group.dead,
    group.max_deliveries,
    group.ack_wait_ms,
    group.hold_ms,
  ]);

export interface DeliveryRow extends Standing {
  position: number;
  delivered_at: number;
  died_at: number | null;
  redrives: number;
  order_key: string | null;
  reason: string | null;
  sealed: Uint8Array | null;
}

const deliveryColumns = `d.position, d.state, d.delivery_id, d.consumer, d.attempt, d.due_at, d.delivered_at, d.died_at,
  d.redrives, d.order_key, d.reason, d.sealed`;
const ofGroup = 'd.project_id = $1 AND d.stream_id = $2 AND d.group_id = $3';

/** Which group, as the first three parameters of every statement below. */
export type Place = readonly [project: string, stream: string, group: string];

const selectDelivery = statement(`
  SELECT ${deliveryColumns} FROM mail_deliveries d WHERE ${ofGroup} AND d.position = $4`);
export const deliveryAt = (place: Place, position: number) =>
  one<DeliveryRow>(selectDelivery, [...place, position]);

const selectDue = statement(`
  SELECT ${deliveryColumns} FROM mail_deliveries d WHERE ${ofGroup} AND d.state <> 'dead' AND d.due_at <= $4
  ORDER BY d.due_at, d.position LIMIT $5`);
/** What may be handed out again, longest due first. */
export const dueAgain = (place: Place, now: number, limit: number) =>
  many<DeliveryRow>(selectDue, [...place, now, limit]);

const selectDueKeyed = statement(`
  SELECT ${deliveryColumns} FROM mail_deliveries d WHERE ${ofGroup} AND d.state <> 'dead' AND d.due_at <= $4
    AND NOT EXISTS (SELECT 1 FROM mail_deliveries e
      WHERE e.project_id = $1 AND e.stream_id = $2 AND e.group_id = $3 AND e.state <> 'dead'
        AND e.order_key IS NOT NULL AND e.order_key = d.order_key AND e.position < d.position)
  ORDER BY d.due_at, d.position LIMIT $5`);
/** The same in a group that keeps order: nothing behind an unsettled event of its key. */
export const dueInOrder = (place: Place, now: number, limit: number) =>
  many<DeliveryRow>(selectDueKeyed, [...place, now, limit]);

const selectNextDue = statement(`
  SELECT d.due_at FROM mail_deliveries d WHERE ${ofGroup} AND d.state <> 'dead' AND d.due_at > $4
  ORDER BY d.due_at LIMIT 1`);
/** When the next event becomes due by the passing of time; undefined when none will. */
export function* nextDue(place: Place, now: number): Work<number | undefined> {
  return (yield* one<{ due_at: number }>(selectNextDue, [...place, now]))?.due_at;
}

const insertDelivery = statement(`
  INSERT INTO mail_deliveries (project_id, stream_id, group_id, position, state, delivery_id, consumer, attempt, due_at,
    delivered_at, order_key)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`);
export const addDelivery = (
  place: Place,
  row: Standing & { position: number; delivered_at: number; order_key: string | null },
) =>
  change(insertDelivery, [
    ...place,
    row.position,
    row.state,
    row.delivery_id,
    row.consumer,
    row.attempt,
    row.due_at,
    row.delivered_at,
    row.order_key,
  ]);

const updateDelivered = statement(`
  UPDATE mail_deliveries AS d SET state = 'inflight', delivery_id = $5, consumer = $6, attempt = attempt + 1, due_at = $7,
    delivered_at = $8
  WHERE ${ofGroup} AND d.position = $4 AND d.state <> 'dead' AND d.due_at <= $8`);
/** Hands an event that is due to a consumer; 0 rows when it is not. */
export const deliverAgain = (
  place: Place,
  position: number,
  to: { deliveryId: string; consumer: string; dueAt: number; now: number },
) => change(updateDelivered, [...place, position, to.deliveryId, to.consumer, to.dueAt, to.now]);

const current = "d.position = $4 AND d.state = 'inflight' AND d.delivery_id = $5";

const deleteDelivery = statement(`DELETE FROM mail_deliveries AS d WHERE ${ofGroup} AND ${current}`);
export const settle = (place: Place, position: number, deliveryId: string) =>
  change(deleteDelivery, [...place, position, deliveryId]);

const updateDue = statement(`
  UPDATE mail_deliveries AS d SET due_at = $6 WHERE ${ofGroup} AND ${current}`);
export const moveDeadline = (place: Place, position: number, deliveryId: string, dueAt: number) =>
  change(updateDue, [...place, position, deliveryId, dueAt]);

const updateReturned = statement(`
  UPDATE mail_deliveries AS d SET state = 'ready', delivery_id = '', due_at = $6 WHERE ${ofGroup} AND ${current}`);
export const giveBack = (place: Place, position: number, deliveryId: string, dueAt: number) =>
  change(updateReturned, [...place, position, deliveryId, dueAt]);

const updateDead = statement(`
  UPDATE mail_deliveries AS d SET state = 'dead', delivery_id = '', died_at = $5, reason = $6, sealed = $7
  WHERE ${ofGroup} AND d.position = $4 AND d.state <> 'dead'`);
export const bury = (
  place: Place,
  position: number,
  dead: { now: number; reason: string | null; sealed: Uint8Array | null },
) => change(updateDead, [...place, position, dead.now, dead.reason, dead.sealed]);

const updateRedriven = statement(`
  UPDATE mail_deliveries AS d SET state = 'ready', attempt = 0, due_at = $5, died_at = NULL, reason = NULL, sealed = NULL,
    redrives = redrives + 1
  WHERE ${ofGroup} AND d.position = $4 AND d.state = 'dead'`);
export const revive = (place: Place, position: number, now: number) =>
  change(updateRedriven, [...place, position, now]);

const selectOf = statement(`
  SELECT ${deliveryColumns} FROM mail_deliveries d
  WHERE ${ofGroup} AND d.state = 'inflight' AND d.consumer = $4 AND d.due_at > $5 AND d.position > $6
  ORDER BY d.position LIMIT $7`);
/** What a consumer has in hand, after a position; what is past its deadline is its own no more. */
export const inflightOf = (place: Place, consumer: string, now: number, after: number, limit: number) =>
  many<DeliveryRow>(selectOf, [...place, consumer, now, after, limit]);

/** Dead, or inflight past its deadline with no attempt left: nobody has looked since, and the answer is the same. */
const isDead = "(d.state = 'dead' OR (d.due_at <= $4 AND d.attempt >= $5))";

const selectDead = statement(`
  SELECT ${deliveryColumns} FROM mail_deliveries d
  WHERE ${ofGroup} AND ${isDead} AND d.position > $6 ORDER BY d.position LIMIT $7`);
export const deadAfter = (place: Place, now: number, max: number, after: number, limit: number) =>
  many<DeliveryRow>(selectDead, [...place, now, max, after, limit]);

const selectCounts = statement(`
  SELECT count(CASE WHEN ${isDead} THEN 1 END) AS dead,
    count(CASE WHEN d.state = 'inflight' AND d.due_at > $4 THEN 1 END) AS inflight,
    count(*) AS held
  FROM mail_deliveries d WHERE ${ofGroup}`);
/** How the events with a row stand at this moment; the rest of those held is ready. */
export function* countsOf(
  place: Place,
  now: number,
  max: number,
): Work<{ dead: number; inflight: number; held: number }> {
  return (yield* one<{ dead: number; inflight: number; held: number }>(selectCounts, [...place, now, max]))!;
}

const countUnsettled = statement(`
  SELECT count(*) AS n FROM mail_deliveries d WHERE ${ofGroup} AND d.state <> 'dead'`);
export function* unsettledCount(place: Place): Work<number> {
  return (yield* one<{ n: number }>(countUnsettled, place))!.n;
}
