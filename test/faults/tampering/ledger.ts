import { createHash } from 'node:crypto';
import { formatCheckpoint } from '../../../src/kernel/ledger/checkpoint.ts';
import { signNote } from '../../../src/kernel/ledger/note.ts';
import { signerFromSeed } from '../../../src/kernel/ledger/signer.ts';
import type { Raw } from '../../support/tampering.ts';

const leafOf = (entry: string) => createHash('sha256').update(`\0${entry}`).digest();
const entryOf = (raw: Raw, seq: number) =>
  raw.all<{ entry: string }>('SELECT entry FROM audit_log WHERE seq = ?', seq)[0]!.entry;
const sizeOf = (raw: Raw) => raw.all<{ size: number }>('SELECT size FROM ledger_heads')[0]!.size;

/** What is done to the ledger, the kinds that are found, and a finding that must be among them. */
export const ledgerEdits: [name: string, edit: (raw: Raw) => void, kinds: string[], named: object][] = [
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
