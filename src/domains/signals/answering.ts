import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import { equalBytes, hmac } from '../../kernel/vault/primitives.ts';
import type { Work } from '../../kernel/work.ts';
import { type AcknowledgeInput, type Acknowledgement, isDue, provenText } from './model.ts';
import { end, find, findToChange, labelsOf, scopeOf, settle, subjectOf, topicOf } from './signals.ts';
import {
  answerAs,
  countAcked,
  loseTarget,
  removeTarget,
  type SignalRow,
  signalById,
  signalsAwaiting,
  type TargetRow,
  targetOf,
} from './statements.ts';

/** What a target says to a signal, and what becomes of its place among the targets. */

type Place = Pick<TargetRow, 'signal_id' | 'agent_id'>;

export function answerSubjectOf({ signal_id, agent_id }: Place, signal: Pick<SignalRow, 'issuer'>): Subject {
  return { kind: 'acknowledgement', name: `${signal_id}\n${agent_id}`, scope: scopeOf(signal) };
}

/** What a target added to its answer, under one seal. */
interface Words {
  readonly reason: string | null;
  readonly signature: string | null;
  /** As JSON text. */
  readonly metadata: string | null;
}

export function answerBindingOf({ signal_id, agent_id }: Place, signal: Pick<SignalRow, 'issuer'>) {
  return {
    table: 'signal_targets',
    record: `${signal_id}\n${agent_id}`,
    scope: scopeOf(signal),
    revision: 1,
  };
}

export function* wordsOf(
  context: ReadContext,
  row: TargetRow,
  signal: Pick<SignalRow, 'issuer'>,
): Work<string | undefined> {
  if (row.sealed === null) return undefined;
  return yield* context.open({ value: null, sealed: row.sealed }, answerBindingOf(row, signal));
}

/** The text that the entries of a target's place commit to; verification makes it again. */
export function answerText(row: TargetRow, words: string | undefined): string {
  const { agent_id, answer, answered_at, iteration, late, proof, removed } = row;
  return [agent_id, answer, answered_at ?? '', iteration ?? '', late, proof ?? '', removed, words ?? ''].join(
    '\n',
  );
}

export function* acknowledgementOf(
  context: ReadContext,
  row: TargetRow,
  signal: SignalRow,
): Work<Acknowledgement> {
  const text = yield* wordsOf(context, row, signal);
  const { reason, signature, metadata }: Words = text
    ? JSON.parse(text)
    : { reason: null, signature: null, metadata: null };
  return {
    signal: row.signal_id,
    agent: row.agent_id,
    state: row.answer === 'acked' ? 'acked' : 'refused',
    at: row.answered_at!,
    iteration: row.iteration!,
    late: row.late === 1,
    reason,
    metadata: metadata === null ? null : JSON.parse(metadata),
    signature,
    proof: row.proof!,
    seq: row.seq,
  };
}

/** Answers for the caller, who must be a target. The deadline is judged first: what comes after it is late. */
export function* answer(context: WriteContext, input: AcknowledgeInput): Work<Acknowledgement> {
  const { row: signal, own } = yield* findToChange(context, input.signal);
  assertOneself(context, signal, input.target);
  if (!own) {
    const message = `${context.agent} issued this signal: its targets acknowledge it`;
    throw new Denial('FORBIDDEN', message, subjectOf(signal), { signal: signal.id });
  }
  if (own.answer === 'acked' || own.answer === 'refused')
    return yield* acknowledgementOf(context, own, signal);
  // Whether the others still can is nothing to this target: 500 of them would count each other 250,000 times.
  if (isDue(signal, context.now)) yield* end(context, signal, 'timed_out');
  yield* store(context, own, signal, input);
  yield* count(context, own, signal);
  context.tx.touch(topicOf(signal.id));
  return yield* acknowledgementOf(context, own, signal);
}

/** Who answers is who calls. A client that says otherwise is refused, and the ledger hears of it. */
function assertOneself(context: WriteContext, signal: SignalRow, agent: string | undefined): void {
  if (agent === undefined || agent === context.agent) return;
  const message = `${context.agent} may not acknowledge for ${agent}`;
  throw new Denial('FORBIDDEN', message, subjectOf(signal), { signal: signal.id, agent });
}

