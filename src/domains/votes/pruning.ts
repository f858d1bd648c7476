import type { WriteContext } from '../../kernel/context.ts';
import { forgetPage } from '../../kernel/pruning.ts';
import type { Work } from '../../kernel/work.ts';
import { ballotSubjectOf, hasVoted } from './casting.ts';
import { electorsOf, subjectOf } from './proposals.ts';
import { dropProposal, endedBefore, type ProposalRow } from './statements.ts';

/** Forgets votes that ended before a time, oldest first. */
export function* prunePage(
  context: WriteContext,
  before: number,
  limit: number,
): Work<{ pruned: number; more: boolean }> {
  const rows = yield* endedBefore(context.project, before, limit);
  return yield* forgetPage(rows, limit, (row) => forget(context, row, { deleted: 1 }));
}

/** Removes a proposal with its ballots; one entry for each. */
export function* forget(
  context: WriteContext,
  row: ProposalRow,
  facts: Readonly<Record<string, number>>,
): Work<number> {
  let entries = 1;
  for (const elector of yield* electorsOf(context, row.id)) {
    if (!hasVoted(elector)) continue;
    const { agent_id, revision } = elector;
    yield* context.record(ballotSubjectOf(row, agent_id), { revision: [revision, revision + 1], facts });
    entries++;
  }
  yield* context.record(subjectOf(row), { revision: [2, 3], facts });
  yield* dropProposal(context.project, row.id);
  return entries;
}
