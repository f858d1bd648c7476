import type { Raw } from '../../support/tampering.ts';

/** An item with five revisions, the last by somebody else. */
export const plain = "key = 'plain'";
/** What is done to stored items, the kinds that are found, and what one of them says. */
export const stateEdits: [name: string, edit: (raw: Raw) => void, kinds: string[], message: RegExp][] = [
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
        created_at, updated_at, expires_at, 0, value, sealed, type, 0 FROM memory WHERE ${plain}`),
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
