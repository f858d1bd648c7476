import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { databaseName } from '../../src/folder.ts';
import type { Rookery } from '../../src/rookery.ts';
import { atMost, type Bench, compared, concurrently, count, inTurn } from '../measure.ts';
import { callers, noteOf, withStore } from '../stores.ts';

export const storageBenches: readonly Bench[] = [
  {
    name: 'ledger on disk, bytes an entry',
    run(scale) {
      return withStore(async ({ rookery, folder }) => {
        const entries = count(100_000, scale);
        const { memory } = rookery.as('coder-1');
        await concurrently(callers, entries, (i) =>
          memory.set({ key: `task/${i % 1000}`, value: noteOf(i) }),
        );
        const bytes = ledgerBytes(join(folder, databaseName));
        const megabytes = (bytes / 1e6).toFixed(1);
        return {
          name: this.name,
          measured: { value: bytes / entries, unit: 'bytes' },
          note: `${entries.toLocaleString('en')} entries take ${megabytes} MB: log, index, tiles and checkpoints`,
        };
      });
    },
  },
  {
    name: 'memory.get among many keys',
    run(scale) {
      return withStore(async ({ rookery }) => {
        const many = scale.large ? 10_000_000 : count(200_000, scale);
        const few = Math.min(10_000, Math.ceil(many / 10));
        await fill(rookery, 'few', few);
        await fill(rookery, 'many', many);
        const { memory } = rookery.as('coder-1');
        const reads = count(20_000, scale);
        const getFrom = (namespace: string, keys: number) => () =>
          concurrently(callers, reads, (i) => memory.get({ namespace, key: keyAt(scattered(i, keys)) }));
        const result = await inTurn(scale.rounds, getFrom('many', many), getFrom('few', few));
        return {
          ...compared(this.name, result, { floor: `the same among ${few.toLocaleString('en')} keys` }),
          measured: { value: 1 / result.ratio, unit: '×' },
          target: atMost(1.5),
          note: `${many.toLocaleString('en')} keys; measured is how many times as long a get takes${scale.large ? '' : '; 10,000,000 keys with --large'}`,
        };
      });
    },
  },
];

/** Pages of the log itself, of its index, and of the tree beside it, as SQLite counts them. */
function ledgerBytes(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const { bytes } = db
    .prepare(
      `SELECT SUM(pgsize) AS bytes FROM dbstat WHERE name IN (
         SELECT name FROM sqlite_schema WHERE tbl_name IN
           ('audit_log', 'ledger_heads', 'ledger_tiles', 'ledger_checkpoints'))`,
    )
    .get() as { bytes: number };
  db.close();
  return bytes;
}

const entriesAtOnce = 500;

async function fill(rookery: Rookery, namespace: string, keys: number): Promise<void> {
  const { memory } = rookery.as('coder-1');
  for (let done = 0; done < keys; done += entriesAtOnce) {
    const entries = Array.from({ length: Math.min(entriesAtOnce, keys - done) }, (_, i) => ({
      key: keyAt(done + i),
      value: noteOf(done + i),
    }));
    await memory.mset({ namespace, entries });
  }
}

function keyAt(index: number): string {
  return `task/${index}`;
}

/** Walks over all keys in an order without locality: a large prime step. */
function scattered(index: number, keys: number): number {
  return (index * 7_919_993) % keys;
}
