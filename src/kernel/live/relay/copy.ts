import { RookeryError } from '../../errors.ts';
import { prefixOf } from '../projection.ts';
import type { RedisParameter, RedisPort } from '../redis.ts';
import { begin, fill, leave, push, type Script } from './scripts.ts';

export interface CopyParts {
  readonly project: string;
  /** The store's id: two stores may feed one Redis. */
  readonly store: string;
  readonly port: RedisPort;
  /** A text that nobody drew before. */
  readonly draw: () => string;
  /** Entries that the feed in Redis keeps, about. */
  readonly feedLength: number;
}

/** So long an answer may take before the connection counts as lost. */
const answerMs = 10_000;

/** The copy of one project in Redis, as far as this process knows it. */
export class Copy {
  readonly #parts: CopyParts;
  /** Drawn when the copy was begun; undefined until it is known. */
  #token: string | undefined;
  #position = 0;
  #feedOf: string | null = null;
  #refused = 0;
  #refusal = '';
  #unanswered = false;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  get known(): boolean {
    return this.#token !== undefined;
  }

  /** Sequence number up to which Redis has everything, when it was asked last. */
  get position(): number {
    return this.#position;
  }

  /** Id of another store whose feed stands under this project's name. */
  get feedOf(): string | null {
    return this.#feedOf;
  }

  /** Writes that Redis refused one by one, and the code of the last refusal. */
  get refusals(): { readonly count: number; readonly code: string } {
    return { count: this.#refused, code: this.#refusal };
  }

  /** An answer is outstanding that was given up on: sending more would only add to the pile. */
  get unanswered(): boolean {
    return this.#unanswered;
  }

  forget(): void {
    this.#token = undefined;
  }

  /**
   * Asks Redis where it is, and begins anew at `start` where it does not know. Answers whether hot keys are to be
   * written anew.
   */
  async begin(start: number, head: number, stored: number): Promise<boolean> {
    const { store, draw } = this.#parts;
    this.#token = draw();
    const [, token, position, filling, feedOf] = await this.#send(begin, [start, head, stored]);
    this.#token = token;
    this.#position = Number(position);
    this.#feedOf = feedOf === store ? null : feedOf!;
    return filling === '1';
  }

  /** Applies entries that follow the position. Answers false when Redis is somewhere else: then begin again. */
  async push(parameters: readonly RedisParameter[]): Promise<boolean> {
    const { feedLength, store } = this.#parts;
    const [outcome, position, refused, refusal, feedOf] = await this.#send(push, [
      this.#position,
      feedLength,
      ...parameters,
    ]);
    if (outcome !== 'applied') return false;
    this.#position = Number(position);
    this.#feedOf = feedOf === store ? null : feedOf!;
    this.#count(refused!, refusal!);
    return true;
  }

  /** Writes hot keys apart from any entry. Answers false when the copy was begun anew by somebody else. */
  async fill(last: boolean, parameters: readonly RedisParameter[]): Promise<boolean> {
    const [outcome, refused, refusal] = await this.#send(fill, [last ? 1 : 0, ...parameters]);
    if (outcome === 'filled') this.#count(refused!, refusal!);
    return outcome === 'filled';
  }

  /** Lets go of the feed, so that another store may have it. */
  async leave(): Promise<void> {
    if (this.known && this.#parts.port.state === 'connected' && !this.#unanswered)
      await this.#send(leave, []);
  }

  #count(refused: string, refusal: string): void {
    this.#refused += Number(refused);
    if (refusal !== '') this.#refusal = refusal;
  }

  async #send(script: Script, parameters: readonly RedisParameter[]): Promise<string[]> {
    const { port, project, store } = this.#parts;
    const answer = script.run(port, [prefixOf(project), store, this.#token ?? '', ...parameters]);
    const late = Promise.withResolvers<never>();
    // It holds the process, which the connection does not: `close` must come to its end.
    const timer = setTimeout(() => {
      this.#unanswered = true;
      port.reset();
      late.reject(new RookeryError('UNAVAILABLE', `Redis did not answer within ${answerMs} ms`));
    }, answerMs);
    const settled = () => {
      clearTimeout(timer);
      this.#unanswered = false;
    };
    answer.then(settled, settled);
    return await Promise.race([answer, late.promise]);
  }
}
