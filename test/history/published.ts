import { vectorCases, vectorText } from '../support/vectors.ts';
import type { Performed } from './checker.ts';
import { type HistoryEvent, operationsOf } from './events.ts';
import type { RegisterAnswer, RegisterCall, TextCall } from './models.ts';

/** Labelled histories of other projects, in the formats they were published in. */
const folder = 'linearizability';

export interface Labelled {
  readonly name: string;
  readonly linearizable: boolean;
}

export function labelled(kind: 'etcd' | 'kv'): Labelled[] {
  const expected = vectorCases<Record<'etcd' | 'kv', Record<string, boolean>>>(`${folder}/expected.json`);
  return Object.entries(expected[kind]).map(([name, linearizable]) => ({ name, linearizable }));
}

const etcdLine = /^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$/;

/** Lines of a Jepsen log; all others are about something else. */
export function etcdHistory(name: string): Performed<RegisterCall, RegisterAnswer>[] {
  const events: HistoryEvent[] = [];
  for (const line of vectorText(`${folder}/etcd/${name}`).split('\n')) {
    const match = etcdLine.exec(line.trimEnd());
    if (!match) continue;
    const [, process, , f, value] = match;
    const type = match[2] as HistoryEvent['type'];
    events.push(eventOf(events.length, Number(process), type, f!, etcdValue(type, f!, value!)));
  }
  return operationsOf<RegisterCall, RegisterAnswer>(events).get('') ?? [];
}

function etcdValue(type: HistoryEvent['type'], f: string, value: string): unknown {
  const numbers = (value.match(/-?\d+/g) ?? []).map(Number);
  if (type === 'invoke') return f === 'read' ? null : f === 'write' ? numbers[0] : numbers;
  if (f === 'cas') return type === 'ok';
  // A read or write that failed shows nothing; `null` here, where an empty register is also `nil`.
  if (type === 'fail') return null;
  return f === 'read' ? (numbers[0] ?? null) : null;
}

const kvLine =
  /^\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "([^"]*)", :value (?:nil|"([^"]*)")\}$/;

export function kvHistories(name: string): Map<string, Performed<TextCall, string>[]> {
  const lines = vectorText(`${folder}/kv/${name}`).trim().split('\n');
  const events = lines.map((line, index) => {
    const match = kvLine.exec(line);
    if (!match) throw new Error(`${name}:${index + 1} is no event: ${line}`);
    const [, process, type, f, key, value] = match;
    return { ...eventOf(index, Number(process), type as 'invoke' | 'ok', f!, value ?? ''), key: key! };
  });
  return operationsOf<TextCall, string>(events);
}

function eventOf(
  index: number,
  process: number,
  type: HistoryEvent['type'],
  f: string,
  value: unknown,
): HistoryEvent {
  return { index, process, type, f, key: '', value, time: index };
}
