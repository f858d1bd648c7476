import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe } from 'vitest';
import { openRookery, type Rookery, type RookeryOptions } from '../../src/rookery.ts';

/** What a conformance suite gets: fresh stores on one engine, closed and removed after each test. */
export interface Harness {
  readonly engine: string;
  /** Opens a new, empty store. */
  open(options?: RookeryOptions): Promise<Rookery>;
  /** Opens the store that was opened last a second time, as another process would. */
  again(options?: RookeryOptions): Promise<Rookery>;
}

/** Runs a suite on every engine there is. */
export function onEveryEngine(title: string, suite: (harness: Harness) => void): void {
  describe(`${title} on sqlite`, () => suite(sqliteHarness()));
}

function sqliteHarness(): Harness {
  const opened: Rookery[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    for (const rookery of opened.splice(0)) await rookery.close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  const keep = (rookery: Rookery) => {
    opened.push(rookery);
    return rookery;
  };
  return {
    engine: 'sqlite',
    async open(options) {
      folders.push(mkdtempSync(join(tmpdir(), 'rookery-')));
      return keep(await openRookery({ path: folders.at(-1)!, ...options }));
    },
    again: async (options) => keep(await openRookery({ path: folders.at(-1)!, ...options })),
  };
}
