import type { WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { comesBefore } from '../judgement.ts';
import { isOver } from '../leases.ts';
import { type Cycle, upgradeTier } from '../model.ts';
import { claimOf, type Neighbour, wantsNear } from '../neighbours.ts';
import { excludes } from '../resources.ts';
import { activeOf, type LockRow } from '../statements.ts';
import { requestOf } from './ends.ts';
import { type WaiterRow, type WantedRow, waitersOf } from './statements.ts';

/**
 * The wait-for graph: an agent that has a waiter waits for the holders of what the waiter wants, and for the agents of
 * waiters that come before it. Searched in the transaction that adds an edge, so every edge of a cycle that is reported
 * exists at that moment.
 */
export type Edge = Cycle['edges'][number] & { readonly urgency: number; readonly position: number };

/** What a waiter is blocked by, as `judge` found it. */
export interface Blockers {
  readonly leases: readonly Neighbour<LockRow>[];
  readonly ahead: readonly Neighbour<WantedRow>[];
}

/** The edges from a waiter to whom it waits for. An agent does not wait for itself. */
export function edgesFrom(waiter: WaiterRow, { leases, ahead }: Blockers): Edge[] {
  const toHolders = leases.map(({ row, witness }) =>
    edge(waiter, { holder: row.reserved_by, lease: row.lease_id || row.id, behind: null, path: witness }),
  );
  const toWaiters = ahead.map(({ row, witness }) =>
    edge(waiter, { holder: row.agent_id, lease: null, behind: row.id, path: witness }),
  );
  return [...toHolders, ...toWaiters].filter(({ agent, holder }) => agent !== holder);
}

/**
 * Cycles that close through an agent: for each agent in `outgoing`, a shortest way back. `counts` says of the first
 * and the last edge whether the cycle is a new one.
 */
export function* cyclesThrough(
  context: WriteContext,
  agent: string,
  outgoing: readonly Edge[],
  counts: (first: Edge, last: Edge) => boolean,
): Work<Cycle[]> {
  const wanted = new Map(outgoing.map((first) => [first.holder, first]));
  /** For each agent that waits for `agent`, directly or not, its first step on a shortest way there. */
  const toward = new Map<string, Edge>();
  let frontier = [agent];
  const cycles: Cycle[] = [];
  while (frontier.length > 0 && wanted.size > 0) {
    const next: string[] = [];
    for (const holder of frontier) {
      for (const step of yield* edgesTo(context, holder)) {
        if (step.agent === agent || toward.has(step.agent)) continue;
        toward.set(step.agent, step);
        next.push(step.agent);
        const first = wanted.get(step.agent);
        if (!first) continue;
        wanted.delete(step.agent);
        const edges = [first, ...wayBack(step, toward, agent)];
        if (counts(first, edges.at(-1)!)) cycles.push(cycleOf(edges));
      }
    }
    frontier = next;
  }
  return cycles;
}

function wayBack(step: Edge, toward: ReadonlyMap<string, Edge>, agent: string): Edge[] {
  const way = [step];
  while (way.at(-1)!.holder !== agent) way.push(toward.get(way.at(-1)!.holder)!);
  return way;
}

/** Everybody who waits for an agent: for what it holds, or behind its own waiters. */
function* edgesTo(context: WriteContext, holder: string): Work<Edge[]> {
  const edges: Edge[] = [];
  for (const row of yield* liveOf(context, holder)) {
    for (const { row: waiter, witness } of yield* wanting(context, holder, [claimOf(row)]))
      edges.push(edge(waiter, { holder, lease: row.lease_id || row.id, behind: null, path: witness }));
  }
  for (const first of yield* waitersOf(context.project, holder)) {
    if (isIdle(first, context.now)) continue;
    for (const { row: waiter, witness } of yield* wanting(context, holder, requestOf(first).resources)) {
      // An upgrade stands behind nobody: only leases keep it waiting.
      if (waiter.tier !== upgradeTier && comesBefore(first, waiter))
        edges.push(edge(waiter, { holder, lease: null, behind: first.id, path: witness }));
    }
  }
  return edges;
}

/** Waiters of others that exclude any of the claims. */
function* wanting(
  context: WriteContext,
  holder: string,
  claims: Parameters<typeof wantsNear>[1],
): Work<Neighbour<WantedRow>[]> {
  const found = yield* wantsNear(context.project, claims, Number.MAX_SAFE_INTEGER);
  return found.filter(
    ({ row, theirs, asked }) =>
      row.agent_id !== holder && excludes(theirs.mode, asked.mode) && !isIdle(row, context.now),
  );
}

/** A waiter that waits for nothing any more, and is not tidied away yet. */
function isIdle(row: WaiterRow, now: number): boolean {
  return row.alive === 0 || row.deadline_ms <= now;
}

function* liveOf(context: WriteContext, agent: string): Work<LockRow[]> {
  const rows: LockRow[] = [];
  for (let after = ''; ; after = rows.at(-1)!.id) {
    const page = yield* activeOf(context.project, agent, after, pageSize);
    rows.push(...page);
    if (page.length < pageSize) return rows.filter((row) => !isOver(row, context.now));
  }
}
const pageSize = 1000;

function edge(waiter: WaiterRow, to: Pick<Edge, 'holder' | 'lease' | 'behind' | 'path'>): Edge {
  const { id, agent_id: agent, urgency, position } = waiter;
  return { agent, waiter: id, ...to, urgency, position };
}

function cycleOf(edges: readonly Edge[]): Cycle {
  const [victim] = [...edges].sort((a, b) => a.urgency - b.urgency || b.position - a.position);
  return {
    agents: edges.map(({ agent }) => agent),
    edges: edges.map(({ urgency: _, position: __, ...shown }) => shown),
    victim: { agent: victim!.agent, waiter: victim!.waiter },
  };
}
