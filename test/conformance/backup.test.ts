import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { temporaryFolder } from '../support/processes.ts';
import { execute } from '../support/statements.ts';
import { tamper } from '../support/tampering.ts';
import { until } from '../support/until.ts';

const masterKey = Buffer.alloc(32, 'key of the store and its copies');

async function filled(path: string): Promise<Rookery> {
  const rookery = await openRookery({ path, masterKey });
  for (let i = 0; i < 300; i++)
    void rookery.as(`a${i % 3}`).memory.set({ key: `k${i}`, value: 'x'.repeat(500), level: 'private' });
  await rookery.memory.set({ key: 'public', value: 'text of the project' });
  return rookery;
}

it('copies a store that is written to, and the copy is verified before it gets its name', async () => {
  const folder = temporaryFolder();
  await using rookery = await filled(folder);
  const file = join(folder, 'copy.db');
  let writing = true;
  const writer = (async () => {
    while (writing) await rookery.memory.incr({ key: 'n' });
  })();
  await until('the writer writes', async () => (await rookery.memory.has({ key: 'n' })).exists);
  const verified = await rookery.store.backup(file);
  writing = false;
  await writer;
  expect(verified).toMatchObject({ ok: true, findings: [] });
  expect(verified!.records).toBeGreaterThan(300);
  expect(readdirSync(folder).filter((name) => name.startsWith('copy.db'))).toEqual(['copy.db']);
  await using copy = await openRookery({ path: file, masterKey });
  expect((await copy.as('a1').memory.get({ key: 'k1' }))?.value).toBe('x'.repeat(500));
  expect((await copy.audit.verify()).findings).toEqual([]);
});

it('never fails because others write at the same time', async () => {
  const folder = temporaryFolder();
  await using rookery = await filled(folder);
  let writing = true;
  const writers = Array.from({ length: 4 }, async (_, i) => {
    for (let n = 0; writing; n++)
      await rookery.memory.set({ key: `w${i}-${n % 500}`, value: 'x'.repeat(600) });
  });
  try {
    for (let copies = 0; copies < 12; copies++)
      await rookery.store.backup(join(folder, 'copy.db'), { verify: false });
  } finally {
    writing = false;
    await Promise.all(writers);
  }
});

it('replaces an older copy, and never the store, a key or a log', async () => {
  const folder = temporaryFolder();
  await using rookery = await openRookery({ path: folder });
  await rookery.memory.set({ key: 'k', value: 1 });
  const before = readFileSync(join(folder, 'root.key'));
  for (const name of ['rookery.db', 'rookery.db-wal', 'root.key', 'ledger-signing.key', '.'])
    await expect(rookery.store.backup(join(folder, name))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'file' },
    });
  expect(readFileSync(join(folder, 'root.key'))).toEqual(before);
  for (let i = 0; i < 2; i++) await rookery.store.backup(join(folder, 'copy.db'));
  await rookery.memory.set({ key: 'k', value: 2 });
  await rookery.close();
  await using again = await openRookery({ path: folder });
  expect((await again.memory.get({ key: 'k' }))?.value).toBe(2);
});

it('refuses and removes a copy that contradicts its ledger, and copies it as it is when told to', async () => {
  const folder = temporaryFolder();
  await using rookery = await filled(folder);
  await execute(rookery, "UPDATE memory SET value = '\"edited\"' WHERE key = 'public'");
  const file = join(folder, 'copy.db');
  await expect(rookery.store.backup(file)).rejects.toMatchObject({
    code: 'TAMPERED',
    details: { findings: 1, first: 'state-changed' },
  });
  expect(readdirSync(folder).filter((name) => name.startsWith('copy.db'))).toEqual([]);
  expect(await rookery.store.backup(file, { verify: false })).toBeUndefined();
  expect(existsSync(file)).toBe(true);
});

it('verifies the copy itself: the store beneath has no finding where the copy went wrong', async () => {
  const folder = temporaryFolder();
  await using rookery = await filled(folder);
  const file = join(folder, 'copy.db');
  const { engine } = rookery.store;
  // A copy that goes wrong on its way: the store itself has no finding.
  const original = engine.backup!.bind(engine);
  engine.backup = (target, options) =>
    original(target, {
      ...options,
      verify: async (copy) => {
        tamper(`${target}.partial`, (raw) => raw.run("UPDATE memory SET value = '2' WHERE key = 'public'"));
        await options!.verify!(copy);
      },
    });
  await expect(rookery.store.backup(file)).rejects.toMatchObject({ code: 'TAMPERED' });
  expect((await rookery.audit.verify()).findings).toEqual([]);
  expect(existsSync(file)).toBe(false);
});
