import { RookeryError } from '../../../kernel/errors.ts';
import type { Store } from '../../../kernel/store.ts';
import type { Decision, Question } from './permission-model.ts';
import { decision } from './permissions.ts';

/** The longest that any answer is remembered. */
export const answersKeptMs = 5 * 60_000;
const answersMax = 10_000;

interface Remembered {
  readonly decision: Decision;
  readonly epoch: number;
  readonly until: number;
}

/**
 * Permission questions of a program that holds the store open, answered from memory as long as the policy stands: an
 * answer is void once the policy epoch has grown (with a commit of this process at once, with one of another process 4 ms
 * later at most), when a membership or permission that it rests on ends, and after five minutes in any case.
 */
export class PermissionAnswers {
  readonly #store: Store;
  readonly #project: string;
  readonly #remembered = new Map<string, Remembered>();

  constructor(store: Store, project: string) {
    this.#store = store;
    this.#project = project;
  }

  /** Answers without a promise. UNAVAILABLE on an engine that cannot: use `ask`. */
  check(question: Question): Decision {
    const { engine } = this.#store;
    if (!engine.readSync)
      throw new RookeryError('UNAVAILABLE', 'this engine has no synchronous interface: use "ask"');
    const now = this.#store.now(this.#project);
    const epoch = this.#store.policy.current(this.#project)!;
    const key = `${question.resourceType}\n${question.level}\n${question.act}\n${question.agent}`;
    const known = this.#remembered.get(key);
    if (known !== undefined && known.epoch === epoch && now < known.until) return known.decision;
    const found = engine.readSync(() => decision({ project: this.#project, now }, question), false);
    if (this.#remembered.size >= answersMax) this.#remembered.clear();
    const latest = now + answersKeptMs;
    const until = found.until === null ? latest : Math.min(found.until, latest);
    this.#remembered.set(key, { decision: found, epoch, until });
    return found;
  }

  /** The same on any engine; where it takes a promise to ask the store, nothing is remembered. */
  async ask(question: Question): Promise<Decision> {
    const { engine } = this.#store;
    if (engine.readSync) return this.check(question);
    const now = this.#store.now(this.#project);
    return await engine.read(() => decision({ project: this.#project, now }, question));
  }
}
