import type { WriteContext } from '../../kernel/context.ts';
import { invalid, RookeryError } from '../../kernel/errors.ts';
import { encodeValue } from '../../kernel/json.ts';
import type { Work } from '../../kernel/work.ts';
import { neededFor, type Rule, type SendInput, type Signal } from './model.ts';
import {
  contentText,
  end,
  inboxTopicOf,
  labelsOf,
  payloadBindingOf,
  payloadOf,
  subjectOf,
  topicOf,
  viewOf,
} from './signals.ts';
import {
  activeAgents,
  addSignal,
  addTargets,
  dueSignals,
  type SignalRow,
  signalById,
  targetsOf,
} from './statements.ts';

/** A signal as it was asked for, checked. */
interface Asked {
  readonly agents: readonly string[];
  readonly rule: Rule;
  readonly needed: number;
  readonly payload: string | undefined;
}

/** How many signals past their deadline a sender ends by the way, so that inboxes stay short where nobody sweeps. */
const tidiedBySender = 8;

/** Sends a signal, or answers the one that was sent under the same id before. */
export function* send(context: WriteContext, input: SendInput): Work<Signal> {
  const asked = askedOf(context.agent, input);
  yield* context.identity();
  const known = input.id === undefined ? undefined : yield* signalById(context.project, input.id);
  if (known) return yield* sentBefore(context, known, input, asked);
  yield* assertActive(context, asked.agents);
  for (const due of yield* dueSignals(context.project, context.now, tidiedBySender))
    yield* end(context, due, 'timed_out');
  return yield* viewOf(context, yield* open(context, input, asked), context.now);
}

function askedOf(issuer: string, input: SendInput): Asked {
  const agents = [...new Set(input.targets)].sort(byCodePoint);
  if (agents.includes(issuer)) throw invalid('targets', 'agents other than the issuer');
  const needed = neededFor(input.rule, agents.length);
  if (needed === undefined)
    throw invalid('rule', `a count of at most ${agents.length}, the number of targets`);
  const rule = typeof input.rule === 'string' ? input.rule : 'count';
  const payload = input.payload === undefined ? undefined : encodeValue('payload', input.payload);
  return { agents, rule, needed, payload };
}

/** The order that both engines give text. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Nobody waits for an agent that does not exist, or is out of service. */
function* assertActive(context: WriteContext, agents: readonly string[]): Work<void> {
  const active = new Set(yield* activeAgents(context.project, agents));
  const absent = agents.find((agent) => !active.has(agent));
  if (absent === undefined) return;
  throw new RookeryError('NOT_FOUND', `there is no active agent ${absent}`, { kind: 'agent', agent: absent });
}

function* open(context: WriteContext, input: SendInput, asked: Asked): Work<SignalRow> {
  const { project, agent: issuer, now } = context;
  const row: SignalRow = {
    id: input.id ?? context.newId('sig'),
    type: input.type,
    issuer,
    rule: asked.rule,
    needed: asked.needed,
    targets: asked.agents.length,
    acked: 0,
    iteration: input.iteration ?? null,
    priority: input.priority,
    state: 'open',
    position: 0,
    sent_at: now,
    deadline_ms: now + input.timeoutMs,
    ended_at: null,
    seq: 0,
    sealed: null,
  };
  if (asked.payload !== undefined)
    row.sealed = (yield* context.seal(asked.payload, true, payloadBindingOf(row))).sealed;
  row.position = yield* nextSeq(context, row, asked);
  row.seq = row.position;
  yield* addSignal(project, row);
  yield* addTargets(project, row.id, asked.agents, row.position);
  for (const agent of asked.agents) context.tx.touch(inboxTopicOf(agent));
  context.tx.touch(topicOf(row.id));
  return row;
}

/** The entry of a new signal; its number becomes the place in every inbox. */
function nextSeq(context: WriteContext, row: SignalRow, { agents, payload }: Asked): Work<number> {
  return context.record(subjectOf(row), {
    revision: [0, 1],
    content: contentText(row, agents, payload),
    facts: { targets: agents.length, needed: row.needed },
    labels: labelsOf(context, row.id, 'signal_sent'),
  });
}

/** The same signal again is answered as it stands by now; another one under its id is refused. */
function* sentBefore(context: WriteContext, row: SignalRow, input: SendInput, asked: Asked): Work<Signal> {
  const same =
    row.issuer === context.agent &&
    row.type === input.type &&
    row.rule === asked.rule &&
    row.needed === asked.needed &&
    row.priority === input.priority &&
    row.iteration === (input.iteration ?? null) &&
    row.deadline_ms - row.sent_at === input.timeoutMs &&
    (yield* payloadOf(context, row)) === asked.payload &&
    sameTexts(
      (yield* targetsOf(context.project, row.id)).map(({ agent_id }) => agent_id),
      asked.agents,
    );
  if (same) return yield* viewOf(context, row, context.now);
  throw new RookeryError('IDEMPOTENCY_CONFLICT', 'another signal was sent under this id', { field: 'id' });
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
