import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatCheckpoint } from '../../src/kernel/ledger/checkpoint.ts';
import { signNote } from '../../src/kernel/ledger/note.ts';
import { signerFromSeed } from '../../src/kernel/ledger/signer.ts';
import { verifyStore } from '../../src/kernel/ledger/verify-store.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { kindsOf, type Raw, tamper, Victim } from '../support/tampering.ts';

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

const leafOf = (entry: string) => createHash('sha256').update(`\0${entry}`).digest();
const entryOf = (raw: Raw, seq: number) =>
  raw.all<{ entry: string }>('SELECT entry FROM audit_log WHERE seq = ?', seq)[0]!.entry;
const sizeOf = (raw: Raw) => raw.all<{ size: number }>('SELECT size FROM ledger_heads')[0]!.size;

it('finds nothing wrong with a store that nobody touched', async () => {
  expect(await victim.after(() => {})).toMatchObject({ ok: true, findings: [], more: 0, unsealed: 0 });
});

/** What is done to the ledger, the kinds that are found, and a finding that must be among them. */
const ledgerEdits: [name: string, edit: (raw: Raw) => void, kinds: string[], named: object][] = [
  [
    'an entry',
    (raw) => raw.run(`UPDATE audit_log SET entry = replace(entry, '"ada"', '"eve"') WHERE seq = 5`),
    ['entry-changed', 'state-changed'],
    { kind: 'entry-changed', seq: 5, subject: 'entry 5' },
  ],
  [
    'an entry together with its leaf hash and columns',
    (raw) => {
      const entry = entryOf(raw, 5).replace('"ada"', '"eve"');
      raw.run(
        "UPDATE audit_log SET entry = ?, leaf = ?, agent_id = 'eve' WHERE seq = 5",
        entry,
        leafOf(entry),
      );
    },
    ['checkpoint-root', 'head-root', 'state-changed', 'tile-changed'],
    { kind: 'tile-changed', subject: 'subtree hash of entries 1 to 256' },
  ],
  [
    'a leaf hash',
    (raw) => raw.run('UPDATE audit_log SET leaf = randomblob(32) WHERE seq = 300'),
    ['checkpoint-root', 'entry-changed', 'head-root', 'tile-changed'],
    { kind: 'entry-changed', seq: 300 },
  ],
  [
    'a leaf hash to none',
    (raw) => raw.run('UPDATE audit_log SET leaf = NULL WHERE seq = 300'),
    ['entry-changed'],
    { seq: 300 },
  ],
  [
    'an entry to something that is none',
    (raw) => raw.run("UPDATE audit_log SET entry = 'nonsense' WHERE seq = 300"),
    ['entry-changed', 'state-foreign'],
    { kind: 'entry-changed', seq: 300 },
  ],
  [
    'a deleted row',
    (raw) => raw.run('DELETE FROM audit_log WHERE seq = 300'),
    ['entry-missing', 'state-foreign'],
    { kind: 'entry-missing', seq: 300, subject: 'entry 300' },
  ],
  [
    'a truncated tail',
    (raw) => raw.run('DELETE FROM audit_log WHERE seq > 500'),
    ['entry-missing', 'state-foreign'],
    { kind: 'entry-missing', seq: 501 },
  ],
  [
    'a truncated tail and a head that fits it',
    (raw) => {
      raw.run('DELETE FROM audit_log WHERE seq > 512');
      raw.run('DELETE FROM ledger_checkpoints WHERE size > 512');
      const hash = raw.all<{ hash: Uint8Array }>('SELECT hash FROM ledger_tiles WHERE level = 1');
      const root = createHash('sha256').update(Buffer.concat([Buffer.of(1), ...hash.map((row) => row.hash)]));
      raw.run('UPDATE ledger_heads SET size = 512, frontier = ?', root.digest());
    },
    ['head-changed', 'state-foreign'],
    { kind: 'head-changed', subject: 'head' },
  ],
  [
    'two rows that changed places',
    (raw) => {
      raw.run('UPDATE audit_log SET seq = -1 WHERE seq = 20');
      raw.run('UPDATE audit_log SET seq = 20 WHERE seq = 21');
      raw.run('UPDATE audit_log SET seq = 21 WHERE seq = -1');
    },
    ['checkpoint-root', 'entry-changed', 'head-root', 'state-foreign', 'tile-changed'],
    { kind: 'entry-changed', seq: 20 },
  ],
  [
    'a row past the end',
    (raw) =>
      raw.run(
        `INSERT INTO audit_log (timestamp, agent_id, operation, status, project_id, seq, entry)
         VALUES ('', 'eve', 'x', 'completed', 'default', ?, '{}')`,
        sizeOf(raw) + 1,
      ),
    ['entry-foreign'],
    {},
  ],
  [
    'a row before the beginning',
    (raw) =>
      raw.run(
        `INSERT INTO audit_log (timestamp, agent_id, operation, status, project_id, seq, entry)
         VALUES ('', 'eve', 'x', 'completed', 'default', 0, '{}')`,
      ),
    ['entry-foreign'],
    { subject: 'entry 0' },
  ],
  ['the size in the head', (raw) => raw.run('UPDATE ledger_heads SET size = size + 1'), ['head-changed'], {}],
  [
    'the fencing counter',
    (raw) => raw.run('UPDATE ledger_heads SET fence = fence + 1'),
    ['head-changed'],
    {},
  ],
  ['the store clock', (raw) => raw.run('UPDATE ledger_heads SET clock_ms = 1'), ['head-changed'], {}],
  ['the code over the head', (raw) => raw.run("UPDATE ledger_heads SET mac = x''"), ['head-changed'], {}],
  ['no head', (raw) => raw.run('DELETE FROM ledger_heads'), ['head-missing'], {}],
  [
    'a kept subtree hash',
    (raw) => raw.run('UPDATE ledger_tiles SET hash = randomblob(32) WHERE tile = 1'),
    ['tile-changed'],
    { subject: 'subtree hash of entries 257 to 512' },
  ],
  ['no kept subtree hash', (raw) => raw.run('DELETE FROM ledger_tiles WHERE tile = 0'), ['tile-missing'], {}],
  [
    'a subtree hash too many',
    (raw) => raw.run("INSERT INTO ledger_tiles VALUES ('default', 1, 2, zeroblob(32))"),
    ['tile-missing'],
    { subject: 'tiles' },
  ],
  [
    'a checkpoint of another root',
    (raw) => raw.run('UPDATE ledger_checkpoints SET root = zeroblob(32) WHERE size < 100'),
    ['checkpoint-changed'],
    {},
  ],
  [
    'a checkpoint that somebody else signed',
    (raw) => {
      const [row] = raw.all<{ note: string; size: number }>(
        'SELECT note, size FROM ledger_checkpoints ORDER BY size LIMIT 1',
      );
      const origin = row!.note.split('\n', 1)[0]!;
      const text = formatCheckpoint({ origin, size: BigInt(row!.size), root: Buffer.alloc(32) });
      const note = signNote(text, origin, signerFromSeed(Buffer.alloc(32, 9)));
      raw.run('UPDATE ledger_checkpoints SET note = ?, root = zeroblob(32) WHERE size = ?', note, row!.size);
    },
    ['checkpoint-changed'],
    {},
  ],
];

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

