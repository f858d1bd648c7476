import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { end, isOver, leaseOf, rowsOf, turnover } from './leases.ts';
import type { Lease } from './model.ts';
import { dismiss } from './queue/ends.ts';
import { handOver } from './queue/handover.ts';
import { waitersOf } from './queue/statements.ts';
import { activeOf } from './statements.ts';

const pageSize = 500;

/**
 * Takes all leases and places in the queue from an agent that is dead, gone or in a new life, and hands them on in the
 * same commit. `keep`: the life that goes on, if any; what it holds stays. Answers how many leases ended.
 */
export function* endLeasesOf(
  context: WriteContext,
  agent: string,
  {
    reason,
    keep,
    as = 'force_released',
  }: {
    readonly reason: string;
    readonly keep?: number | undefined;
    /** `released` where the agent itself is done with them. */
    readonly as?: 'force_released' | 'released';
  },
): Work<number> {
  const over = turnover();
  let ended = 0;
  for (let after = ''; ; ) {
    const page = yield* activeOf(context.project, agent, after, pageSize);
    for (const row of page) {
      if (row.lease_id !== '' || row.incarnation === keep) continue;
      const status = isOver(row, context.now) ? 'expired' : as;
      const how = { status, reason, crash: as !== 'released' } as const;
      yield* end(context, (yield* rowsOf(context.project, row.id))!, how, over);
      ended++;
    }
    if (page.length < pageSize) break;
    after = page.at(-1)!.id;
  }
  for (const row of yield* waitersOf(context.project, agent)) {
    if (row.incarnation !== keep) yield* dismiss(context, row, 'gone', over);
  }
  yield* handOver(context, over);
  return ended;
}

/** What an agent holds, in lives other than `keep`; at most 500 leases, by id. */
export function* leasesOf(context: WriteContext, agent: string, keep?: number): Work<Lease[]> {
  const leases: Lease[] = [];
  for (const row of yield* activeOf(context.project, agent, '', pageSize)) {
    if (row.lease_id !== '' || row.incarnation === keep || isOver(row, context.now)) continue;
    leases.push(leaseOf((yield* rowsOf(context.project, row.id))!, context.now));
  }
  return leases;
}