function* store(
  context: WriteContext,
  row: TargetRow,
  signal: SignalRow,
  input: AcknowledgeInput,
): Work<void> {
  row.answer = input.refuse === undefined ? 'acked' : 'refused';
  row.awaited = 0;
  row.answered_at = context.now;
  row.iteration = input.iteration ?? signal.iteration ?? 0;
  row.late = signal.state === 'open' ? 0 : 1;
  row.proof = (yield* proofOf(context, row)).toString('hex');
  const words = encodeWords(input);
  if (words !== undefined)
    row.sealed = (yield* context.seal(words, true, answerBindingOf(row, signal))).sealed;
  row.seq = yield* context.record(answerSubjectOf(row, signal), {
    content: answerText(row, words),
    facts: { late: row.late },
    labels: labelsOf(context, signal.id, row.answer === 'acked' ? 'signal_ack_sent' : 'signal_refused'),
  });
  if ((yield* answerAs(context.project, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the target answered meanwhile', { signal: signal.id });
}

function encodeWords(input: AcknowledgeInput): string | undefined {
  const metadata = input.metadata === undefined ? null : encodeValue('metadata', input.metadata);
  const words: Words = { reason: input.refuse ?? null, signature: input.signature ?? null, metadata };
  return Object.values(words).every((word) => word === null) ? undefined : JSON.stringify(words);
}

/** An acknowledgement in time counts, and may complete the signal; a refusal may make that impossible. */
function* count(context: WriteContext, row: TargetRow, signal: SignalRow): Work<void> {
  if (row.late === 1) return;
  if (row.answer === 'acked') {
    signal.acked += yield* countAcked(context.project, signal.id);
    if (signal.acked >= signal.needed) yield* end(context, signal, 'complete');
  } else yield* settle(context, signal);
}

function* proofOf(context: WriteContext, row: TargetRow): Work<Buffer> {
  const key = yield* context.keyring.agentKey(context.tx, row.agent_id);
  return hmac(key, textToProve(context.project, row));
}

function textToProve(project: string, row: TargetRow): string {
  return provenText(project, {
    signal: row.signal_id,
    agent: row.agent_id,
    state: row.answer,
    at: row.answered_at!,
    iteration: row.iteration!,
  });
}

/** Makes the proof of a stored answer again, and compares. */
export function* verify(context: ReadContext, id: string, agent: string): Work<boolean> {
  const found = yield* find(context, id);
  const row = found && (yield* targetOf(context.project, id, agent));
  if (!row?.proof) return false;
  const key = yield* context.ledger.keyring.agentKeyIfAny(context.project, agent);
  return (
    key !== undefined &&
    equalBytes(Buffer.from(row.proof, 'hex'), hmac(key, textToProve(context.project, row)))
  );
}

/** Takes a signal out of the caller's inbox; false when it was not there. */
export function* remove(context: WriteContext, id: string): Work<boolean> {
  yield* context.identity();
  const signal = yield* signalById(context.project, id);
  const own = signal && (yield* targetOf(context.project, id, context.agent));
  if (!own) {
    if (signal && signal.issuer !== context.agent) context.noteDenial(subjectOf(signal));
    return false;
  }
  if (own.removed === 1) return false;
  own.removed = 1;
  own.seq = yield* recordPlace(context, own, signal);
  return (yield* removeTarget(context.project, own)) === 1;
}

function* recordPlace(context: WriteContext, row: TargetRow, signal: SignalRow): Work<number> {
  return yield* context.record(answerSubjectOf(row, signal), {
    content: answerText(row, yield* wordsOf(context, row, signal)),
  });
}

const pageSize = 500;

/**
 * Notes that an agent is dead or out of service: no open signal counts on its answer from here on, and those that cannot
 * become complete without it end in the same commit. Should it come back, it may still answer. Answers how many signals
 * waited for it.
 */
export function* loseTargetsOf(context: WriteContext, agent: string): Work<number> {
  let lost = 0;
  for (let after = 0; ; ) {
    const page = yield* signalsAwaiting(context.project, agent, after, pageSize);
    for (const { signal_id } of page) lost += yield* lose(context, signal_id, agent);
    if (page.length < pageSize) return lost;
    after = page.at(-1)!.position;
  }
}

function* lose(context: WriteContext, id: string, agent: string): Work<number> {
  const signal = (yield* signalById(context.project, id))!;
  const row = (yield* targetOf(context.project, id, agent))!;
  if (row.answer !== 'none') return 0;
  row.answer = 'lost';
  row.seq = yield* context.record(answerSubjectOf(row, signal), {
    operation: 'signals.lose',
    content: answerText(row, undefined),
  });
  yield* loseTarget(context.project, row);
  yield* settle(context, signal);
  context.tx.touch(topicOf(id));
  return 1;
}
