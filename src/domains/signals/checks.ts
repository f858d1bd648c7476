import type { ReadContext } from '../../kernel/context.ts';
import type { Entry } from '../../kernel/ledger/entry.ts';
import { differing, type RecordPage, type StateCheck, type StoredRecord } from '../../kernel/ledger/state.ts';
import type { Work } from '../../kernel/work.ts';
import { answerSubjectOf, answerText, wordsOf } from './answering.ts';
import { contentText, payloadOf, subjectOf } from './signals.ts';
import { answersAfter, type SignalRow, signalsAfter, type TargetRow, targetsOf } from './statements.ts';

const signalsAtOnce = 100;
const answersAtOnce = 500;

/** Signals are what was sent, to whom, and how they ended; answers are what each target said, when, and once. */
export const stateChecks: readonly StateCheck[] = [
  {
    kind: 'signal',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['']) {
      const rows = yield* signalsAfter(context.project, String(after[0]), signalsAtOnce);
      return yield* signalPage(context, rows);
    },
  },
  {
    kind: 'acknowledgement',
    complete: true,
    keepsDeleted: false,
    *page(context, after = ['', '']) {
      const rows = yield* answersAfter(context.project, after.map(String), answersAtOnce);
      const last = rows.at(-1);
      return {
        records: rows.map((row) => answerRecord(context, row)),
        next: last && rows.length === answersAtOnce ? [last.signal_id, last.agent_id] : undefined,
      };
    },
  },
];

function* signalPage(context: ReadContext, rows: readonly SignalRow[]): Work<RecordPage> {
  const records: StoredRecord[] = [];
  const problems: NonNullable<RecordPage['problems']>[number][] = [];
  for (const row of rows) {
    const targets = yield* targetsOf(context.project, row.id);
    records.push(signalRecord(context, row, targets));
    const wrong = miscounted(row, targets);
    const place = { seq: row.seq, subject: labelOf(row) };
    if (wrong !== undefined) problems.push({ kind: 'state-changed', ...place, message: wrong });
  }
  return { records, problems, next: rows.length === signalsAtOnce ? [rows.at(-1)!.id] : undefined };
}

function labelOf({ id, issuer }: SignalRow): string {
  return `signal ${id} of ${issuer}`;
}

function signalRecord(context: ReadContext, row: SignalRow, targets: readonly TargetRow[]): StoredRecord {
  return {
    subject: subjectOf(row),
    label: labelOf(row),
    seq: row.seq,
    current: true,
    differences: (entry: Entry, birth) =>
      differing('state', row.state === 'open' ? 1 : 2, entry.revision?.[1]) +
      differing('position', row.position, birth?.seq ?? row.position),
    *content() {
      const agents = targets.map(({ agent_id }) => agent_id);
      return contentText(row, agents, yield* payloadOf(context, row));
    },
  };
}

/** What the signal says of its targets, and what they say. */
function miscounted(row: SignalRow, targets: readonly TargetRow[]): string | undefined {
  const inTime = targets.filter(({ answer, late }) => answer === 'acked' && late === 0).length;
  if (inTime !== row.acked) return `${inTime} acknowledgements are stored, ${row.acked} are counted`;
  const astray = targets.find(({ awaited, answer, removed }) => {
    const open = row.state === 'open' && removed === 0 && (answer === 'none' || answer === 'lost');
    return awaited !== (open ? 1 : 0);
  });
  if (astray) return `whether ${astray.agent_id} is awaited does not follow from its answer`;
  const elsewhere = targets.find(({ position }) => position !== row.position);
  return elsewhere && `the inbox of ${elsewhere.agent_id} has it at another position`;
}

function answerRecord(context: ReadContext, row: TargetRow & { issuer: string | null }): StoredRecord {
  const signal = { issuer: row.issuer ?? '' };
  return {
    subject: answerSubjectOf(row, signal),
    label: `answer of ${row.agent_id} to signal ${row.signal_id}`,
    seq: row.seq,
    current: true,
    differences: () => '',
    *content() {
      return answerText(row, yield* wordsOf(context, row, signal));
    },
  };
}
