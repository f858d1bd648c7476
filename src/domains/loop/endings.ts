import type { WriteContext } from '../../kernel/context.ts';
import type { Work } from '../../kernel/work.ts';
import * as records from './records.ts';
import {
  type ConfidenceRow,
  type ConsensusRow,
  type DecisionRow,
  dropConfidence,
  dropConsensus,
  dropDecision,
  dropVote,
  type VoteRow,
  votesOf,
} from './statements.ts';

/** How a record ends: its row goes, and an entry says so. A consensus takes its votes with it. */
export interface Ending {
  /** In place of the operation's own name. */
  readonly operation?: string;
  readonly facts: Readonly<Record<string, number>>;
}

/** The end of what is past its time. */
export const pruned: Ending = { operation: 'loop.prune', facts: { deleted: 1 } };

export function* endConfidence(context: WriteContext, row: ConfidenceRow, how: Ending): Work<number> {
  yield* record(context, records.named.confidence(row), row.revision, how);
  return yield* dropConfidence(context.project, row);
}

export function* endConsensus(context: WriteContext, row: ConsensusRow, how: Ending): Work<number> {
  for (const vote of yield* votesOf(context.project, row)) yield* endVote(context, vote, how);
  yield* record(context, records.named.consensus(row), row.revision, how);
  return yield* dropConsensus(context.project, row);
}

export function* endVote(context: WriteContext, row: VoteRow, how: Ending): Work<number> {
  yield* record(context, records.named.vote(row), records.written, how);
  return yield* dropVote(context.project, row);
}

export function* endDecision(context: WriteContext, row: DecisionRow, how: Ending): Work<number> {
  yield* record(context, records.named.decision(row), records.written, how);
  return yield* dropDecision(context.project, row);
}

function* record(context: WriteContext, name: records.Named, revision: number, how: Ending): Work<void> {
  yield* context.record(records.subjectOf(name), { ...how, revision: [revision, revision + 1] });
}
