import { scopes } from '../../kernel/access/model.ts';
import { Denial, type ReadContext, type Subject, type WriteContext } from '../../kernel/context.ts';
import { RookeryError } from '../../kernel/errors.ts';
import type { Labels, Risk } from '../../kernel/ledger/entry.ts';
import type { Work } from '../../kernel/work.ts';
import { decide, type Head, isDue, type Signal, type State, targetStateOf } from './model.ts';
import {
  ableTargets,
  awaitNobody,
  committedClock,
  endSignal,
  type SignalRow,
  signalById,
  type TargetRow,
  targetOf,
  targetsOf,
} from './statements.ts';

/** What every operation on signals shares: finding one, showing it, and bringing it to its end. */

export function topicOf(signal: string): string {
  return `signals/${signal}`;
}

export function inboxTopicOf(agent: string): string {
  return `signals/inbox/${agent}`;
}

/** A signal belongs to its issuer, answers included: whose key is destroyed takes both along. */
export function scopeOf({ issuer }: Pick<SignalRow, 'issuer'>): string {
  return scopes.private(issuer);
}

export function subjectOf(row: Pick<SignalRow, 'id' | 'issuer'>): Subject {
  return { kind: 'signal', name: row.id, scope: scopeOf(row) };
}

/** What reads are noted under: all signals of one issuer, so that reading an inbox is one entry a minute. */
export function readingOf({ issuer }: Pick<SignalRow, 'issuer'>): Subject {
  return { kind: 'signals', name: issuer, scope: scopes.private(issuer) };
}

/** The columns that seed 000 finds coordination by. */
export function labelsOf(context: ReadContext, signal: string, action: string): Labels {
  return {
    action,
    category: 'blocking-coordination',
    entityType: 'event',
    entityId: signal,
    swarm: context.principal.swarm,
    level: 'project',
  };
}

/** The store clock for a read: what any process has committed, or this one's clock if that is later. */
export function* readClock(context: ReadContext): Work<number> {
  return Math.max(context.now, yield* committedClock(context.project));
}

export interface Found {
  readonly row: SignalRow;
  /** The caller's place among the targets; undefined for the issuer. */
  readonly own: TargetRow | undefined;
}

/**
 * The signal, for its issuer and its targets. Absent and forbidden are one answer; the ledger hears of the latter, unless
 * this is a waiter that merely looks again.
 */
export function* find(context: ReadContext, id: string, again = false): Work<Found | undefined> {
  const identity = yield* context.identity();
  const row = yield* signalById(context.project, id);
  if (!row) return undefined;
  const own = yield* targetOf(context.project, id, context.agent);
  if (identity.scopes.length > 0 && (own || row.issuer === context.agent)) return { row, own };
  if (!again) context.noteDenial(subjectOf(row));
  return undefined;
}

/** The same for a change: throws NOT_FOUND, which the ledger keeps as a denial where there is such a signal. */
export function* findToChange(context: WriteContext, id: string): Work<Found> {
  yield* context.identity();
  const row = yield* signalById(context.project, id);
  const own = row && (yield* targetOf(context.project, id, context.agent));
  if (row && (own || row.issuer === context.agent)) return { row, own };
  const details = { kind: 'signal' };
  if (row) throw new Denial('NOT_FOUND', 'signal not found', subjectOf(row), details);
  throw new RookeryError('NOT_FOUND', 'signal not found', details);
}

/** The same for its issuer alone: throws FORBIDDEN for a target. */
export function* findOwn(context: WriteContext, id: string): Work<SignalRow> {
  const { row } = yield* findToChange(context, id);
  if (row.issuer === context.agent) return row;
  const message = `${context.agent} may not change a signal of ${row.issuer}`;
  throw new Denial('FORBIDDEN', message, subjectOf(row), { signal: id });
}

export function payloadBindingOf(row: Pick<SignalRow, 'id' | 'issuer'>) {
  return { table: 'signals', record: row.id, scope: scopeOf(row), revision: 1 };
}

