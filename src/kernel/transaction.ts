import type { Subject } from './denial.ts';
import type { Change } from './ledger/entry.ts';
import { type Head, takeToken } from './ledger/head.ts';
import type { RedisWrite } from './live/writes.ts';
import type { Work } from './work.ts';

/** What a work may do to the store beyond its statements. All of it takes effect with the commit or not at all. */
export interface Transaction {
  readonly project: string;
  /** The store clock of this commit, in milliseconds. */
  readonly now: number;
  /**
   * Appends an entry to the ledger and answers its sequence number. The subject is what the entry is about, where that
   * may be shown in Redis, and `live` makes what is shown, where that is known without asking the store again.
   */
  record(change: Change, subject?: Subject, live?: Shown): number;
  /** Sequence number of the newest entry so far. */
  readonly lastSeq: number;
  /** The next fencing token of the project. */
  nextToken(): number;
  /** Names what changed, so that whoever waits for it is woken after the commit. */
  touch(topic: string): void;
  /** Runs after the commit, and not at all when the work or the batch fails: for caches of what was written. */
  afterCommit(effect: () => void): void;
  /** Memberships, grants or agent states changed: cached identities are void from here on. */
  policyChanged(): void;
  /** The policy epoch, or undefined while this batch has changed it: then nothing may be cached. */
  readonly policyEpoch: number | undefined;
  /** Keys changed: those that are remembered are void from here on, in every process. */
  keysChanged(): void;
  /** The key epoch, or undefined while this batch has changed it. */
  readonly keyEpoch: number | undefined;
}

/** An entry that a work recorded. */
export interface Recorded {
  readonly change: Change;
  /** The number that the first entry of the same work gets. */
  readonly unit: number;
  readonly subject: Subject | undefined;
  /** What the entry changes in Redis; undefined where that is to be found in the store. */
  readonly writes: readonly RedisWrite[] | undefined;
}

/** Makes what an entry changes in Redis, exactly as the projection of its kind would; `version` is the entry's number. */
export type Shown = (version: number) => readonly RedisWrite[];

/** What a live copy elsewhere adds to each commit of a project, in its transaction: see `live/relay/outbox.ts`. */
export interface Outbox {
  /** Before the works. */
  enter(head: Head, tx: Transaction): Work<void>;
  /** After them, before their entries are appended. */
  leave(head: Head, tx: Transaction, recorded: readonly Recorded[]): Work<void>;
}

export interface Mark {
  readonly changes: number;
  readonly effects: number;
  readonly topics: number;
  readonly fence: number;
  readonly policyEpoch: number;
  readonly keyEpoch: number;
}

/** The side of a batch that belongs to one project. A rolled-back work leaves no trace here either. */
export class ProjectWrites implements Transaction {
  readonly head: Head;
  readonly changes: Recorded[] = [];
  /** Entries as hashed, once they are appended. */
  texts: readonly string[] = [];
  readonly topics: string[] = [];
  readonly effects: (() => void)[] = [];
  readonly #committedFence: number;
  readonly #committedPolicy: number;
  readonly #committedKeys: number;
  /** The number that the first entry of the running work gets. */
  #unit = 0;

  constructor(head: Head) {
    this.head = head;
    this.#committedFence = head.fence;
    this.#committedPolicy = head.policyEpoch;
    this.#committedKeys = head.keyEpoch;
  }

  get project(): string {
    return this.head.project;
  }

  get now(): number {
    return this.head.clockMs;
  }

  get policyEpoch(): number | undefined {
    return this.head.policyEpoch === this.#committedPolicy ? this.#committedPolicy : undefined;
  }

  get keyEpoch(): number | undefined {
    return this.head.keyEpoch === this.#committedKeys ? this.#committedKeys : undefined;
  }

  get dirty(): boolean {
    const { fence, policyEpoch, keyEpoch } = this.head;
    const numbers = fence !== this.#committedFence || policyEpoch !== this.#committedPolicy;
    return this.changes.length > 0 || numbers || keyEpoch !== this.#committedKeys;
  }

  get lastSeq(): number {
    return this.head.frontier.size + this.changes.length;
  }

  record(change: Change, subject?: Subject, live?: Shown): number {
    const writes = live && this.head.relayed ? live(this.lastSeq + 1) : undefined;
    this.changes.push({ change, unit: this.#unit, subject, writes });
    return this.lastSeq;
  }

  nextToken(): number {
    return takeToken(this.head);
  }

  touch(topic: string): void {
    this.topics.push(topic);
  }

  afterCommit(effect: () => void): void {
    this.effects.push(effect);
  }

  policyChanged(): void {
    this.head.policyEpoch += 1;
  }

  keysChanged(): void {
    this.head.keyEpoch += 1;
  }

  mark(): Mark {
    const { fence, policyEpoch, keyEpoch } = this.head;
    const [changes, effects, topics] = [this.changes.length, this.effects.length, this.topics.length];
    this.#unit = this.head.frontier.size + changes + 1;
    return { changes, effects, topics, fence, policyEpoch, keyEpoch };
  }

  restore(mark: Mark): void {
    this.changes.length = mark.changes;
    this.effects.length = mark.effects;
    this.topics.length = mark.topics;
    this.head.fence = mark.fence;
    this.head.policyEpoch = mark.policyEpoch;
    this.head.keyEpoch = mark.keyEpoch;
  }
}
