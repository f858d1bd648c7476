import type { ReadContext } from '../../kernel/context.ts';
import { differing, type RecordPage, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import type { Work } from '../../kernel/work.ts';
import { ballotSubjectOf, ballotText, ballotWords } from './casting.ts';
import { type Count, outcome } from './decision.ts';
import { electorateHash } from './model.ts';
import { contentText, countIn, recounted, ruleOf, subjectOf, wordsOf } from './proposals.ts';
import {
  ballotsAfter,
  type CheckedBallot,
  type ElectorRow,
  type ProposalRow,
  proposalsAfter,
} from './statements.ts';

const proposalsAtOnce = 50;
const ballotsAtOnce = 500;

/** Proposals are what was put to whom, ballots what each elector chose, and decisions what follows from the two. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'proposal',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* proposalsAfter(context.project, String(after[0]), proposalsAtOnce);
      return yield* proposalPage(context, rows);
    },
  },
  {
    kind: 'ballot',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['', '']) {
      const rows = yield* ballotsAfter(context.project, after.map(String), ballotsAtOnce);
      const last = rows.at(-1);
      return {
        records: rows.map((row) => ballotRecord(context, row)),
        next: last && rows.length === ballotsAtOnce ? [last.proposal_id, last.agent_id] : undefined,
      };
    },
  },
];

function* proposalPage(context: ReadContext, rows: readonly ProposalRow[]): Work<RecordPage> {
  const problems: NonNullable<RecordPage['problems']>[number][] = [];
  for (const row of rows) {
    const { electors, count, ballots } = yield* recounted(context, row.id);
    const wrong = miscounted(row, electors, { ...count, ballots });
    const place = { seq: row.seq, subject: labelOf(row) };
    if (wrong !== undefined) problems.push({ kind: 'state-changed', ...place, message: wrong });
  }
  return {
    records: rows.map((row) => proposalRecord(context, row)),
    problems,
    next: rows.length === proposalsAtOnce ? [rows.at(-1)!.id] : undefined,
  };
}

function labelOf({ id, scope }: Pick<ProposalRow, 'id' | 'scope'>): string {
  return `proposal ${id} (${scope})`;
}

/** What the proposal says of its electors and ballots, and what they are. */
function miscounted(
  row: ProposalRow,
  electors: readonly ElectorRow[],
  count: Count & { readonly ballots: number },
): string | undefined {
  const electorate = electors.map(({ agent_id, weight }) => ({ agent: agent_id, weight }));
  if (electorateHash(electorate) !== row.electorate_hash)
    return 'its electors are not those that it opened with';
  const stored = [row.accepted, row.rejected, row.abstained, row.ballots, row.weight_total];
  const again = [count.accept, count.reject, count.abstain, count.ballots, count.total];
  if (String(stored) !== String(again)) return `the tally is ${stored}, the recount ${again}`;
  const decided = row.state === 'decided' && outcome(ruleOf(row), countIn(row)) !== row.decision;
  return decided ? `the decision is ${row.decision}, and does not follow from the ballots` : undefined;
}

function proposalRecord(context: ReadContext, row: ProposalRow): StoredRecord {
  return {
    subject: subjectOf(row),
    label: labelOf(row),
    seq: row.seq,
    current: true,
    differences: (entry) => differing('state', row.state === 'open' ? 1 : 2, entry.revision?.[1]),
    *content() {
      return contentText(row, yield* wordsOf(context, row));
    },
  };
}

function ballotRecord(context: ReadContext, row: CheckedBallot): StoredRecord {
  const proposal = { id: row.proposal_id, scope: row.scope ?? '' };
  return {
    subject: ballotSubjectOf(proposal, row.agent_id),
    label: `ballot of ${row.agent_id} on ${row.proposal_id}`,
    seq: row.seq,
    current: true,
    differences: (entry) => differing('revision', row.revision, entry.revision?.[1]),
    *content() {
      return ballotText(row, yield* ballotWords(context, proposal, row));
    },
  };
}
