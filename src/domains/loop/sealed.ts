import type { WriteContext } from '../../kernel/context.ts';
import type { Binding } from '../../kernel/vault/envelope.ts';
import type { ErasedSubject, Erasure, SealedRow, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { type Ending, endConfidence, endConsensus, endDecision, endVote } from './endings.ts';
import * as records from './records.ts';
import type { ConfidenceRow, ConsensusRow, DecisionRow, VoteRow } from './statements.ts';
import {
  dropScope,
  ownedConfidences,
  ownedConsensus,
  ownedDecisions,
  ownedVotes,
} from './upkeep-statements.ts';

export const sealedTables: readonly SealedTable[] = [
  {
    ...{ table: 'loop_confidences', column: 'sealed' },
    key: { swarm: '', phase: '', owner: '', iteration: -1 },
    columns: { scope: 't.scope', revision: 't.revision' },
    binding: (row) => bindingOf(records.named.confidence(columnsOf<ConfidenceRow>(row)), row['revision']),
  },
  {
    ...{ table: 'loop_consensus', column: 'sealed' },
    key: { swarm: '', phase: '', id: '', scope: '' },
    columns: { revision: 't.revision' },
    binding: (row) => bindingOf(records.named.consensus(columnsOf<ConsensusRow>(row)), row['revision']),
  },
  {
    ...{ table: 'loop_votes', column: 'sealed' },
    key: { swarm: '', phase: '', consensus: '', scope: '', validator: '', type: '' },
    binding: (row) => bindingOf(records.named.vote(columnsOf<VoteRow>(row)), records.written),
  },
  {
    ...{ table: 'loop_decisions', column: 'sealed' },
    key: { swarm: '', phase: '', id: '', scope: '' },
    binding: (row) => bindingOf(records.named.decision(columnsOf<DecisionRow>(row)), records.written),
  },
];

/** The columns that a name is made of are among those of the key. */
function columnsOf<Row>(row: SealedRow): Row {
  return row as Row;
}

function bindingOf(name: records.Named, revision: unknown): Omit<Binding, 'project'> {
  return records.bindingOf(name, Number(revision));
}

const pageSize = 500;

export const erasures: readonly Erasure[] = [
  {
    noun: 'loop',
    *erase(context, subject) {
      let erased = 0;
      for (const scope of subject.scopes) erased += yield* dropScope(context.project, scope);
      return erased + (subject.owned ? yield* eraseOwned(context, subject) : 0);
    },
  },
];

const erasure: Ending = { facts: { deleted: 1, erased: 1 } };

/** What the subject recorded for wider audiences: a consensus with all its votes, and its votes in those of others. */
function* eraseOwned(context: WriteContext, { agent }: ErasedSubject): Work<number> {
  return (
    (yield* eraseAll(context, agent, ownedConfidences, endConfidence)) +
    (yield* eraseAll(context, agent, ownedConsensus, endConsensus)) +
    (yield* eraseAll(context, agent, ownedVotes, endVote)) +
    (yield* eraseAll(context, agent, ownedDecisions, endDecision))
  );
}

function* eraseAll<Row>(
  context: WriteContext,
  agent: string,
  owned: (project: string, agent: string, limit: number) => Work<Row[]>,
  end: (context: WriteContext, row: Row, how: Ending) => Work<number>,
): Work<number> {
  let erased = 0;
  for (;;) {
    const rows = yield* owned(context.project, agent, pageSize);
    for (const row of rows) erased += yield* end(context, row, erasure);
    if (rows.length < pageSize) return erased;
  }
}
