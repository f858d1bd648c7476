import { type Stage, stages } from './protocol.ts';

/** A worker that was killed in the middle of its work. */
export interface Kill {
  readonly worker: string;
  readonly pid: number;
  readonly file: string;
  readonly stage: Stage;
  /** The fencing token of the lock it held. */
  readonly token: number;
}

/**
 * Decides which workers die: one at each stage, spread over the first third of the work, so that the others take over
 * while there is still work going on. Every one of them has an item and the lock of its file in hand.
 */
export class Casualties {
  readonly #files: number;
  readonly kills: Kill[] = [];
  #held = 0;
  #condemned = 0;

  constructor(files: number) {
    this.#files = files;
  }

  /** Told that a worker has an item in hand: the stage at which it is to stop, or undefined to let it work. */
  decide(): Stage | undefined {
    this.#held += 1;
    if (this.#condemned === stages.length) return undefined;
    const due = Math.floor((this.#files * (this.#condemned + 1)) / 10);
    return this.#held >= due ? stages[this.#condemned++] : undefined;
  }
}
