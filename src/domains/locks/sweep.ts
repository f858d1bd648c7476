import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import { end, rowsOf, type Turnover } from './leases.ts';
import { dismiss } from './queue/ends.ts';
import { overdueWaiters } from './queue/statements.ts';
import { expiredLocks } from './statements.ts';

const pageSize = 500;

/**
 * Ends leases and waiters whose time is over, a page of each. It only tidies: nothing depends on when it runs. Answers
 * how many rows of leases it ended, and whether there may be more.
 */
export function* sweep(context: WriteContext, over: Turnover): Work<{ rows: number; more: boolean }> {
  const expired = yield* expiredLocks(context.project, context.now, pageSize);
  let rows = 0;
  for (const lease of new Set(expired.map((row) => row.lease_id || row.id))) {
    const members = (yield* rowsOf(context.project, lease))!;
    yield* end(context, members, { status: 'expired' }, over);
    rows += members.length;
  }
  const late = yield* overdueWaiters(context.project, context.now, pageSize);
  for (const row of late) yield* dismiss(context, row, 'timed_out', over);
  return { rows, more: expired.length === pageSize || late.length === pageSize };
}
