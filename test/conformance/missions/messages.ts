import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { errorOf } from '../../support/ledger.ts';
import { select } from '../../support/statements.ts';

/** Messages: pending, read, acknowledged; in the audience of their mailbox. */
export function messageSuite(harness: Harness): void {
  it('goes from pending to read to acknowledged, and back once if nobody acknowledged it', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const sent = await a.messages.send({
      mailbox: 'team',
      content: { do: 'it' },
      thread: 't',
      priority: 'high',
    });
    expect(sent).toMatchObject({
      id: expect.stringMatching(/^msg-[0-9a-z]+$/),
      mailboxId: 'team',
      senderId: 'a',
      threadId: 't',
      messageType: 'message',
      status: 'pending',
      readAt: null,
      content: { do: 'it' },
    });
    const { id } = sent;
    expect(await b.messages.markRead({ id })).toMatchObject({
      status: 'read',
      readAt: expect.any(String),
      ackedAt: null,
    });
    expect(await b.messages.requeue({ id })).toMatchObject({ status: 'pending', readAt: null });
    const acked = await b.messages.acknowledge({ id });
    expect(acked).toMatchObject({ status: 'acked', readAt: expect.any(String), ackedAt: expect.any(String) });
    expect(await b.messages.acknowledge({ id })).toEqual(acked);
    expect(await b.messages.markRead({ id })).toEqual(acked);
    expect(await b.messages.requeue({ id })).toEqual(acked);
    await b.messages.send({ mailbox: 'team', content: 'done', thread: 't' });
    const types = (await a.mail.read({ stream: 'team' }))!.events.map(({ type }) => type);
    expect(types).toEqual([
      ...['squawk_sent', 'squawk_thread_created', 'squawk_read', 'squawk_requeued', 'squawk_acked'],
      ...['squawk_sent', 'squawk_thread_activity'],
    ]);
    const thread = await a.messages.list({ thread: 't' });
    expect(thread.messages.map(({ content }) => content)).toEqual([{ do: 'it' }, 'done']);
    const page = await a.messages.list({ mailbox: 'team', limit: 1 });
    expect(
      (await a.messages.list({ mailbox: 'team', limit: 1, cursor: page.nextCursor! })).messages,
    ).toMatchObject([{ content: 'done' }]);
    expect((await a.messages.list({ status: 'pending', sender: 'b' })).messages).toHaveLength(1);
    expect(await a.messages.get({ id: 'msg-none' })).toBeNull();
  });

  it('shows messages of a closed mailbox to its readers alone, and keeps them sealed', async () => {
    const rookery = await harness.open();
    const [a, b, c] = [rookery.as('a'), rookery.as('b'), rookery.as('c')];
    await b.mail.count({});
    const { id } = await a.messages.send({
      mailbox: 'inbox/b',
      content: 'hidden words',
      metadata: { hint: 'hidden too' },
    });
    expect(await b.messages.get({ id })).toMatchObject({
      content: 'hidden words',
      metadata: { hint: 'hidden too' },
    });
    expect(await b.messages.markRead({ id })).toMatchObject({ status: 'read' });
    for (const other of [a, c]) {
      expect(await other.messages.get({ id })).toBeNull();
      expect(await other.messages.acknowledge({ id })).toBeNull();
      expect((await other.messages.list({})).messages).toEqual([]);
    }
    const rows = await select(
      rookery,
      "SELECT id FROM messages WHERE content LIKE '%hidden%' OR metadata LIKE '%hidden%'",
    );
    expect(rows).toEqual([]);
    await b.mail.create({ stream: 'mine', level: 'private' });
    expect((await errorOf(c.messages.send({ mailbox: 'mine', content: 1 }))).code).toBe('FORBIDDEN');
    expect((await b.messages.list({ mailbox: 'mine' })).messages).toEqual([]);
    await b.mail.create({ stream: 'board', postLevel: 'private', level: 'project' });
    const posted = await b.messages.send({ mailbox: 'board', content: 'news' });
    // Who reads a board may say so without the right to post there.
    expect(await c.messages.markRead({ id: posted.id })).toMatchObject({ status: 'read' });
    await b.mail.delete({ stream: 'board' });
    expect(await b.messages.get({ id: posted.id })).toBeNull();
    expect((await rookery.audit.verify({})).findings).toEqual([]);
  });
}
