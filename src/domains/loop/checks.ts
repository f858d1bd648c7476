import type { ReadContext } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import { differing, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import type { Parameter, Work } from '../../kernel/work.ts';
import * as records from './records.ts';
import type { ConfidenceRow, ConsensusRow, DecisionRow, RecordRow, VoteRow } from './statements.ts';
import { allConfidences, allConsensus, allDecisions, allVotes, type Checked } from './upkeep-statements.ts';

const pageSize = 500;

/** Records of the loop: what was said, by whom, about which round, and until when are what their entries say. */
export const stateChecks: readonly StateCheck[] = [
  check<Checked<ConfidenceRow>>('loop-confidence', ['', '', '', Number.MIN_SAFE_INTEGER], {
    rows: allConfidences,
    key: (row) => [row.swarm, row.phase, row.owner, row.iteration],
    name: records.named.confidence,
    revision: (row) => row.revision,
    differences: (row, entry, birth) =>
      timesDiffer(row, entry) +
      differing('owner', row.owner, entry.actor) +
      differing('created_at', row.created_at, birth?.time ?? row.created_at) +
      differing('updated_at', row.updated_at, entry.time),
  }),
  check<Checked<ConsensusRow>>('loop-consensus', ['', '', '', ''], {
    rows: allConsensus,
    key: (row) => [row.swarm, row.phase, row.id, row.scope],
    name: records.named.consensus,
    revision: (row) => row.revision,
    differences: (row, entry, birth) =>
      timesDiffer(row, entry) +
      differing('iteration', row.iteration, entry.facts?.['iteration']) +
      differing('author', row.author, entry.actor) +
      differing('owner', row.owner, birth?.actor ?? row.owner) +
      differing('created_at', row.created_at, birth?.time ?? row.created_at) +
      differing('updated_at', row.updated_at, entry.time) +
      columnsDiffer(row),
  }),
  check<Checked<VoteRow>>('loop-vote', ['', '', '', '', '', ''], {
    rows: allVotes,
    key: (row) => [row.swarm, row.phase, row.consensus, row.scope, row.validator, row.type],
    name: records.named.vote,
    revision: () => records.written,
    differences: (row, entry) =>
      differing('owner', row.owner, entry.actor) +
      differing('position', row.position, entry.facts?.['position']) +
      differing('created_at', row.created_at, entry.time),
  }),
  check<Checked<DecisionRow>>('loop-decision', ['', '', '', ''], {
    rows: allDecisions,
    key: (row) => [row.swarm, row.phase, row.id, row.scope],
    name: records.named.decision,
    revision: () => records.written,
    differences: (row, entry) =>
      timesDiffer(row, entry) +
      differing('iteration', row.iteration, entry.facts?.['iteration']) +
      differing('owner', row.owner, entry.actor) +
      differing('created_at', row.created_at, entry.time),
  }),
];

type Kept = Checked<Pick<RecordRow, 'scope' | 'seq' | 'value' | 'sealed'>>;

interface Checking<Row> {
  rows(project: string, after: readonly Parameter[], limit: number): Work<Row[]>;
  key(row: Row): readonly Parameter[];
  name(row: Row): records.Named;
  revision(row: Row): number;
  differences(row: Row, entry: Entry, birth: Entry | undefined): string;
}

function check<Row extends Kept>(
  kind: string,
  first: readonly Parameter[],
  checked: Checking<Row>,
): StateCheck {
  return {
    kind,
    complete: true,
    keepsDeleted: false,
    *page(context, after = first) {
      const rows = yield* checked.rows(context.project, after, pageSize);
      const next = rows.length === pageSize ? checked.key(rows.at(-1)!) : undefined;
      return { records: rows.map((row) => recordOf(context, checked, row)), next };
    },
  };
}

function recordOf<Row extends Kept>(context: ReadContext, checked: Checking<Row>, row: Row): StoredRecord {
  const name = checked.name(row);
  const revision = checked.revision(row);
  return {
    subject: records.subjectOf(name),
    label: `${name.key} of swarm ${name.swarm} (${row.scope})`,
    seq: row.seq,
    entry: row.entry,
    current: true,
    differences: (entry, birth) =>
      differing('revision', revision, entry.revision?.[1]) +
      differing('value', row.sealed === null ? null : row.value, null) +
      checked.differences(row, entry, birth),
    content: () => records.contentOf(context, name, row, revision),
  };
}

function timesDiffer(row: RecordRow, entry: Entry): string {
  return (
    differing('expires_at', row.expires_at, entry.facts?.['expiresAt']) +
    differing('shown_until', row.shown_until, entry.facts?.['shownUntil'])
  );
}

/** What plain SQL reads beside the content must be what the content says; nothing where that is sealed. */
function columnsDiffer(row: ConsensusRow): string {
  const said = row.value === null ? {} : (JSON.parse(row.value) as Readonly<Record<string, unknown>>);
  return (
    differing('status', row.status, said['status'] ?? null) +
    differing('score', row.score, said['currentScore'] ?? null) +
    differing('threshold', row.threshold, said['threshold'] ?? null)
  );
}
