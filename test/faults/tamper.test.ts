import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Progress } from '../../src/kernel/ledger/verify.ts';
import { verifyStore } from '../../src/kernel/ledger/verify-store.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { kindsOf, type Raw, tamper, Victim } from '../support/tampering.ts';
import { ledgerEdits } from './tampering/ledger.ts';
import { plain, stateEdits } from './tampering/state.ts';

let victim: Victim;

/** About 600 entries with two kept subtree hashes, three checkpoints, and items of every kind. */
async function fill(rookery: Rookery): Promise<void> {
  const [ada, bob] = [rookery.as('ada'), rookery.as('bob')];
  for (const value of ['one', 'two', 'three']) {
    await ada.memory.set({ key: 'plain', value });
    await ada.memory.set({ key: 'secret', value, level: 'private' });
    await ada.memory.set({ key: 'other', value, level: 'private' });
  }
  await rookery.audit.checkpoint();
  await bob.memory.set({ key: 'gone', value: 1 });
  await bob.memory.delete({ key: 'gone' });
  await bob.memory.set({ key: 'timed', value: 1, ttl: 100_000 });
  const entries = (n: number) => Array.from({ length: 190 }, (_, i) => ({ key: `k${n}-${i}`, value: i }));
  for (let n = 0; n < 3; n++) await bob.memory.mset({ entries: entries(n) });
  await rookery.audit.checkpoint();
  await ada.memory.set({ key: 'plain', value: 'four' });
  await bob.memory.set({ key: 'plain', value: 'five' });
  await rookery.audit.checkpoint();
  await ada.memory.set({ key: 'last', value: 'unsigned' });
}

beforeAll(async () => {
  victim = await Victim.filledBy(fill);
});
afterAll(() => victim.remove());

it('finds nothing wrong with a store that nobody touched', async () => {
  const phases: string[] = [];
  const onProgress = ({ phase, done }: Progress) => phases.push(`${phase} ${done}`);
  const verified = await victim.after(() => {}, { onProgress });
  expect(verified).toMatchObject({ ok: true, findings: [], more: 0, unsealed: 0 });
  expect(phases[0]).toBe(`entries ${verified.entries}`);
  expect(phases.at(-1)).toBe(`records ${verified.records}`);
});

describe('an edit of the ledger is named [A4]', () => {
  it.each(ledgerEdits)('%s', async (_, edit, kinds, named) => {
    const verified = await victim.after(edit);
    expect(kindsOf(verified)).toEqual(kinds);
    expect(verified.findings).toContainEqual(expect.objectContaining(named));
    expect(verified.ok).toBe(false);
  });

  it.each([
    ...['timestamp', 'agent_id', 'operation', 'scope', 'created_at', 'error_message', 'context_json'],
    ...['duration_ms', 'status'],
  ])('column %s', async (column) => {
    const value = column === 'status' ? 'skipped' : '7';
    const edit = (raw: Raw) => raw.run(`UPDATE audit_log SET ${column} = ? WHERE seq = 9`, value);
    const { findings } = await victim.after(edit);
    expect(findings).toMatchObject([{ kind: 'entry-changed', seq: 9 }]);
    expect(findings[0]!.message).toContain(` ${column}`);
  });
});

describe('an edit of what is stored is named [A4]', () => {
  it.each(stateEdits)('%s', async (_, edit, kinds, message) => {
    const verified = await victim.after(edit);
    expect(kindsOf(verified)).toEqual(kinds);
    expect(verified.findings.map((finding) => finding.message)).toContainEqual(
      expect.stringMatching(message),
    );
  });

  it('would not be, without the comparison [A4 sabotage]', async () => {
    const copy = victim.copy();
    tamper(join(copy, 'rookery.db'), (raw) => raw.run(`UPDATE memory SET value = '"forged"' WHERE ${plain}`));
    await using rookery = await openRookery({ path: copy });
    (rookery.store.services.ledger.checks as unknown[]).length = 0;
    expect((await verifyStore(rookery.store)).ok).toBe(true);
    rmSync(copy, { recursive: true, force: true });
  });
});

it('notes rows of other programs and does not take them for entries', async () => {
  const verified = await victim.after((raw) =>
    raw.run(
      "INSERT INTO audit_log (timestamp, agent_id, operation, status) VALUES ('', 'x', 'y', 'started')",
    ),
  );
  expect(verified).toMatchObject({ ok: true, unsealed: 1 });
});

it('finds a rollback of the whole store by a checkpoint kept elsewhere, and not without [A4]', async () => {
  const older = victim.copy();
  const newer = victim.copy();
  let note = '';
  {
    await using rookery = await openRookery({ path: newer });
    await rookery.memory.set({ key: 'plain', value: 'after' });
    note = (await rookery.audit.checkpoint()).note;
    expect((await rookery.audit.verify({ checkpoint: note })).ok).toBe(true);
  }
  {
    await using rookery = await openRookery({ path: older });
    expect(kindsOf(await rookery.audit.verify({ checkpoint: note }))).toEqual(['checkpoint-ahead']);
    expect((await rookery.audit.verify()).ok).toBe(true);
    // Another history of the same length is another root.
    await rookery.memory.set({ key: 'plain', value: 'otherwise' });
    await rookery.memory.set({ key: 'plain', value: 'otherwise' });
    expect(kindsOf(await rookery.audit.verify({ checkpoint: note }))).toEqual(['checkpoint-root']);
  }
  for (const folder of [older, newer]) rmSync(folder, { recursive: true, force: true });
});

it('refuses to sign what contradicts an earlier checkpoint', async () => {
  const copy = victim.copy();
  tamper(join(copy, 'rookery.db'), (raw) => {
    raw.run('UPDATE audit_log SET leaf = zeroblob(32) WHERE seq = 3');
    raw.run('UPDATE ledger_tiles SET hash = zeroblob(32) WHERE tile = 0');
  });
  {
    await using rookery = await openRookery({ path: copy });
    await expect(rookery.audit.checkpoint()).rejects.toMatchObject({ code: 'TAMPERED' });
  }
  tamper(join(copy, 'rookery.db'), (raw) => raw.run('UPDATE ledger_heads SET fence = fence + 1'));
  {
    await using rookery = await openRookery({ path: copy });
    await expect(rookery.audit.checkpoint()).rejects.toThrow('head of the ledger was changed');
  }
  rmSync(copy, { recursive: true, force: true });
});

it('has triggers against UPDATE, DELETE and REPLACE on the ledger', () => {
  const copy = victim.copy();
  const db = new DatabaseSync(join(copy, 'rookery.db'));
  db.exec('PRAGMA recursive_triggers = 1');
  for (const sql of [
    "UPDATE audit_log SET agent_id = 'eve' WHERE seq = 1",
    'DELETE FROM audit_log WHERE seq = 1',
    'INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE seq = 1',
  ])
    expect(() => db.exec(sql)).toThrow('audit_log is append-only');
  db.close();
  rmSync(copy, { recursive: true, force: true });
});

it('keeps verifying after the signing key was replaced, and says so', async () => {
  const copy = victim.copy();
  rmSync(join(copy, 'ledger-signing.key'));
  await using rookery = await openRookery({ path: copy });
  const { verifierKey, former } = await rookery.audit.key();
  expect(former).toHaveLength(1);
  expect(former).not.toContain(verifierKey);
  expect((await rookery.audit.verify()).findings).toEqual([]);
  const { size } = await rookery.audit.checkpoint();
  expect(size).toBeGreaterThan(0);
  expect((await rookery.audit.verify()).findings).toEqual([]);
  rmSync(copy, { recursive: true, force: true });
});
