import type { WriteContext } from '../../kernel/context.ts';
import { invalid } from '../../kernel/errors.ts';
import type { GiveUpReason } from '../../kernel/operation.ts';
import type { Work } from '../../kernel/work.ts';
import { acknowledgementOf } from './answering.ts';
import type { Awaited, WaitInput } from './model.ts';
import { find, labelsOf, readingOf, scopeOf, settle } from './signals.ts';
import { type SignalRow, type TargetRow, targetsOf } from './statements.ts';

/** Waiting for answers. Whoever looks also notices a deadline that has passed, and targets that are gone. */

/**
 * The first look, and each later one (`again`). While the wait goes on, the answer says no more than that: 500
 * acknowledgements that arrive one by one would be opened 125,000 times.
 */
export function* look(context: WriteContext, input: WaitInput, again: boolean): Work<Awaited | null> {
  const found = yield* find(context, input.signal, again);
  if (!found) return null;
  const { row } = found;
  yield* settle(context, row);
  if (row.state === 'open' && input.waitMs > 0) {
    if (input.agents === undefined) return blank(context, row);
    const missing = (yield* asked(context, row, input.agents)).filter(isMissing);
    if (missing.length > 0)
      return { ...blank(context, row), missing: missing.map(({ agent_id }) => agent_id) };
  }
  return yield* answersTo(context, row, input.agents);
}

/** Whether to wait on: for the end of the signal, or for the answers of those that were named. */
export function goesOn({ agents }: WaitInput, { state, missing }: Awaited): boolean {
  return state === 'open' && (agents === undefined || missing.length > 0);
}

/** The time is over: what has come so far, and who is missing. The ledger hears of a wait that was in vain. */
export function* giveUp(context: WriteContext, input: WaitInput, reason: GiveUpReason): Work<Awaited | null> {
  const answer = yield* look(context, { ...input, waitMs: 0 }, true);
  if (answer?.state !== 'open' || answer.missing.length === 0 || reason !== 'timeout') return answer;
  const { row } = (yield* find(context, input.signal, true))!;
  yield* context.record(
    { kind: 'signal-wait', name: row.id, scope: scopeOf(row) },
    {
      operation: 'signals.waitTimeout',
      risk: 'medium',
      facts: { missing: answer.missing.length, waitedMs: input.waitMs },
      labels: labelsOf(context, row.id, 'signal_ack_timeout'),
    },
  );
  return answer;
}

function blank(context: WriteContext, row: SignalRow): Awaited {
  const { id: signal, state, deadline_ms: deadlineAt } = row;
  return { signal, state, acks: [], missing: [], deadlineAt, now: context.now };
}

function* answersTo(context: WriteContext, row: SignalRow, agents: WaitInput['agents']): Work<Awaited> {
  const targets = yield* asked(context, row, agents);
  const answered = targets.filter((target) => !isMissing(target));
  const acks = [];
  for (const target of answered) acks.push(yield* acknowledgementOf(context, target, row));
  context.noteRead(readingOf(row));
  return { ...blank(context, row), acks, missing: targets.filter(isMissing).map(({ agent_id }) => agent_id) };
}

function isMissing({ answer }: TargetRow): boolean {
  return answer !== 'acked' && answer !== 'refused';
}

function* asked(context: WriteContext, row: SignalRow, agents: WaitInput['agents']): Work<TargetRow[]> {
  const targets = yield* targetsOf(context.project, row.id);
  if (agents === undefined) return targets;
  const names = new Set(targets.map(({ agent_id }) => agent_id));
  for (const [i, agent] of agents.entries())
    if (!names.has(agent)) throw invalid(`agents.${i}`, 'a target of the signal');
  const wanted = new Set(agents);
  return targets.filter(({ agent_id }) => wanted.has(agent_id));
}
