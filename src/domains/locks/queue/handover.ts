import type { WriteContext } from '../../../kernel/context.ts';
import type { Work } from '../../../kernel/work.ts';
import { comesBefore, judge } from '../judgement.ts';
import { grant, renew, type Turnover, upgrade } from '../leases.ts';
import { offerMs } from '../model.ts';
import { wantsNear } from '../neighbours.ts';
import { type Claim, Claims, excludes } from '../resources.ts';
import { holdsAnything } from '../statements.ts';
import { dismissIfOver, type Request, requestOf, satisfy } from './ends.ts';
import type { WaiterRow } from './statements.ts';

/**
 * Gives what was set free to whoever waits for it, in the commit that set it free: afterwards no waiter is left that
 * could be granted what it waits for. Judging waiters may end others (expired leases, waiters past their deadline),
 * which sets more free; it ends when nothing is.
 */
export function* handOver(context: WriteContext, over: Turnover): Work<void> {
  while (over.freed.length > 0) {
    const freed = over.freed;
    over.freed = [];
    const rows = yield* candidates(context, freed, over);
    const ofAgent = Map.groupBy(rows, (row) => row.agent_id);
    const taken = new Claims();
    for (const row of rows) {
      const { resources } = requestOf(row);
      // Behind somebody of this very round, who has it now or waits for it first. Who holds something may be let past.
      const behind =
        taken.conflicts(row.agent_id, resources) && !(yield* holdsAnything(context.project, row.agent_id));
      const served = !behind && (yield* serve(context, row, over));
      // With this lease, another wait of the same agent may have become a matter of its own leases.
      if (served && ofAgent.get(row.agent_id)!.length > 1) over.freed.push(...resources);
      taken.add(row.agent_id, resources);
    }
  }
}

/** Waiters that want something of what is free, in the order of service. */
function* candidates(context: WriteContext, freed: readonly Claim[], over: Turnover): Work<WaiterRow[]> {
  const found = new Map<string, WaiterRow>();
  const dismissed = new Set<string>();
  for (const { row, theirs, asked } of yield* wantsNear(context.project, unique(freed), everyTier)) {
    if (found.has(row.id) || dismissed.has(row.id) || !excludes(theirs.mode, asked.mode)) continue;
    if (yield* dismissIfOver(context, row, over)) dismissed.add(row.id);
    else found.set(row.id, row);
  }
  return [...found.values()].sort((a, b) => (comesBefore(a, b) ? -1 : 1));
}

const everyTier = Number.MAX_SAFE_INTEGER;

function unique(claims: readonly Claim[]): Claim[] {
  return [...new Map(claims.map((claim) => [`${claim.kind}\n${claim.mode}\n${claim.path}`, claim])).values()];
}

/** Grants a waiter what it waits for, if nothing stands in its way. */
function* serve(context: WriteContext, row: WaiterRow, over: Turnover): Work<boolean> {
  const request = requestOf(row);
  const holder = { agent: row.agent_id, incarnation: row.incarnation };
  const { resources, terms } = request;
  const verdict = yield* judge(context, { holder, resources, urgency: row.urgency, queued: row }, over);
  switch (verdict.kind) {
    case 'grant': {
      const rows = yield* grant(context, holder, {
        resources,
        terms,
        expiresAt: offeredUntil(context, request),
      });
      over.granted.push(rows[0]);
      yield* satisfy(context, row, rows[0].id, false);
      return true;
    }
    case 'upgrade':
      yield* upgrade(context, verdict.rows, resources, terms);
      yield* satisfy(context, row, verdict.rows[0].id, true);
      return true;
    case 'renew':
      yield* renew(context, verdict.rows, terms);
      yield* satisfy(context, row, verdict.rows[0].id, true);
      return true;
    default:
      return false;
  }
}

/** The waiter may be gone: it has the lease for a moment, and for its full time once it takes it up. */
function offeredUntil(context: WriteContext, { terms }: Request): number {
  return context.now + Math.min(terms.ttlMs ?? offerMs, offerMs);
}
