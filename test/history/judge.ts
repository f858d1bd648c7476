import { check, type Model, type Performed } from './checker.ts';
import { claim } from './claims.ts';
import { type Asked, type HistoryEvent, operationsOf } from './events.ts';
import { leaseMs } from './leases.ts';
import { item, lock, queue } from './models.ts';
import { vote } from './votes.ts';

/** What became of recorded histories: how many there were, and those that nothing explains. */
export interface Judgement {
  readonly histories: number;
  readonly operations: number;
  /** Operations that nobody knows the outcome of. */
  readonly unknown: number;
  readonly violations: readonly string[];
}

export function judge(events: readonly Omit<HistoryEvent, 'index'>[]): Judgement {
  const inOrder = events.toSorted((a, b) => a.time - b.time).map((event, index) => ({ ...event, index }));
  const histories = operationsOf<Asked, unknown>(inOrder);
  const all = [...histories.values()].flat();
  return {
    histories: histories.size,
    operations: all.length,
    unknown: all.filter(({ outcome }) => outcome === undefined).length,
    violations: [...histories].flatMap(([key, operations]) => explain(key, operations)),
  };
}

const models = { item, lock, queue, vote, claim };
const leased = new Set<keyof typeof models>(['lock', 'claim']);

function explain(key: string, operations: readonly Performed<Asked, unknown>[]): string[] {
  const kind = key.split('-', 1)[0] as keyof typeof models;
  const all = leased.has(kind) ? [...operations, ...expiries(operations)] : operations;
  const verdict = check(models[kind] as Model<unknown, Asked, unknown>, all);
  if (verdict.kind === 'linearizable') return [];
  const explained = verdict.kind === 'violation' ? verdict.explained : [];
  const left = all.filter((operation) => !explained.includes(operation));
  const lines = (part: typeof all) => part.map((operation) => `  ${JSON.stringify(operation)}`).join('\n');
  return [`${key}: ${verdict.kind}\nexplained:\n${lines(explained)}\nleft:\n${lines(left)}`];
}

/** The store counts whole milliseconds, and each process reads the clock by itself. */
const clockSlackNs = 2_000_000;

/**
 * The end of each lease, as an operation of nobody: not before its time, counted from the call that began it, and by
 * then at the latest, counted from the answer.
 */
function expiries(operations: readonly Performed<Asked, unknown>[]): Performed<Asked, unknown>[] {
  return operations
    .filter(({ call }) => call.f === 'acquire' || call.f === 'claim')
    .filter(({ outcome }) => outcome?.answer !== false && outcome?.answer !== 0)
    .map(({ process, call, calledAt, outcome }) => {
      const kind = (call.value as string).split(' ', 1)[0] as keyof typeof leaseMs;
      const lastsNs = leaseMs[kind] * 1_000_000;
      return {
        ...{ process, call: { f: 'expire', value: call.value }, calledAt: calledAt + lastsNs - clockSlackNs },
        outcome: outcome && { answer: true, returnedAt: outcome.returnedAt + lastsNs + clockSlackNs },
      };
    });
}
