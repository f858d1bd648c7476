import type { WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Work } from '../../kernel/work.ts';
import { answerBindingOf, answerSubjectOf, answerText, wordsOf } from './answering.ts';
import { contentText, labelsOf, payloadBindingOf, payloadOf, settle, subjectOf, topicOf } from './signals.ts';
import { openSignalsOf, passOn, putWords, type SignalRow, type TargetRow, targetsOf } from './statements.ts';

const pageSize = 500;

/**
 * Makes the open signals of an agent that is gone those of its successor, in one commit: from here on the successor
 * waits for them and cancels them, and the other no longer sees them. What was said in them is sealed anew for the
 * successor. Who takes over whom is the caller's to decide, once. Answers how many signals that were.
 */
export function* adoptSignalsOf(context: WriteContext, from: string, to: string): Work<number> {
  let adopted = 0;
  for (let after = 0; from !== to; ) {
    const page = yield* openSignalsOf(context.project, from, after, pageSize);
    for (const row of page) {
      yield* settle(context, row);
      if (row.state !== 'open') continue;
      yield* adopt(context, row, to);
      adopted++;
    }
    if (page.length < pageSize) break;
    after = page.at(-1)!.position;
  }
  return adopted;
}

function* adopt(context: WriteContext, row: SignalRow, successor: string): Work<void> {
  const before = { ...row };
  const targets = yield* targetsOf(context.project, row.id);
  const payload = yield* payloadOf(context, row);
  row.issuer = successor;
  if (payload !== undefined) row.sealed = (yield* context.seal(payload, true, payloadBindingOf(row))).sealed;
  row.seq = yield* context.record(subjectOf(row), {
    operation: 'signals.adopt',
    risk: 'medium',
    revision: [1, 1],
    content: contentText(
      row,
      targets.map(({ agent_id }) => agent_id),
      payload,
    ),
    labels: labelsOf(context, row.id, 'signal_taken_over'),
  });
  if ((yield* passOn(context.project, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the signal ended meanwhile', { signal: row.id });
  for (const target of targets) if (target.seq > 0) yield* carryOver(context, target, before, row);
  context.tx.touch(topicOf(row.id));
}

/** The answer of a target belongs to the signal's issuer too. */
function* carryOver(
  context: WriteContext,
  target: TargetRow,
  before: SignalRow,
  after: SignalRow,
): Work<void> {
  const words = yield* wordsOf(context, target, before);
  if (words !== undefined)
    target.sealed = (yield* context.seal(words, true, answerBindingOf(target, after))).sealed;
  target.seq = yield* context.record(answerSubjectOf(target, after), {
    operation: 'signals.adopt',
    content: answerText(target, words),
  });
  yield* putWords(context.project, target);
}
