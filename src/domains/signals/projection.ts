import type { ReadContext } from '../../kernel/context.ts';
import type { Projection } from '../../kernel/live/projection.ts';
import type { RedisWrite } from '../../kernel/live/writes.ts';
import { shownOf } from '../../kernel/vault/shown.ts';
import type { Work } from '../../kernel/work.ts';
import { answerBindingOf } from './answering.ts';
import { answersAfter, receiversAfter } from './shown-statements.ts';
import { payloadBindingOf } from './signals.ts';
import { newestTo, signalById, targetOf, targetsOf } from './statements.ts';

const pageSize = 200;
/** The version of what comes from the tables: an inbox has no entry of its own, and whatever entry shows it is newer. */
const beforeAnyEntry = 0;

/** Seed 000: how long a copy of an acknowledgement lives. */
const ackTtlMs = 3_600_000;

/**
 * The keys of seed 000: `blocking:signal:<receiver>` holds what was addressed to an agent last and is open, until its
 * deadline; `blocking:ack:<coordinator>:<signal>` an answer, for an hour. Who said what of which kind is in clear,
 * payloads and what was added to an answer are envelopes. `blocking:audit` hears of each answer.
 */
export const projections: readonly Projection[] = [
  {
    kind: 'signal',
    *commands(context, { name }, { seq }) {
      const writes: RedisWrite[] = [];
      for (const { agent_id } of yield* targetsOf(context.project, name))
        writes.push(yield* inboxWrite(context, agent_id, seq));
      return writes;
    },
    *stored(context, after = ['']) {
      const receivers = yield* receiversAfter(context.project, String(after[0]), pageSize);
      const writes: RedisWrite[] = [];
      for (const { agent_id } of receivers) writes.push(yield* inboxWrite(context, agent_id, beforeAnyEntry));
      return { writes, next: receivers.length === pageSize ? [receivers.at(-1)!.agent_id] : undefined };
    },
  },
  {
    kind: 'acknowledgement',
    *commands(context, { name }, { seq, op, time }) {
      const [id, agent] = name.split('\n') as [string, string];
      const writes = [yield* inboxWrite(context, agent, seq)];
      const ack = yield* ackWrite(context, id, agent, seq);
      if (!ack) return writes;
      const row = { action: 'signal_ack_sent', entity_type: 'event', entity_id: id, changed_by: agent };
      const message = { ...row, category: 'blocking-coordination', operation: op, seq, timestamp: time };
      return [
        ...writes,
        ack,
        { type: 'publish', channel: 'blocking:audit', message: JSON.stringify(message) },
      ];
    },
    *stored(context, after = ['', '']) {
      const from = [String(after[0]), String(after[1])] as const;
      const answers = yield* answersAfter(context.project, from, context.now - ackTtlMs, pageSize);
      const writes: RedisWrite[] = [];
      for (const { signal_id, agent_id } of answers) {
        const write = yield* ackWrite(context, signal_id, agent_id, beforeAnyEntry);
        if (write) writes.push(write);
      }
      const last = answers.length === pageSize ? answers.at(-1) : undefined;
      return { writes, next: last && [last.signal_id, last.agent_id] };
    },
  },
];

function* inboxWrite(context: ReadContext, receiver: string, version: number): Work<RedisWrite> {
  const key = `blocking:signal:${receiver}`;
  const row = yield* newestTo(context.project, receiver, context.now);
  if (!row) return { type: 'delete', key, version };
  const sealed =
    row.sealed && (yield* shownOf(context, { value: null, sealed: row.sealed }, payloadBindingOf(row)));
  const value = JSON.stringify({
    messageId: row.id,
    senderId: row.issuer,
    receiverId: receiver,
    type: row.type,
    iteration: row.iteration ?? 0,
    timestamp: row.sent_at,
    ...(sealed && { sealed: JSON.parse(sealed) as unknown }),
  });
  return { type: 'set', key, value, version, ttlMs: row.deadline_ms - context.now };
}

function* ackWrite(
  context: ReadContext,
  id: string,
  agent: string,
  version: number,
): Work<RedisWrite | undefined> {
  const signal = yield* signalById(context.project, id);
  const row = signal && (yield* targetOf(context.project, id, agent));
  if (row?.answer !== 'acked' && row?.answer !== 'refused') return undefined;
  const stored = { value: null, sealed: row.sealed };
  const sealed = row.sealed && (yield* shownOf(context, stored, answerBindingOf(row, signal!)));
  const value = JSON.stringify({
    coordinatorId: agent,
    signalId: id,
    timestamp: row.answered_at,
    iteration: row.iteration,
    status: row.answer === 'acked' ? 'received' : 'refused',
    ...(sealed && { sealed: JSON.parse(sealed) as unknown }),
  });
  const ttlMs = row.answered_at! + ackTtlMs - context.now;
  const key = `blocking:ack:${agent}:${id}`;
  return ttlMs > 0 ? { type: 'set', key, value, version, ttlMs } : { type: 'delete', key, version };
}
