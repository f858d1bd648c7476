import { expect, it } from 'vitest';
import { type Child, ended, memory, start, temporaryFolder } from '../support/processes.ts';

const ttlMs = 100;

type Request =
  | { readonly does: 'read'; readonly token: number }
  | { readonly does: 'write'; readonly token: number; readonly value: number }
  | { readonly does: 'end'; readonly token: number; readonly released: string };

/**
 * A counter outside the store that processes read and write under a lease. Every third reader is stopped between its
 * read and its write, until somebody with a later lease has incremented the counter meanwhile.
 */
class Counter {
  value = 0;
  /** Increments that were answered with `ok`. */
  acknowledged = 0;
  /** Accesses that were refused because a later lease had been here before. */
  fenced = 0;
  pauses = 0;
  /** How a holder that had been paused fared when it released. */
  readonly releasedLate: string[] = [];
  #newest = 0;
  #reads = 0;
  #paused: { readonly child: Child; readonly token: number } | undefined;
  readonly #late = new Set<number>();
  readonly #fence: boolean;
  readonly #pausesMax: number;

  constructor(fence: boolean, pausesMax: number) {
    this.#fence = fence;
    this.#pausesMax = pausesMax;
  }

  async serve(child: Child): Promise<void> {
    for await (const line of child.lines) {
      const answer = this.#answer(child, JSON.parse(line) as Request);
      child.process.stdin!.write(`${answer}\n`);
    }
    expect([await ended(child.process), child.stderr()]).toEqual([0, '']);
  }

  #answer(child: Child, request: Request): string {
    if (request.does === 'end') {
      if (this.#late.has(request.token)) this.releasedLate.push(request.released);
      return 'ok';
    }
    // Both are checked: who wrote under an old token after a newer read would undo what the newer one writes.
    if (this.#fence && request.token < this.#newest) {
      this.fenced++;
      return 'fenced';
    }
    this.#newest = Math.max(this.#newest, request.token);
    return request.does === 'read'
      ? this.#read(child, request.token)
      : this.#write(request.token, request.value);
  }

  #read(child: Child, token: number): string {
    if (this.#done) return 'stop';
    if (++this.#reads % 3 === 0 && !this.#paused) {
      child.process.kill('SIGSTOP');
      this.#paused = { child, token };
      this.#late.add(token);
      this.pauses++;
    }
    return String(this.value);
  }

  #write(token: number, value: number): string {
    this.value = value;
    this.acknowledged++;
    if (this.#paused && token > this.#paused.token) {
      this.#paused.child.process.kill('SIGCONT');
      this.#paused = undefined;
    }
    return 'ok';
  }

  get #done(): boolean {
    return this.pauses >= this.#pausesMax && !this.#paused;
  }
}

async function increment(names: readonly string[], fence: boolean, pauses: number): Promise<Counter> {
  const path = temporaryFolder(memory);
  const counter = new Counter(fence, pauses);
  const children = names.map((name) =>
    start('test/faults/children/incrementer.ts', [path, name, String(ttlMs)]),
  );
  await Promise.all(children.map((child) => counter.serve(child)));
  return counter;
}

it('no increment is lost to holders that are paused past their lease, where tokens are checked [LK3, LK4, C3]', async () => {
  const { value, acknowledged, fenced, pauses, releasedLate } = await increment(['a', 'b', 'c'], true, 10);
  expect(pauses).toBe(10);
  expect(value).toBe(acknowledged);
  expect(acknowledged).toBeGreaterThanOrEqual(pauses);
  expect(fenced).toBeGreaterThanOrEqual(pauses);
  expect(new Set(releasedLate)).toEqual(new Set(['LEASE_LOST']));
});

it('increments are lost to them where tokens are ignored [LK4]', async () => {
  const { value, acknowledged } = await increment(['a', 'b'], false, 4);
  expect(value).toBeLessThan(acknowledged);
});
