import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { verifyStore } from '../../src/kernel/ledger/verify-store.ts';
import { openRookery } from '../../src/rookery.ts';
import { rawOver, Victim } from '../support/tampering.ts';

/**
 * Tables that verification answers for, with the columns that say nothing: row numbers, when a note was signed, how often
 * something was read, and whether Redis follows.
 */
const tables: Readonly<Record<string, readonly string[]>> = {
  audit_log: ['id'],
  ledger_heads: ['relayed'],
  ledger_tiles: [],
  ledger_checkpoints: ['created_at'],
  memory: ['access_count'],
  memory_history: [],
};
const edits = Number(process.env['ROOKERY_EDITS'] ?? 120);

type Cell = string | number | Uint8Array | null;

/** A value of the same kind that is another one. */
function changed(value: Cell, n: number): Cell {
  if (value === null) return n;
  if (typeof value === 'number') return value + 1 + n;
  const bytes = Buffer.from(value as string);
  if (bytes.length === 0) return typeof value === 'string' ? 'x' : Buffer.of(n);
  bytes[n % bytes.length]! ^= 1 << (n % 7);
  if (typeof value !== 'string') return bytes;
  const text = bytes.toString();
  return text === value ? `${text}x` : text;
}

let victim: Victim | undefined;
afterAll(() => victim?.remove());

it(`detects ${edits} random edits of ledger and memory, each alone [A4]`, { timeout: 600_000 }, async () => {
  victim = await Victim.filledBy(async (rookery) => {
    const [ada, bob] = [rookery.as('ada'), rookery.as('bob')];
    for (let n = 0; n < 12; n++) {
      await ada.memory.set({ key: `k${n % 5}`, value: { n } });
      await bob.memory.set({ key: `k${n % 5}`, value: { n }, level: 'private', ttl: 1000 + n });
      if (n % 4 === 0) await rookery.audit.checkpoint();
      if (n === 7) await bob.memory.delete({ key: 'k1', level: 'private' });
    }
    const entries = Array.from({ length: 240 }, (_, n) => ({ key: `many-${n}`, value: n }));
    await bob.memory.mset({ entries });
  });
  await using rookery = await openRookery({ path: victim.folder });
  const db = new DatabaseSync(join(victim.folder, 'rookery.db'), { timeout: 5000 });
  db.exec('DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete');
  const raw = rawOver(db);
  expect(await verifyStore(rookery.store)).toMatchObject({ ok: true });
  const missed: string[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(tables)),
      fc.nat(),
      fc.nat(),
      fc.nat(1000),
      async (table, rowPick, columnPick, n) => {
        const rows = raw.all<Record<string, Cell>>(`SELECT rowid AS at, * FROM ${table}`);
        const { at, ...row } = rows[rowPick % rows.length]!;
        const columns = Object.keys(row).filter((column) => !tables[table]!.includes(column));
        const column = columns[columnPick % columns.length]!;
        const before = row[column]!;
        const update = `UPDATE ${table} SET ${column} = ? WHERE rowid = ?`;
        const after = changed(before, n);
        try {
          raw.run(update, after, at!);
        } catch {
          return; // the table's own rules refuse it
        }
        const { ok } = await verifyStore(rookery.store);
        raw.run(update, before, at!);
        if (ok) missed.push(`${table}.${column} of row ${String(at)}: ${String(before)} → ${String(after)}`);
      },
    ),
    { numRuns: edits },
  );
  db.close();
  expect(missed).toEqual([]);
  expect(await verifyStore(rookery.store)).toMatchObject({ ok: true });
});
