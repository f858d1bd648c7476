import { change, many, one, statement, type Work } from '../work.ts';

/**
 * Presence. A sign of life is a heartbeat or a call with the agent's token; the latter is written at most every
 * `seenCoalescedMs`. States: alive → suspect → dead, back to alive at any sign of life. The state is computed when it
 * is read, from the last sign of life and the store clock, so it is never stale when nobody sweeps. That somebody is
 * dead has consequences once only, for each of its lives: see `deadAgents` and `markDead`.
 */
export const seenCoalescedMs = 10_000;
export const suspectAfterMs = 30_000;
/** 80 s at least after the last sign of life, as it may have been written 10 s late. */
export const deadAfterMs = 90_000;

export const presences = ['alive', 'suspect', 'dead'] as const;
export type Presence = (typeof presences)[number];

/**
 * `resumedAt`: when the store could hear again after it could not (it was closed, its machine slept, its clock was set
 * forward). Before that nobody could be heard, so nobody counts as dead
 * until the whole interval has passed again; that an agent was not heard of is told at once.
 */
export function presenceOf(lastSeen: number, resumedAt: number, now: number): Presence {
  if (now - lastSeen < suspectAfterMs) return 'alive';
  return now - Math.max(lastSeen, resumedAt) < deadAfterMs ? 'suspect' : 'dead';
}

const selectLastSeen = statement('SELECT COALESCE(MAX(last_seen), 0) AS seen FROM agents');
const insertResumed = statement(`
  INSERT INTO store (name, value) VALUES ('resumed_at', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`);

/**
 * Notes at open that the store comes back from a silence: a store that was closed has not missed anybody's heartbeat.
 * A process that opens a store which others use changes nothing.
 */
export function* noteOpening(now: number): Work<void> {
  const { seen } = (yield* one<{ seen: number }>(selectLastSeen))!;
  if (seen < now - suspectAfterMs) yield* change(insertResumed, [String(now)]);
}

const upsertResumed = statement(`
  INSERT INTO store (name, value) VALUES ('resumed_at', $1)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value
  WHERE CAST(store.value AS BIGINT) < CAST(excluded.value AS BIGINT)`);

/** Notes that nobody could be heard until now. */
export function* noteResumed(now: number): Work<void> {
  yield* change(upsertResumed, [String(now)]);
}

const selectResumed = statement(`SELECT value FROM store WHERE name = 'resumed_at'`);

/** When the store could hear again, as far as it was noted. */
export function* resumedAt(): Work<number> {
  return Number((yield* one<{ value: string }>(selectResumed))?.value ?? 0);
}

/**
 * Whose death has not been told: active, silent for the whole interval, and heard of since its last death. One that
 * came back after a death gave a sign of life at its time or later.
 */
const untold = (alias: string, silentSince: string): string =>
  `${alias}.status = 'active' AND ${alias}.last_seen <= ${silentSince}
    AND (${alias}.died_at IS NULL OR ${alias}.last_seen >= ${alias}.died_at)`;

/** Whoever was last seen at this time or before is dead; nobody is while the store has not listened long enough. */
export function silentSince(resumed: number, now: number): number {
  return now - resumed < deadAfterMs ? Number.MIN_SAFE_INTEGER : now - deadAfterMs;
}

const selectDead = statement(`
  SELECT a.id FROM agents a WHERE a.project_id = $1 AND ${untold('a', '$2')} ORDER BY a.last_seen, a.id LIMIT $3`);
export function* deadAgents(project: string, silent: number, limit: number): Work<string[]> {
  return (yield* many<{ id: string }>(selectDead, [project, silent, limit])).map(({ id }) => id);
}

const updateDead = statement(`
  UPDATE agents SET incarnation = incarnation + 1, died_at = $3, updated_at = $3
  WHERE project_id = $1 AND id = $2 AND incarnation = $4 AND ${untold('agents', '$5')}`);
/** Ends a life, once: 0 where somebody else did, or where the agent gave a sign of life. */
export const markDead = (
  project: string,
  { id, incarnation }: { readonly id: string; readonly incarnation: number },
  { now, silent }: { readonly now: number; readonly silent: number },
) => change(updateDead, [project, id, now, incarnation, silent]);

const selectNextDeath = statement(`
  SELECT min(a.last_seen) AS seen FROM agents a
  WHERE a.project_id = $1 AND a.status = 'active' AND (a.died_at IS NULL OR a.last_seen >= a.died_at)`);
/** When the next agent would be dead if nobody gave a sign of life any more. */
export function* nextDeathAt(project: string, resumed: number): Work<number | undefined> {
  const seen = (yield* one<{ seen: number | null }>(selectNextDeath, [project]))?.seen;
  return seen == null ? undefined : Math.max(seen, resumed) + deadAfterMs;
}
