import { z } from 'zod';
import type { ReadContext } from '../../kernel/context.ts';
import { mutation, query } from '../../kernel/operation.ts';
import * as schema from '../../kernel/schema.ts';
import type { Work } from '../../kernel/work.ts';
import * as answering from './answering.ts';
import * as model from './model.ts';
import { prunePage } from './pruning.ts';
import { send as sendSignal } from './sending.ts';
import * as signals from './signals.ts';
import { dueSignals, type Listing, type SignalRow, signalsBy, signalsTo } from './statements.ts';
import { giveUp, goesOn, look } from './waiting.ts';

export { adoptSignalsOf } from './adopting.ts';
export { loseTargetsOf } from './answering.ts';

export const send = mutation({
  name: 'signals.send',
  summary: 'Send a signal to agents that are to acknowledge it',
  description:
    'Who is to answer is fixed from here on. The same signal under the same id is sent once; another one under it is refused with IDEMPOTENCY_CONFLICT.',
  input: model.sendInput,
  output: model.signal,
  access: 'write',
  route: 'POST /api/v1/signals',
  positional: ['type', 'targets'],
  run: sendSignal,
});

export const acknowledge = mutation({
  name: 'signals.acknowledge',
  summary: 'Acknowledge a signal, or refuse it, as one of its targets',
  description:
    'The first answer stands and is answered again. What comes after the signal has ended is kept as "late" and changes nothing.',
  input: model.acknowledgeInput,
  output: model.acknowledgement,
  access: 'write',
  route: 'POST /api/v1/signals/{signal}/acknowledgements',
  positional: ['signal'],
  run: answering.answer,
});

export const wait = mutation({
  name: 'signals.wait',
  summary: 'Wait until a signal has ended, or until some of its targets have answered',
  description:
    'Answers what has come so far, and who is missing, when the time is over; that it was in vain is in the ledger. A signal that is yet to be sent is waited for; null for one that the caller has neither issued nor received by then.',
  input: model.waitInput,
  output: model.awaited.nullable(),
  access: 'read',
  route: 'POST /api/v1/signals/{signal}/wait',
  positional: ['signal'],
  run: (context, input) => look(context, input, false),
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    // A target that leaves, dies or is suspended is news of the fleet.
    topics: ({ signal }) => [signals.topicOf(signal), 'fleet'],
    pending: (input, output) => {
      if (!output) return {};
      return goesOn(input, output) ? { dueInMs: Math.max(1, output.deadlineAt - output.now) } : undefined;
    },
    poll: (context, input) => look(context, input, true),
    giveUp: (context, input, _, reason) => giveUp(context, input, reason),
  },
});

const after = z.int('a whole number').min(0, 'at least 0').default(0).describe('Signals after this position');
const page = z.object({ signals: z.array(model.head), next: z.int() });

export const receive = query({
  name: 'signals.receive',
  summary: 'Read the signals that await an answer of the caller, in the order of sending',
  description:
    '"next" is the position to go on after. Reading changes nothing: a signal is there until it is answered, ended or removed.',
  input: z.strictObject({
    type: schema.name.optional().describe('Of this type only'),
    all: z
      .boolean()
      .default(false)
      .describe('Also those that were answered or have ended, until they are removed'),
    after,
    limit: schema.limit,
    waitMs: schema.waitMs,
  }),
  output: page,
  access: 'read',
  route: 'GET /api/v1/signal-inbox',
  positional: ['type'],
  *run(context, { type, all, after: from, limit }) {
    const now = yield* signals.readClock(context);
    const listing = { after: from, type: type ?? '', state: all ? '' : 'open', now, limit };
    const rows = yield* signalsTo(context.project, context.agent, all ? 'all' : 'awaited', listing);
    return yield* pageOf(context, rows, listing);
  },
  wait: {
    timeoutMs: ({ waitMs }) => waitMs,
    topics: (_, agent) => [signals.inboxTopicOf(agent)],
    pending: (_, output) => (output.signals.length === 0 ? {} : undefined),
  },
});

/** Heads in order. An empty page is where somebody who is not active, or not there yet, is noticed. */
function* pageOf(
  context: ReadContext,
  rows: readonly SignalRow[],
  { after: from, now }: Listing,
): Work<z.output<typeof page>> {
  if (rows.length === 0) yield* context.identity();
  const heads: model.Head[] = [];
  for (const row of rows) {
    heads.push(yield* signals.headOf(context, row, now));
    context.noteRead(signals.readingOf(row));
  }
  return { signals: heads, next: rows.at(-1)?.position ?? from };
}

