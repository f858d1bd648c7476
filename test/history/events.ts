import type { Performed } from './checker.ts';

/**
 * A history as it is recorded by its clients, one event a line in the form that elle-cli reads too: `invoke` before a
 * call, then `ok`, `fail` (certainly not applied) or `info` (nobody knows), after which that process does no more.
 */
export interface HistoryEvent {
  readonly index: number;
  readonly process: number;
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  readonly f: string;
  readonly key: string;
  /** What was asked, at `invoke`; what was answered, else. A failure that shows something of the state says it here. */
  readonly value: unknown;
  /** Monotonic nanoseconds, one clock for all processes of a machine. */
  readonly time: number;
}

/** What a model is asked: an operation and its argument. */
export interface Asked {
  readonly f: string;
  readonly value: unknown;
}

/**
 * Pairs calls with their ends, by key. A failure without a value shows nothing and is left out; a call without an end
 * is one that nobody knows the outcome of.
 */
export function operationsOf<Call extends Asked, Answer>(
  events: readonly HistoryEvent[],
): Map<string, Performed<Call, Answer>[]> {
  const open = new Map<string, HistoryEvent>();
  const histories = new Map<string, Performed<Call, Answer>[]>();
  const add = (invoked: HistoryEvent, outcome: Performed<Call, Answer>['outcome']) => {
    const { process, key, f, value, time } = invoked;
    const operations = histories.get(key) ?? [];
    operations.push({ process, call: { f, value } as Call, calledAt: time, outcome });
    histories.set(key, operations);
  };
  for (const event of events) {
    const client = `${event.process} ${event.key}`;
    const invoked = open.get(client);
    if (event.type === 'invoke') {
      if (invoked) throw new Error(`process ${event.process} calls twice at once on ${event.key}`);
      open.set(client, event);
      continue;
    }
    if (!invoked) throw new Error(`process ${event.process} ends what it did not begin on ${event.key}`);
    if (event.type === 'info') continue;
    open.delete(client);
    if (event.type === 'fail' && event.value === null) continue;
    add(invoked, { answer: event.value as Answer, returnedAt: event.time });
  }
  for (const invoked of open.values()) add(invoked, undefined);
  return histories;
}
