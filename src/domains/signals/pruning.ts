import type { WriteContext } from '../../kernel/context.ts';
import { forgetPage } from '../../kernel/pruning.ts';
import type { Work } from '../../kernel/work.ts';
import { answerSubjectOf } from './answering.ts';
import { subjectOf } from './signals.ts';
import { dropSignal, endedBefore, type SignalRow, targetsOf } from './statements.ts';

/** Forgets signals that ended before a time, oldest first. */
export function* prunePage(
  context: WriteContext,
  before: number,
  limit: number,
): Work<{ pruned: number; more: boolean }> {
  const rows = yield* endedBefore(context.project, before, limit);
  return yield* forgetPage(rows, limit, (row) => forget(context, row));
}

function* forget(context: WriteContext, row: SignalRow): Work<number> {
  let entries = 1;
  for (const target of yield* targetsOf(context.project, row.id)) {
    if (target.seq === 0) continue;
    yield* context.record(answerSubjectOf(target, row), { revision: [1, 2], facts: { deleted: 1 } });
    entries++;
  }
  yield* context.record(subjectOf(row), { revision: [2, 3], facts: { deleted: 1 } });
  yield* dropSignal(context.project, row.id);
  return entries;
}
