import { z } from 'zod';
import type { WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { isAdministrator } from '../registration/registry.ts';
import { leads } from '../rights/roles.ts';
import * as model from './model.ts';
import { transition } from './posts.ts';
import {
  type CoordinatorRow,
  idleCoordinators,
  recoveredCoordinators,
  silentCoordinators,
  tellRecovery,
} from './statements.ts';

/** What monitors find. Every finding is written in the commit that answers it, so only one of them ever has it. */

const pageSize = 500;
/** Timers of monitors are never exact: a warning may come this part of the interval early. */
const early = 0.1;

export const warning = z.object({
  id: z.string(),
  health: z.enum(model.healths),
  staleMs: z.int(),
  consecutiveWarnings: z.int(),
  lastHeartbeat: z.int().nullable(),
  at: z.int(),
  reason: z.string(),
});
export const death = z.object({
  id: z.string(),
  reason: z.string(),
  consecutiveWarnings: z.int(),
  at: z.int(),
});
export const recovery = z.object({ id: z.string(), previousWarnings: z.int(), at: z.int() });
export const incident = z.object({
  id: z.string(),
  timeoutMs: z.int(),
  at: z.int(),
  lastHeartbeat: z.int().nullable(),
  lastActivity: z.int(),
  iteration: z.int(),
  phase: z.string().nullable(),
  reason: z.string(),
});

export interface Findings {
  readonly warnings: z.output<typeof warning>[];
  readonly deaths: z.output<typeof death>[];
  readonly recoveries: z.output<typeof recovery>[];
}

export function* findSilent(context: WriteContext, given: model.Thresholds): Work<Findings> {
  const findings: Findings = { warnings: [], deaths: [], recoveries: yield* recoveries(context) };
  const resumed = yield* context.resumedAt();
  const rules = rulesFor(context, given, model.softened(given));
  const since = {
    silentSince: context.now - given.staleMs,
    warnedUntil: context.now - Math.ceil(given.intervalMs * (1 - early)),
  };
  for (let after = ''; ; ) {
    const page = yield* silentCoordinators(context.project, after, since, pageSize);
    for (const row of page) yield* judge(context, row, { rules: yield* rules(row), resumed }, findings);
    if (page.length < pageSize) return findings;
    after = page.at(-1)!.id;
  }
}

function* judge(
  context: WriteContext,
  row: CoordinatorRow,
  { rules, resumed }: { readonly rules: model.Thresholds; readonly resumed: number },
  findings: Findings,
): Work<void> {
  const { now } = context;
  const staleMs = now - Math.max(row.last_heartbeat ?? row.registered_at, resumed);
  const soonest = (row.warned_at ?? Number.NEGATIVE_INFINITY) + rules.intervalMs * (1 - early);
  if (staleMs <= rules.staleMs || now < soonest) return;
  const warnings = row.warnings + 1;
  const reason =
    row.last_heartbeat === null ? `no heartbeat ever, for ${staleMs} ms` : `no heartbeat for ${staleMs} ms`;
  const dies = warnings >= rules.maxWarnings;
  const warned = { warnings, warned_at: now };
  const after = dies
    ? yield* bury(context, row, reason, warned)
    : yield* transition(context, row, warned, {
        operation: 'coordinators.warn',
        action: 'heartbeat_warning',
      });
  findings.warnings.push({
    id: row.id,
    health: model.healthOf(after),
    staleMs,
    consecutiveWarnings: warnings,
    lastHeartbeat: row.last_heartbeat,
    at: now,
    reason,
  });
  if (dies) findings.deaths.push({ id: row.id, reason, consecutiveWarnings: warnings, at: now });
}

/** Makes an active coordinator dead; its open work waits for a successor. */
export function* bury(
  context: WriteContext,
  row: CoordinatorRow,
  reason: string,
  also: Partial<CoordinatorRow> = {},
): Work<CoordinatorRow> {
  const changed = { ...also, status: 'dead', died_at: context.now, death_reason: reason };
  return yield* transition(context, row, changed, {
    operation: 'coordinators.death',
    action: 'coordinator_dead',
    risk: 'high',
  });
}

function* recoveries(context: WriteContext): Work<Findings['recoveries']> {
  const told: Findings['recoveries'] = [];
  for (const row of yield* recoveredCoordinators(context.project, pageSize)) {
    if ((yield* tellRecovery(context.project, row.id)) !== 1) continue;
    told.push({ id: row.id, previousWarnings: row.recovered_from, at: context.now });
  }
  return told;
}

export function* findIdle(context: WriteContext, thresholdMs: number): Work<z.output<typeof incident>[]> {
  const resumed = yield* context.resumedAt();
  const rules = rulesFor(context, thresholdMs, Math.max(thresholdMs, model.seedThresholds.timeoutMs));
  const incidents: z.output<typeof incident>[] = [];
  for (let after = ''; ; ) {
    const page = yield* idleCoordinators(context.project, after, context.now - thresholdMs, pageSize);
    for (const row of page) {
      const timeoutMs = context.now - Math.max(row.last_activity!, resumed);
      if (timeoutMs > (yield* rules(row))) incidents.push(yield* timeOut(context, row, timeoutMs));
    }
    if (page.length < pageSize) return incidents;
    after = page.at(-1)!.id;
  }
}

function* timeOut(
  context: WriteContext,
  row: CoordinatorRow,
  timeoutMs: number,
): Work<z.output<typeof incident>> {
  const change = {
    operation: 'coordinators.timeout',
    action: 'coordinator_timeout',
    risk: 'medium' as const,
  };
  yield* transition(context, row, { timed_out_at: context.now }, change);
  return {
    id: row.id,
    timeoutMs,
    at: context.now,
    lastHeartbeat: row.last_heartbeat,
    lastActivity: row.last_activity!,
    iteration: row.iteration,
    phase: row.phase,
    reason: `no activity for ${timeoutMs} ms`,
  };
}

/** What the caller is held to: its own thresholds where it leads the swarm, softer ones elsewhere. */
function rulesFor<Rules>(context: WriteContext, own: Rules, others: Rules) {
  const known = new Map<string, boolean>();
  return function* rules({ swarm_id }: CoordinatorRow): Work<Rules> {
    if (isAdministrator(context)) return own;
    if (!known.has(swarm_id)) known.set(swarm_id, yield* leads(context, swarm_id));
    return known.get(swarm_id) ? own : others;
  };
}