/** The payload as JSON text; undefined where the signal has none. */
export function* payloadOf(context: ReadContext, row: SignalRow): Work<string | undefined> {
  if (row.sealed === null) return undefined;
  return yield* context.open({ value: null, sealed: row.sealed }, payloadBindingOf(row));
}

/** The text that the entries of a signal commit to; verification makes it again. No fact holds a line break. */
export function contentText(row: SignalRow, agents: readonly string[], payload: string | undefined): string {
  return [
    row.type,
    row.issuer,
    row.rule,
    row.needed,
    row.iteration ?? '',
    row.priority,
    row.sent_at,
    row.deadline_ms,
    row.state,
    row.ended_at ?? '',
    JSON.stringify(agents),
    payload ?? '',
  ].join('\n');
}

export function* headOf(context: ReadContext, row: SignalRow, now: number): Work<Head> {
  const payload = yield* payloadOf(context, row);
  const due = isDue(row, now);
  return {
    id: row.id,
    type: row.type,
    issuer: row.issuer,
    rule: row.rule,
    needed: row.needed,
    acked: row.acked,
    targetCount: row.targets,
    payload: payload === undefined ? null : JSON.parse(payload),
    iteration: row.iteration,
    priority: row.priority,
    state: due ? 'timed_out' : row.state,
    position: row.position,
    sentAt: row.sent_at,
    deadlineAt: row.deadline_ms,
    endedAt: due ? row.deadline_ms : row.ended_at,
    seq: row.seq,
  };
}

export function* viewOf(context: ReadContext, row: SignalRow, now: number): Work<Signal> {
  const shown = yield* headOf(context, row, now);
  const targets = yield* targetsOf(context.project, row.id);
  return {
    ...shown,
    targets: targets.map((target) => ({
      agent: target.agent_id,
      state: targetStateOf(target.answer, shown.state),
      late: target.late === 1,
      answeredAt: target.answered_at,
    })),
  };
}

/** How each end is recorded, whatever call brought it about. */
const endings: Record<Exclude<State, 'open'>, { operation: string; action: string; risk: Risk }> = {
  complete: { operation: 'signals.complete', action: 'signal_complete', risk: 'low' },
  timed_out: { operation: 'signals.timeout', action: 'signal_timeout', risk: 'medium' },
  cannot_complete: { operation: 'signals.fail', action: 'signal_failed', risk: 'medium' },
  cancelled: { operation: 'signals.cancel', action: 'signal_cancelled', risk: 'low' },
};

/** Ends an open signal, in one entry; whoever waits for it wakes. The row is changed in place. */
export function* end(context: WriteContext, row: SignalRow, state: Exclude<State, 'open'>): Work<void> {
  const { project, now } = context;
  row.state = state;
  row.ended_at = state === 'timed_out' ? row.deadline_ms : now;
  const agents = (yield* targetsOf(project, row.id)).map(({ agent_id }) => agent_id);
  const { operation, action, risk } = endings[state];
  row.seq = yield* context.record(subjectOf(row), {
    operation,
    risk,
    revision: [1, 2],
    content: contentText(row, agents, yield* payloadOf(context, row)),
    facts: { acked: row.acked, needed: row.needed },
    labels: labelsOf(context, row.id, action),
  });
  if ((yield* endSignal(project, row)) !== 1)
    throw new RookeryError('REVISION_CONFLICT', 'the signal ended meanwhile', { signal: row.id });
  yield* awaitNobody(project, row.id);
  context.tx.touch(topicOf(row.id));
}

/** Brings an open signal to the end it has come to by now, if it has. */
export function* settle(context: WriteContext, row: SignalRow): Work<void> {
  if (row.state !== 'open') return;
  const able = isDue(row, context.now) ? 0 : yield* ableTargets(context.project, row.id);
  const state = decide(row, able, context.now);
  if (state !== 'open') yield* end(context, row, state);
}
