import { expect, it } from 'vitest';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { allOf, notes } from '../../support/mail.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';

const secret = 'the eagle has landed';

/** Agents of two teams, and one of none. */
async function fleet(rookery: Rookery) {
  for (const [id, team] of [
    ['alice', 'red'],
    ['bob', 'red'],
    ['carol', 'blue'],
    ['mallory', undefined],
  ] as const)
    await rookery.fleet.register({ id, ...(team && { team }) });
  const view = (id: string) => rookery.as(id);
  return { alice: view('alice'), bob: view('bob'), carol: view('carol'), mallory: view('mallory') };
}

interface Stored {
  readonly data: string;
  readonly metadata: string;
  readonly sealed: Uint8Array | null;
}

const storedIn = (rookery: Rookery, stream: string) =>
  select<Stored>(
    rookery,
    'SELECT data, metadata, sealed FROM events WHERE stream_id = $1 ORDER BY sequence_number',
    stream,
  );

/** Who reads and who posts, and what lies on disk. */
export function audienceSuite(harness: Harness): void {
  it('delivers to an inbox that its agent alone can read', async () => {
    const rookery = await harness.open();
    const { alice, bob, carol } = await fleet(rookery);
    await alice.mail.send({ to: 'bob', data: secret });
    await carol.mail.append({ stream: 'inbox/bob', events: [{ type: 'question', data: 1 }] });
    const events = await allOf(bob, 'inbox/bob');
    expect(events.map(({ author, type, data }) => [author, type, data])).toEqual([
      ['alice', 'message', secret],
      ['carol', 'question', 1],
    ]);
    expect(await bob.mail.stream({ stream: 'inbox/bob' })).toMatchObject({
      owner: 'bob',
      scope: 'private:bob',
      postScope: 'project',
    });
    for (const { mail } of [alice, carol, rookery]) {
      expect(await mail.read({ stream: 'inbox/bob' })).toBeNull();
      expect(await mail.stream({ stream: 'inbox/bob' })).toBeNull();
      expect(await mail.receive({ stream: 'inbox/bob', group: 'g' })).toBeNull();
      expect((await mail.streams()).streams).toEqual([]);
    }
  });

  it('lets nobody widen an inbox by naming it first', async () => {
    const rookery = await harness.open();
    const { bob, mallory } = await fleet(rookery);
    for (const wanted of [{ level: 'project' }, { postLevel: 'private' }, { audience: 'mallory' }] as const)
      await expect(mallory.mail.create({ stream: 'inbox/bob', ...wanted })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field: 'level' },
      });
    await mallory.mail.append({ stream: 'inbox/bob', events: notes(1) });
    expect(await mallory.mail.read({ stream: 'inbox/bob' })).toBeNull();
    expect(await allOf(bob, 'inbox/bob')).toHaveLength(1);
  });

  it('refuses mail to an agent there is not [K9]', async () => {
    const rookery = await harness.open();
    const { alice } = await fleet(rookery);
    for (const attempt of [
      () => alice.mail.send({ to: 'nobody', data: 1 }),
      () => alice.mail.append({ stream: 'inbox/nobody', events: notes(1) }),
      () => alice.mail.append({ stream: 'inbox/bob/archive', events: notes(1) }),
      () => alice.mail.create({ stream: 'inbox/nobody' }),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND', details: { kind: 'agent' } });
    expect(await select(rookery, 'SELECT id FROM mailboxes')).toEqual([]);
  });

  it('seals what private, team and system streams say, and nothing else', async () => {
    const rookery = await harness.open();
    const { alice, bob, carol } = await fleet(rookery);
    const event = { type: 't', data: secret, metadata: { secret } };
    for (const level of ['private', 'team'] as const) {
      await alice.mail.create({ stream: level, level });
      await alice.mail.append({ stream: level, events: [event] });
      const [row] = await storedIn(rookery, level);
      expect(row).toMatchObject({ data: '{"sealed":true}', metadata: '{}' });
      expect(Buffer.from(row!.sealed!).includes(secret)).toBe(false);
      expect((await allOf(alice, level))[0]).toMatchObject(event);
    }
    expect((await allOf(bob, 'team'))[0]).toMatchObject(event);
    expect(await bob.mail.read({ stream: 'private' })).toBeNull();
    expect(await carol.mail.read({ stream: 'team' })).toBeNull();
    await alice.mail.append({ stream: 'open', events: [event] });
    expect(await storedIn(rookery, 'open')).toMatchObject([{ data: JSON.stringify(secret), sealed: null }]);
  });

  it('does not open what was moved to another position, or changed by a bit [ST-x2]', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await mail.create({ stream: 's', level: 'private' });
    await mail.append({ stream: 's', events: notes(2) });
    const [first, second] = await storedIn(rookery, 's');
    const put = (position: number, sealed: Uint8Array) => {
      const hex = Buffer.from(sealed).toString('hex');
      const bytes = harness.engine === 'sqlite' ? `X'${hex}'` : `'\\x${hex}'::bytea`;
      return execute(rookery, `UPDATE events SET sealed = ${bytes} WHERE sequence_number = ${position}`);
    };
    await put(2, first!.sealed!);
    await expect(mail.read({ stream: 's', after: 1 })).rejects.toMatchObject({ code: 'TAMPERED' });
    const flipped = Uint8Array.from(second!.sealed!);
    flipped[flipped.length - 20]! ^= 1;
    await put(2, flipped);
    await expect(mail.read({ stream: 's', after: 1 })).rejects.toMatchObject({ code: 'TAMPERED' });
    await put(2, second!.sealed!);
    expect((await allOf(rookery.as('a'), 's')).map((event) => event.data)).toEqual([1, 2]);
  });

  it('passes over no position that somebody removed [ST-x2, ST-x3]', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await mail.append({ stream: 's', events: notes(4) });
    for (const [removed, readable] of [
      [4, 3],
      [2, 1],
    ] as const) {
      await execute(rookery, `DELETE FROM events WHERE sequence_number = ${removed}`);
      await expect(mail.read({ stream: 's' })).rejects.toMatchObject({
        code: 'TAMPERED',
        details: { stream: 's', position: removed },
      });
      expect((await mail.read({ stream: 's', limit: readable }))?.events).toHaveLength(readable);
    }
  });

  it('keeps posting to those it is open to, and records who tried', async () => {
    const rookery = await harness.open();
    const { alice, bob, carol } = await fleet(rookery);
    await alice.mail.create({ stream: 'plans', level: 'project', postLevel: 'team' });
    await bob.mail.append({ stream: 'plans', events: notes(1) });
    await expect(carol.mail.append({ stream: 'plans', events: notes(1) })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { stream: 'plans' },
    });
    expect(await allOf(carol, 'plans')).toHaveLength(1);
    const denied = (await entriesOf(rookery)).filter((entry) => entry.decision === 'deny');
    expect(denied).toMatchObject([{ op: 'mail.append', actor: 'carol' }]);
    for (const wanted of [
      { level: 'team', audience: 'blue' },
      { postLevel: 'private', postAudience: 'carol' },
    ] as const)
      await expect(alice.mail.create({ stream: 'other', ...wanted })).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
    expect(await alice.mail.stream({ stream: 'other' })).toBeNull();
  });

  it('closes a stream to posting at once, also for an opening that has just posted', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await fleet(one);
    const [alice, carol] = [one.as('alice'), two.as('carol')];
    await alice.mail.create({ stream: 'plans' });
    for (const n of [1, 2]) await carol.mail.append({ stream: 'plans', events: notes(1, n) });
    await alice.mail.update({ stream: 'plans', postLevel: 'team' });
    await expect(carol.mail.append({ stream: 'plans', events: notes(1) })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await alice.mail.stream({ stream: 'plans' })).toMatchObject({ head: 2, postLevel: 'team' });
  });

  it('answers an existing stream to whoever creates it alike, and refuses other audiences', async () => {
    const rookery = await harness.open();
    const { alice, bob } = await fleet(rookery);
    await alice.mail.create({ stream: 'plans', level: 'team' });
    expect(await bob.mail.create({ stream: 'plans' })).toMatchObject({ created: false, owner: 'alice' });
    expect(await bob.mail.create({ stream: 'plans', level: 'team' })).toMatchObject({ created: false });
    await expect(bob.mail.create({ stream: 'plans', level: 'project' })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'level' },
    });
    await expect(rookery.as('carol').mail.create({ stream: 'plans' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });

  it('tells the ledger of reads of closed streams, and of refused ones that look like a miss', async () => {
    const rookery = await harness.open();
    const { alice, bob } = await fleet(rookery);
    await alice.mail.create({ stream: 'plans', level: 'private' });
    await alice.mail.append({ stream: 'plans', events: notes(1) });
    await alice.mail.read({ stream: 'plans' });
    expect(await bob.mail.read({ stream: 'plans' })).toBeNull();
    expect(await bob.mail.read({ stream: 'absent' })).toBeNull();
    const told = (await entriesOf(rookery)).filter((entry) => entry.op === 'mail.read');
    expect(told).toMatchObject([
      { actor: 'alice', decision: 'allow', facts: { reads: 1 } },
      { actor: 'bob', decision: 'deny' },
    ]);
    expect(told[0]!.resource).toBe(told[1]!.resource);
  });
}
