import type { Principal } from '../access/model.ts';
import type { Subject } from '../context.ts';

/** How long reads of one thing by one actor are counted together. */
export const readWindowMs = 60_000;
const windowsMax = 10_000;

export interface ReadWindow {
  readonly principal: Principal;
  readonly operation: string;
  readonly subject: Subject;
  readonly firstMs: number;
  lastMs: number;
  /** Reads since the first, which has its own entry. */
  more: number;
}

/**
 * Coalesces reads of private, team and system data. The first read of a window has its entry on disk before it is
 * answered; the others are counted and written as one entry when the window ends.
 */
export class ReadWindows {
  readonly #windows = new Map<string, ReadWindow>();

  /** True when this read opens a window: its entry must be written now. */
  opens(principal: Principal, operation: string, subject: Subject, now: number): boolean {
    const key = keyOf(principal, operation, subject);
    const window = this.#windows.get(key);
    if (window && now - window.firstMs < readWindowMs) {
      window.more++;
      window.lastMs = now;
      return false;
    }
    if (window) this.#ended.push(window);
    this.#windows.delete(key);
    this.#windows.set(key, { principal, operation, subject, firstMs: now, lastMs: now, more: 0 });
    return true;
  }

  /** The entry of the first read could not be written, so that it was not answered: the next one is a first one again. */
  withdraw(principal: Principal, operation: string, subject: Subject): void {
    const key = keyOf(principal, operation, subject);
    const window = this.#windows.get(key);
    if (window) this.#ended.push(window);
    this.#windows.delete(key);
  }

  #ended: ReadWindow[] = [];

  /** Windows that ended with counted reads, removed; all of them when the store closes. */
  take(now: number, all = false): ReadWindow[] {
    for (const [key, window] of this.#windows) {
      // Insertion order is order of opening: the first that is still young ends the search.
      if (!all && now - window.firstMs < readWindowMs && this.#windows.size <= windowsMax) break;
      this.#windows.delete(key);
      this.#ended.push(window);
    }
    const counted = this.#ended.filter((window) => window.more > 0);
    this.#ended = [];
    return counted;
  }

  /** Keeps what was taken and could not be written, for the next time. */
  putBack(window: ReadWindow): void {
    this.#ended.push(window);
  }
}

function keyOf({ project, agent }: Principal, operation: string, { kind, name, scope }: Subject): string {
  return [project, agent, operation, kind, name, scope].join('\n');
}
