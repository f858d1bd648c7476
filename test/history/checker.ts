/**
 * Whether a concurrent history can be explained by one operation after the other, each taking effect at one moment
 * between its call and its return: linearizability (Herlihy and Wing 1990). The search is that of Wing and Gong with
 * Lowe's improvements (2017): a memo of what was tried, and operations lifted out of a linked list and put back.
 */

/** One operation of a history. Times only have to be comparable with each other. */
export interface Performed<Call, Answer> {
  readonly process: number;
  readonly call: Call;
  readonly calledAt: number;
  /** Undefined when nobody knows how it ended: it may take effect at any time after its call, or never. */
  readonly outcome: { readonly answer: Answer; readonly returnedAt: number } | undefined;
}

/** What one record is supposed to do, one operation after the other. */
export interface Model<State, Call, Answer> {
  readonly initial: State;
  /** The state after the call, or undefined when it could not have given this answer. No answer: it is not known. */
  step(state: State, call: Call, answer: Answer | undefined): State | undefined;
  /** Equal for states that cannot be told apart. */
  key(state: State): string;
}

export type Verdict<Call, Answer> =
  | { readonly kind: 'linearizable' }
  /** No order explains the history; `explained` is as far as one got. */
  | { readonly kind: 'violation'; readonly explained: readonly Performed<Call, Answer>[] }
  /** The search was not finished: proves nothing, and counts as a failure. */
  | { readonly kind: 'timed out' };

/** A history of one record. The search takes exponential time at worst: keep it to ten processes and 100 operations. */
export function check<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Performed<Call, Answer>[],
  timeoutMs = 10_000,
): Verdict<Call, Answer> {
  return new Search(model, operations).run(performance.now() + timeoutMs);
}

/** Histories of independent records, by key: together they are linearizable exactly if each one is. */
export function checkEach<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  histories: ReadonlyMap<string, readonly Performed<Call, Answer>[]>,
  timeoutMs?: number,
): Verdict<Call, Answer> {
  for (const operations of histories.values()) {
    const verdict = check(model, operations, timeoutMs);
    if (verdict.kind !== 'linearizable') return verdict;
  }
  return { kind: 'linearizable' };
}

/** A call or a return in the list of what is not explained yet, in the order of time. */
interface Entry {
  readonly operation: number;
  /** The return that belongs to a call; a call without one may be left out. */
  readonly end: Entry | undefined;
  readonly isCall: boolean;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/** How often the clock is asked: once in so many steps. */
const stepsBetweenLooks = 4096;

class Search<State, Call, Answer> {
  readonly #model: Model<State, Call, Answer>;
  readonly #operations: readonly Performed<Call, Answer>[];
  readonly #first: Entry;
  readonly #explained: Explained;
  readonly #tried = new Set<string>();
  readonly #trail: { readonly entry: Entry; readonly before: State }[] = [];
  #state: State;
  /** Operations with a known outcome that are not explained yet. */
  #left: number;
  #longest: readonly number[] = [];

  constructor(model: Model<State, Call, Answer>, operations: readonly Performed<Call, Answer>[]) {
    this.#model = model;
    this.#operations = operations;
    this.#state = model.initial;
    this.#left = operations.filter(({ outcome }) => outcome !== undefined).length;
    this.#explained = new Explained(operations.length);
    this.#first = listOf(operations);
  }

  run(deadline: number): Verdict<Call, Answer> {
    let entry = this.#first.next;
    for (let steps = 1; this.#left > 0; steps++) {
      if (steps % stepsBetweenLooks === 0 && performance.now() > deadline) return { kind: 'timed out' };
      if (entry!.isCall) {
        entry = this.#explain(entry!) ? this.#first.next : entry!.next;
      } else {
        // Its call would have to come before this return, and nothing that was tried allows that.
        const undone = this.#undo();
        if (!undone) {
          return { kind: 'violation', explained: this.#longest.map((index) => this.#operations[index]!) };
        }
        entry = undone.next;
      }
    }
    return { kind: 'linearizable' };
  }

  /** Lets the operation take effect now, unless it cannot or this situation was tried before. */
  #explain(entry: Entry): boolean {
    const { call, outcome } = this.#operations[entry.operation]!;
    const after = this.#model.step(this.#state, call, outcome?.answer);
    if (after === undefined) return false;
    this.#explained.add(entry.operation);
    const situation = `${this.#explained.key()}${this.#model.key(after)}`;
    if (this.#tried.has(situation)) {
      this.#explained.remove(entry.operation);
      return false;
    }
    this.#tried.add(situation);
    this.#trail.push({ entry, before: this.#state });
    if (this.#trail.length > this.#longest.length)
      this.#longest = this.#trail.map((done) => done.entry.operation);
    this.#state = after;
    if (entry.end) this.#left--;
    lift(entry);
    return true;
  }

  #undo(): Entry | undefined {
    const last = this.#trail.pop();
    if (!last) return undefined;
    this.#state = last.before;
    this.#explained.remove(last.entry.operation);
    if (last.entry.end) this.#left++;
    putBack(last.entry);
    return last.entry;
  }
}

/** A set of operation numbers with a compact key. */
class Explained {
  readonly #words: Uint16Array;

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / 16) || 1);
  }

  add(index: number): void {
    this.#words[index >> 4]! |= 1 << (index & 15);
  }

  remove(index: number): void {
    this.#words[index >> 4]! &= ~(1 << (index & 15));
  }

  /** Of the same length for all sets, so that a text may follow it. */
  key(): string {
    return String.fromCharCode(...this.#words);
  }
}

/** The list in the order of time, behind an entry that stands for its beginning. */
function listOf(operations: readonly Performed<unknown, unknown>[]): Entry {
  const entries = operations.flatMap(({ calledAt, outcome }, operation) => {
    const blank = { operation, previous: undefined, next: undefined };
    const end: Entry | undefined = outcome && { ...blank, end: undefined, isCall: false };
    const call = { at: calledAt, entry: { ...blank, end, isCall: true } };
    return outcome ? [call, { at: outcome.returnedAt, entry: end! }] : [call];
  });
  // At the same moment calls come first: then the two overlap, which excludes less.
  entries.sort((a, b) => a.at - b.at || Number(b.entry.isCall) - Number(a.entry.isCall));
  const first: Entry = { operation: -1, end: undefined, isCall: false, previous: undefined, next: undefined };
  let last = first;
  for (const { entry } of entries) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return first;
}

function lift(call: Entry): void {
  for (const entry of [call, call.end]) {
    if (!entry) continue;
    entry.previous!.next = entry.next;
    if (entry.next) entry.next.previous = entry.previous;
  }
}

/** In the opposite order of `lift`, so that neighbours find each other again. */
function putBack(call: Entry): void {
  for (const entry of [call.end, call]) {
    if (!entry) continue;
    entry.previous!.next = entry;
    if (entry.next) entry.next.previous = entry;
  }
}
