import { openRookery, type Rookery } from '../src/rookery.ts';
import { Floor } from './floor.ts';
import { withFolder } from './measure.ts';

export const callers = 100;

/** JSON of 220 bytes: what an agent notes about a step of its work. */
export function noteOf(index: number): Record<string, unknown> {
  return {
    step: index,
    agent: 'coder-1',
    state: 'in progress',
    file: 'src/kernel/engines/sqlite/engine.ts',
    note: 'The lock is held until the tests of the second engine have passed; then it goes to the reviewer.'.padEnd(
      116 - String(index).length,
    ),
  };
}

/** A fresh store and, beside it in the same folder, the raw floor. Both are gone afterwards. */
export async function withStore<T>(
  use: (stores: { rookery: Rookery; floor: Floor; folder: string }) => Promise<T>,
): Promise<T> {
  return await withFolder(async (folder) => {
    await using rookery = await openRookery({ path: folder });
    const floor = new Floor(folder);
    try {
      return await use({ rookery, floor, folder });
    } finally {
      floor.close();
    }
  });
}
