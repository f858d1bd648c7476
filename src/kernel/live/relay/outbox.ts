import type { Head } from '../../ledger/head.ts';
import type { Outbox, Recorded, Transaction } from '../../transaction.ts';
import type { Work } from '../../work.ts';
import { addPointers, progressOf, putRelay, setRelayed } from './statements.ts';

/** Which thing an entry is about, as the row of its batch has it. */
export type Pointer = [seq: number, kind: string, name: string, scope: string];

const pointersPerRow = 500;

/** What a relay of this process has to say inside a commit. */
export interface Settling {
  /** Stores how far it has come; called in each commit of the project. */
  settle(tx: Transaction): Work<void>;
}

/**
 * A relay that has not come by for so many entries is not waited for any more: what it missed by then it finds in the
 * tables. It bounds what a Redis that was taken out of service leaves behind.
 */
export const backlogMax = 500_000;
/** How often that is looked at, in entries. */
const lookEvery = 4096;

/** The relay's share of every commit: pointers beside the entries, in the same transaction. */
export class Pointers implements Outbox {
  /** Kinds that have a projection; of others nobody would ask. */
  readonly #kinds: ReadonlySet<string>;
  readonly #backlogMax: number;
  #relaying: Settling | undefined;

  constructor(kinds: Iterable<string>, mostBehind: number = backlogMax) {
    this.#kinds = new Set(kinds);
    this.#backlogMax = mostBehind;
  }

  /** From now on this process relays: each project that it commits to gets a relay. */
  relayThrough(relaying: Settling): void {
    this.#relaying = relaying;
  }

  *enter(head: Head, tx: Transaction): Work<void> {
    if (!this.#relaying || head.relayed) return;
    yield* setRelayed(head.project, true);
    // What lies before has no pointers: it is found in the tables.
    yield* putRelay(head.project, head.frontier.size, tx.now);
    head.relayed = true;
  }

  *leave(head: Head, tx: Transaction, recorded: readonly Recorded[]): Work<void> {
    if (!head.relayed) return;
    const before = head.frontier.size;
    const pointers: Pointer[] = [];
    recorded.forEach(({ subject }, i) => {
      if (subject && this.#kinds.has(subject.kind))
        pointers.push([before + i + 1, subject.kind, subject.pointer ?? subject.name, subject.scope]);
    });
    for (let done = 0; done < pointers.length; done += pointersPerRow) {
      const some = pointers.slice(done, done + pointersPerRow);
      yield* addPointers(head.project, some[0]![0], some.at(-1)![0], JSON.stringify(some));
    }
    if (this.#relaying) yield* this.#relaying.settle(tx);
    const after = before + recorded.length;
    if (Math.floor(before / lookEvery) !== Math.floor(after / lookEvery)) yield* this.#giveUp(head, after);
  }

  *#giveUp({ project }: Head, size: number): Work<void> {
    const progress = yield* progressOf(project);
    if (size - (progress?.position ?? 0) > this.#backlogMax) yield* setRelayed(project, false);
  }
}
