import { scopes } from '../../kernel/access/model.ts';
import type { WriteContext } from '../../kernel/context.ts';
import type { Erasure, SealedTable } from '../../kernel/vault/sealed.ts';
import type { Work } from '../../kernel/work.ts';
import { answerBindingOf, answerSubjectOf, answerText } from './answering.ts';
import { payloadBindingOf } from './signals.ts';
import { dropSignal, putWords, signalsOf, wordedAnswers } from './statements.ts';

/** Payloads of signals, and what targets add to their answers: both under the key of the issuer. */
export const sealedTables: readonly SealedTable[] = [
  {
    table: 'signals',
    column: 'sealed',
    key: { id: '' },
    columns: { issuer: 't.issuer' },
    binding: (row) => payloadBindingOf({ id: String(row['id']), issuer: String(row['issuer']) }),
  },
  {
    table: 'signal_targets',
    column: 'sealed',
    key: { signal_id: '', agent_id: '' },
    columns: { issuer: 's.issuer' },
    join: 'LEFT JOIN signals s ON s.project_id = t.project_id AND s.id = t.signal_id',
    binding: (row) => {
      const place = { signal_id: String(row['signal_id']), agent_id: String(row['agent_id']) };
      return answerBindingOf(place, { issuer: String(row['issuer']) });
    },
  },
];

const pageSize = 500;

/**
 * Signals that the subject issued go with all answers to them. In signals of others it stays a target that has answered,
 * and what it said there beside yes or no goes when all it owns is to go.
 */
export const erasures: readonly Erasure[] = [
  {
    noun: 'signals',
    *erase(context, { agent, scopes: own, owned }) {
      let erased = own.includes(scopes.private(agent)) ? yield* eraseIssued(context, agent) : 0;
      if (owned) erased += yield* eraseWords(context, agent);
      return erased;
    },
  },
];

function* eraseIssued(context: WriteContext, agent: string): Work<number> {
  for (let erased = 0; ; ) {
    const rows = yield* signalsOf(context.project, agent, pageSize);
    for (const { id } of rows) yield* dropSignal(context.project, id);
    erased += rows.length;
    if (rows.length < pageSize) return erased;
  }
}

function* eraseWords(context: WriteContext, agent: string): Work<number> {
  for (let erased = 0; ; ) {
    const rows = yield* wordedAnswers(context.project, agent, pageSize);
    for (const row of rows) {
      row.sealed = null;
      row.seq = yield* context.record(answerSubjectOf(row, row), {
        content: answerText(row, undefined),
        facts: { erased: 1 },
      });
      yield* putWords(context.project, row);
    }
    erased += rows.length;
    if (rows.length < pageSize) return erased;
  }
}