const plain = "key = 'plain'";
const stateEdits: [name: string, edit: (raw: Raw) => void, kinds: string[], message: RegExp][] = [
  [
    'a value in clear',
    (raw) => raw.run(`UPDATE memory SET value = '"forged"' WHERE ${plain}`),
    ['state-changed'],
    /content is not the one/,
  ],
  [
    'a sealed value',
    (raw) => {
      const [row] = raw.all<{ sealed: Uint8Array }>("SELECT sealed FROM memory WHERE key = 'secret'");
      row!.sealed[30]! ^= 1;
      raw.run("UPDATE memory SET sealed = ? WHERE key = 'secret'", row!.sealed);
    },
    ['state-unreadable'],
    /authentication/,
  ],
  [
    'a sealed value put in the place of another',
    (raw) =>
      raw.run(
        "UPDATE memory SET sealed = (SELECT sealed FROM memory WHERE key = 'other') WHERE key = 'secret'",
      ),
    ['state-unreadable'],
    /authentication/,
  ],
  [
    'a sealed value put in clear',
    (raw) => raw.run("UPDATE memory SET sealed = NULL, value = '\"three!\"' WHERE key = 'secret'"),
    ['state-changed'],
    /content is not the one/,
  ],
  [
    'the owner',
    (raw) => raw.run(`UPDATE memory SET owner = 'eve' WHERE ${plain}`),
    ['state-changed'],
    / owner/,
  ],
  [
    'the owner of a sealed item',
    (raw) => raw.run("UPDATE memory SET owner = 'eve' WHERE key = 'secret'"),
    ['state-changed'],
    / owner/,
  ],
  [
    'the author',
    (raw) => raw.run(`UPDATE memory SET author = 'eve' WHERE ${plain}`),
    ['state-changed'],
    / author/,
  ],
  [
    'the time to live',
    (raw) => raw.run("UPDATE memory SET expires_at = NULL WHERE key = 'timed'"),
    ['state-changed'],
    / expires_at/,
  ],
  [
    'the times',
    (raw) => raw.run(`UPDATE memory SET created_at = 1, updated_at = 2 WHERE ${plain}`),
    ['state-changed'],
    / updated_at created_at/,
  ],
  [
    'a deletion undone',
    (raw) => raw.run(`UPDATE memory SET deleted = 0, value = '1' WHERE key = 'gone'`),
    ['state-changed'],
    / deleted/,
  ],
  [
    'an item hidden as deleted',
    (raw) => raw.run(`UPDATE memory SET deleted = 1, value = NULL WHERE ${plain}`),
    ['state-changed'],
    / deleted/,
  ],
  [
    'an item in another audience',
    (raw) => raw.run("UPDATE memory SET scope = 'project', level = 'project' WHERE key = 'other'"),
    ['state-foreign', 'state-missing'],
    /not its own/,
  ],
  [
    'an old revision put back as it was',
    (raw) =>
      raw.run(`UPDATE memory SET (revision, seq, value, author, updated_at) =
        (SELECT revision, seq, value, author, updated_at FROM memory_history WHERE ${plain} AND revision = 3)
        WHERE ${plain}`),
    ['state-missing', 'state-rolled-back'],
    /its entry is \d+, the ledger's newest is \d+/,
  ],
  [
    'an old sealed revision put back, its history cut',
    (raw) => {
      raw.run(`UPDATE memory SET (revision, seq, sealed, updated_at) =
        (SELECT revision, seq, sealed, updated_at FROM memory_history WHERE key = 'secret' AND revision = 2)
        WHERE key = 'secret'`);
      raw.run("DELETE FROM memory_history WHERE key = 'secret' AND revision >= 2");
    },
    ['state-rolled-back'],
    /the ledger's newest/,
  ],
  [
    'a lower revision number',
    (raw) => raw.run(`UPDATE memory SET revision = 4 WHERE ${plain}`),
    ['state-changed', 'state-missing'],
    / revision/,
  ],
  [
    'a deleted item row',
    (raw) => raw.run(`DELETE FROM memory WHERE ${plain}`),
    ['state-missing'],
    /no record/,
  ],
  [
    'a deleted tombstone',
    (raw) => raw.run("DELETE FROM memory WHERE key = 'gone'"),
    ['state-missing'],
    /no record/,
  ],
  [
    'an item that nobody wrote',
    (raw) =>
      raw.run(`INSERT INTO memory SELECT project_id, namespace, 'forged', scope, level, owner, author, 1, seq,
        created_at, updated_at, expires_at, 0, value, sealed FROM memory WHERE ${plain}`),
    ['state-foreign'],
    /not its own/,
  ],
  [
    'a superseded value',
    (raw) => raw.run(`UPDATE memory_history SET value = '"forged"' WHERE ${plain} AND revision = 2`),
    ['state-changed'],
    /content is not the one/,
  ],
  [
    'the owner of a superseded value',
    (raw) => raw.run(`UPDATE memory_history SET owner = 'eve' WHERE ${plain} AND revision = 2`),
    ['state-changed'],
    / owner/,
  ],
  [
    'a superseded value deleted',
    (raw) => raw.run(`DELETE FROM memory_history WHERE ${plain} AND revision = 2`),
    ['state-missing'],
    /3 superseded revisions are stored, 4 should be/,
  ],
  [
    'the key that could tell',
    (raw) => raw.run("DELETE FROM keys WHERE purpose = 'data' AND scope = 'project'"),
    ['key-missing'],
    /no key of project is left/,
  ],
];

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
