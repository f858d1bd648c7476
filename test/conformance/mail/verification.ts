import { expect, it } from 'vitest';
import { rights } from '../../../src/kernel/access/model.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { notes } from '../../support/mail.ts';
import { execute } from '../../support/statements.ts';

/** Streams of all kinds, with batches, an empty one, and one that was deleted and came back. */
async function populate(rookery: Rookery, project = 'default'): Promise<void> {
  const { mail } = rookery.as('a', { project });
  await mail.append({ stream: 'open', events: notes(3) });
  await mail.append({ stream: 'open', events: notes(2, 4) });
  await mail.create({ stream: 'closed', level: 'private' });
  await mail.append({ stream: 'closed', events: notes(2) });
  await mail.create({ stream: 'empty', level: 'team' });
  await mail.append({ stream: 'also empty', events: [] });
  await mail.append({ stream: 'gone', events: notes(4) });
  await mail.delete({ stream: 'gone' });
  await mail.append({ stream: 'back', events: notes(4) });
  await mail.delete({ stream: 'back' });
  await rookery.as('b', { project }).mail.append({ stream: 'back', events: notes(1) });
  await rookery.as('b', { project }).mail.send({ to: 'a', data: 'hello' });
  await mail.update({ stream: 'open', postLevel: 'team' });
  await mail.receive({ stream: 'open', group: 'g', max: 3 });
  await mail.advance({ stream: 'open', position: 2 });
}

const open = "stream_id = 'open'";

/** What somebody with the file in hands may do, each to a project of its own, and how it shows. */
const edits: Record<string, [sql: string[], kind: string, subject: string]> = {
  'a changed text': [
    [`UPDATE events SET data = '7' WHERE ${open} AND sequence_number = 2`],
    'state-changed',
    'stream open, positions 1 to 3',
  ],
  'changed metadata': [
    [`UPDATE events SET metadata = '{"x":1}' WHERE ${open} AND sequence_number = 5`],
    'state-changed',
    'stream open, positions 4 to 5',
  ],
  'another author': [
    [`UPDATE events SET author = 'b' WHERE ${open} AND sequence_number = 1`],
    'state-changed',
    'stream open, positions 1 to 3',
  ],
  'another time of recording': [
    [`UPDATE events SET recorded_at = '2020-01-01T00:00:00.000Z' WHERE ${open} AND sequence_number = 1`],
    'state-changed',
    'stream open, positions 1 to 3',
  ],
  'a removed event': [
    [`DELETE FROM events WHERE ${open} AND sequence_number = 2`],
    'state-missing',
    'stream open',
  ],
  'a removed end, with the head moved back': [
    [
      `DELETE FROM events WHERE ${open} AND sequence_number > 3`,
      "UPDATE mailboxes SET head = 3 WHERE id = 'open'",
    ],
    'state-rolled-back',
    'stream open',
  ],
  'another owner': [["UPDATE mailboxes SET owner = 'b' WHERE id = 'open'"], 'state-changed', 'stream open'],
  'a moved head': [["UPDATE mailboxes SET head = 6 WHERE id = 'open'"], 'state-changed', 'stream open'],
  'a wider audience': [
    ["UPDATE mailboxes SET scope = 'project', level = 'project' WHERE id = 'closed'"],
    'state-foreign',
    'stream closed',
  ],
  'a sealed event in place of another': [
    [
      `UPDATE events SET sealed = (SELECT e.sealed FROM events e
         WHERE e.project_id = events.project_id AND e.stream_id = 'closed' AND e.sequence_number = 2)
       WHERE stream_id = 'closed' AND sequence_number = 1`,
    ],
    'state-unreadable',
    'stream closed, positions 1 to 2',
  ],
};

/** What `audit verify` sees of mail. */
export function verificationSuite(harness: Harness): void {
  it('finds every stream and append as its ledger entry says', async () => {
    const rookery = await harness.open();
    await populate(rookery);
    const { ok, findings, records } = await rookery.audit.verify({});
    expect(findings).toEqual([]);
    expect(ok).toBe(true);
    // Six streams with five appends, and the tables of the other domains.
    expect(records).toBeGreaterThanOrEqual(11);
  });

  it('finds each of these edits, and names it', async () => {
    const rookery = await harness.open({ durability: 'relaxed' });
    for (const [project, [statements, kind, subject]] of Object.entries(edits)) {
      await populate(rookery, project);
      for (const sql of statements) await execute(rookery, `${sql} AND project_id = $1`, project);
      const { findings } = await rookery.as('a', { project, rights }).audit.verify({});
      expect(findings, project).toContainEqual(expect.objectContaining({ kind, subject, project }));
    }
  });

  it('finds a stream that was removed with all its events', async () => {
    const rookery = await harness.open();
    await populate(rookery);
    await execute(rookery, "DELETE FROM mailboxes WHERE id = 'closed'");
    const { findings } = await rookery.audit.verify({});
    expect(findings).toMatchObject([{ kind: 'state-missing', subject: expect.stringMatching(/^mail\//) }]);
  });

  it('checks streams whose appends are larger than a page', async () => {
    const rookery = await harness.open({ durability: 'relaxed' });
    const { mail } = rookery.as('a');
    for (const count of [1000, 1000, 3]) await mail.append({ stream: 's', events: notes(count) });
    expect((await rookery.audit.verify({})).findings).toEqual([]);
    await execute(rookery, "UPDATE events SET data = '0' WHERE sequence_number = 2003");
    expect((await rookery.audit.verify({})).findings.map(({ subject }) => subject)).toEqual([
      'stream s',
      'stream s, positions 2001 to 2003',
    ]);
  });
}
