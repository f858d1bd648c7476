import type { WriteContext } from '../../../kernel/context.ts';
import { RookeryError } from '../../../kernel/errors.ts';
import type { Work } from '../../../kernel/work.ts';
import { judge } from '../judgement.ts';
import type { Turnover } from '../leases.ts';
import type { Cycle } from '../model.ts';
import { cyclesThrough, type Edge, edgesFrom } from './deadlock.ts';
import { requestOf, subjectOf } from './ends.ts';
import { noteDeadlock, type WaiterRow, waitersOf } from './statements.ts';

/** Deadlocks that a change brings about, found in its own transaction and reported. */

/** Cycles that a waiter that was just queued closes, through what it waits for or through whom it came before. */
export function* cyclesOfWaiter(context: WriteContext, row: WaiterRow, over: Turnover): Work<Cycle[]> {
  const own = yield* waitersOf(context.project, row.agent_id);
  const outgoing = yield* edgesOf(context, own, over);
  const cycles = yield* cyclesThrough(
    context,
    row.agent_id,
    outgoing,
    (first, last) => first.waiter === row.id || last.behind === row.id,
  );
  if (cycles.length > 0) yield* report(context, row, cycles);
  return cycles;
}

/** Cycles that a lease closes whose holder waits for something else as well: it came before others who waited. */
export function* cyclesOfGrant(
  context: WriteContext,
  own: readonly WaiterRow[],
  lease: string,
  over: Turnover,
): Work<Cycle[]> {
  const outgoing = yield* edgesOf(context, own, over);
  return yield* cyclesThrough(context, own[0]!.agent_id, outgoing, (_, last) => last.lease === lease);
}

function* edgesOf(context: WriteContext, rows: readonly WaiterRow[], over: Turnover): Work<Edge[]> {
  const edges: Edge[] = [];
  for (const row of rows) {
    const holder = { agent: row.agent_id, incarnation: row.incarnation };
    const { resources } = requestOf(row);
    const verdict = yield* judge(context, { holder, resources, urgency: row.urgency, queued: row }, over);
    if (verdict.kind === 'blocked') edges.push(...edgesFrom(row, verdict));
  }
  return edges;
}

function* report(context: WriteContext, row: WaiterRow, cycles: readonly Cycle[]): Work<void> {
  yield* noteDeadlock(context.project, row.id, JSON.stringify(cycles));
  const agents = Math.min(...cycles.map((cycle) => cycle.agents.length));
  yield* context.record(subjectOf(row.id), { operation: 'locks.deadlock', facts: { agents } });
  context.tx.touch('locks/deadlock');
}

export function deadlocked(cycles: readonly Cycle[]): RookeryError {
  const [first] = cycles;
  const circle = [...first!.agents, first!.agents[0]].join(' waits for ');
  return new RookeryError('DEADLOCK', `the wait would close a circle: ${circle}`, { cycles });
}