export const remove = mutation({
  name: 'signals.remove',
  summary: 'Take a signal out of the caller’s inbox',
  description: 'It can still be answered. Removing it twice is fine.',
  input: z.strictObject({ id: model.signalId }),
  output: z.object({ removed: z.boolean() }),
  access: 'write',
  route: 'DELETE /api/v1/signal-inbox/{id}',
  positional: ['id'],
  *run(context, { id }) {
    return { removed: yield* answering.remove(context, id) };
  },
});

export const get = query({
  name: 'signals.get',
  summary: 'Read a signal and how each of its targets stands',
  description: 'For its issuer and its targets; null for everybody else.',
  input: z.strictObject({ id: model.signalId }),
  output: model.signal.nullable(),
  access: 'read',
  route: 'GET /api/v1/signals/{id}',
  positional: ['id'],
  *run(context, { id }) {
    const found = yield* signals.find(context, id);
    if (!found) return null;
    context.noteRead(signals.readingOf(found.row));
    return yield* signals.viewOf(context, found.row, yield* signals.readClock(context));
  },
});

export const list = query({
  name: 'signals.list',
  summary: 'List signals that the caller issued or received, oldest first',
  description: 'Those that it removed from its inbox are not listed as received.',
  input: z.strictObject({
    box: z
      .enum(['issued', 'received'], 'one of issued, received')
      .default('issued')
      .describe('Those it sent, or those it was sent'),
    type: schema.name.optional().describe('Of this type only'),
    state: z
      .enum(model.states, `one of ${model.states.join(', ')}`)
      .optional()
      .describe('In this state only'),
    limit: schema.limit,
    cursor: schema.numericCursor,
  }),
  output: z.object({ signals: z.array(model.head), nextCursor: z.string().nullable() }),
  access: 'read',
  route: 'GET /api/v1/signals',
  positional: ['box'],
  *run(context, { box, type = '', state = '', limit, cursor }) {
    const now = yield* signals.readClock(context);
    const listing = { after: Number(cursor), type, state, now, limit: limit + 1 };
    const rows =
      box === 'issued'
        ? yield* signalsBy(context.project, context.agent, listing)
        : yield* signalsTo(context.project, context.agent, 'all', listing);
    const { signals: shown, next } = yield* pageOf(context, rows.slice(0, limit), listing);
    return { signals: shown, nextCursor: rows.length > limit ? String(next) : null };
  },
});

export const cancel = mutation({
  name: 'signals.cancel',
  summary: 'End a signal that is not needed any more',
  description: 'For its issuer. One that has ended is answered as it is.',
  input: z.strictObject({ id: model.signalId }),
  output: model.signal,
  access: 'write',
  route: 'POST /api/v1/signals/{id}/cancel',
  positional: ['id'],
  *run(context, { id }) {
    const row = yield* signals.findOwn(context, id);
    yield* signals.settle(context, row);
    if (row.state === 'open') yield* signals.end(context, row, 'cancelled');
    return yield* signals.viewOf(context, row, context.now);
  },
});

export const verify = query({
  name: 'signals.verify',
  summary: 'Make the proof of an acknowledgement again and compare it with the stored one',
  description: 'Not valid where there is no answer, or none that the caller may see.',
  input: z.strictObject({
    signal: model.signalId,
    agent: schema.agentId.describe('The target whose answer is verified'),
  }),
  output: z.object({ valid: z.boolean() }),
  access: 'read',
  route: 'GET /api/v1/signals/{signal}/acknowledgements/{agent}/verify',
  positional: ['signal', 'agent'],
  *run(context, { signal, agent }) {
    return { valid: yield* answering.verify(context, signal, agent) };
  },
});

const sweepPage = 500;

export const sweep = mutation({
  name: 'signals.sweep',
  summary: 'Record the end of signals whose deadline has passed',
  description:
    'Tidies a page; "more" says whether to call again. Nothing depends on it: a deadline is judged where answers arrive.',
  input: z.strictObject({}),
  output: z.object({ timedOut: z.int(), more: z.boolean() }),
  access: 'write',
  route: 'POST /api/v1/signals-sweep',
  *run(context) {
    yield* context.caretaker();
    const due = yield* dueSignals(context.project, context.now, sweepPage);
    for (const row of due) yield* signals.end(context, row, 'timed_out');
    return { timedOut: due.length, more: due.length === sweepPage };
  },
});

export const prune = mutation({
  name: 'signals.prune',
  summary: 'Forget signals that ended long ago',
  description: 'Their ledger entries stay. Forgets a page; "more" says whether to call again.',
  input: z.strictObject({
    olderThanMs: schema.olderThanMs(30),
    limit: schema.limit,
  }),
  output: schema.pruned,
  access: 'admin',
  route: 'POST /api/v1/signals-prune',
  *run(context, { olderThanMs, limit }) {
    return yield* prunePage(context, Math.max(0, context.now - olderThanMs), limit);
  },
});
