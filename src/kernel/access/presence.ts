import { change, one, statement, type Work } from '../work.ts';

/**
 * Presence. A sign of life is a heartbeat or a call with the agent's token; the latter is written at most every
 * `seenCoalescedMs`. States: alive → suspect → dead, back to alive at any sign of life. The state is computed when it
 * is read, from the last sign of life and the store clock, so it is never stale when nobody sweeps.
 */
export const seenCoalescedMs = 10_000;
export const suspectAfterMs = 30_000;
/** 80 s at least after the last sign of life, as it may have been written 10 s late. */
export const deadAfterMs = 90_000;

export const presences = ['alive', 'suspect', 'dead'] as const;
export type Presence = (typeof presences)[number];

/**
 * `resumedAt`: when the store was opened after a silence. Before that nobody could be heard, so nobody counts as dead
 * until the whole interval has passed again; that an agent was not heard of is told at once.
 */
export function presenceOf(lastSeen: number, resumedAt: number, now: number): Presence {
  if (now - lastSeen < suspectAfterMs) return 'alive';
  return now - Math.max(lastSeen, resumedAt) < deadAfterMs ? 'suspect' : 'dead';
}

const insertResumed = statement(`
  INSERT INTO store (name, value)
  SELECT 'resumed_at', $1 WHERE COALESCE((SELECT MAX(last_seen) FROM agents), 0) < CAST($2 AS BIGINT)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`);

/**
 * Notes at open that the store comes back from a silence: a store that was closed has not missed anybody's heartbeat.
 * A process that opens a store which others use changes nothing.
 */
export function* noteOpening(now: number): Work<void> {
  yield* change(insertResumed, [String(now), now - suspectAfterMs]);
}

const selectResumed = statement(`SELECT value FROM store WHERE name = 'resumed_at'`);

export function* resumedAt(): Work<number> {
  return Number((yield* one<{ value: string }>(selectResumed))?.value ?? 0);
}
