/** The ids that were added last, each once; when there are more than `most`, the oldest is forgotten. */
export class RecentIds implements Iterable<string> {
  readonly #ids = new Set<string>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  add(id: string): void {
    this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size <= this.#most) return;
    const [oldest] = this.#ids;
    this.#ids.delete(oldest!);
  }

  clear(): void {
    this.#ids.clear();
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#ids.values();
  }
}
