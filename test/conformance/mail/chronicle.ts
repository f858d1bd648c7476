import { expect, it } from 'vitest';
import { z } from 'zod';
import type { NewRecord } from '../../../src/domains/mail/chronicle/recording.ts';
import { recordEvent } from '../../../src/domains/mail/operations.ts';
import { type Level, rights } from '../../../src/kernel/access/model.ts';
import { mutation } from '../../../src/kernel/operation.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { denials, entries, errorOf } from '../../support/ledger.ts';
import { counting, notes } from '../../support/mail.ts';
import { execute, select } from '../../support/statements.ts';

/** An operation of some other domain, which tells of what it does. */
const change = mutation({
  name: 'test.change',
  summary: 'Record events as another domain would',
  input: z.strictObject({ events: z.array(z.unknown()), fail: z.boolean().default(false) }),
  output: z.array(z.int()),
  access: 'write',
  route: null,
  *run(context, { events, fail }) {
    yield* context.identity();
    const sequences: number[] = [];
    for (const event of events as NewRecord[]) sequences.push((yield* recordEvent(context, event)).sequence);
    if (fail) throw new Error('fails after all');
    return sequences;
  },
});

type Said = Partial<NewRecord>;

async function record(rookery: Rookery, agent: string, events: readonly Said[], project = 'default') {
  const view = rookery.as(agent, { project });
  const full = events.map((event) => ({ streamType: 'job', streamId: 'j', type: 't', data: 1, ...event }));
  return (await rookery.store.invoke(change, view.principal, { events: full })).output;
}

const level = (wanted: Level): Said => ({ level: wanted });

/** Events of streams that are no mailboxes, and the one order of all events. */
export function chronicleSuite(harness: Harness): void {
  it('numbers each stream by itself, without a hole, also from two processes', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    await Promise.all(
      counting(20).map((n) => record(n % 2 ? one : two, `a${n % 3}`, [{}, { streamId: `k${n % 2}` }])),
    );
    const { events } = await one.mail.eventsOf({ streamType: 'job', streamId: 'j' });
    expect(events.map(({ sequence }) => sequence)).toEqual(counting(20));
    const k1 = await one.mail.eventsOf({ streamType: 'job', streamId: 'k1' });
    expect(k1.events.map(({ sequence }) => sequence)).toEqual(counting(10));
    const newest = await one.mail.eventsOf({ streamType: 'job', streamId: 'j', first: 'newest', limit: 3 });
    expect(newest).toMatchObject({
      more: true,
      events: [{ sequence: 20 }, { sequence: 19 }, { sequence: 18 }],
    });
    const before = { streamType: 'job', streamId: 'j', first: 'newest', before: 3 } as const;
    expect((await one.mail.eventsOf(before)).events.map(({ sequence }) => sequence)).toEqual([2, 1]);
  });

  it('takes effect with the operation that records, or not at all', async () => {
    const rookery = await harness.open();
    await record(rookery, 'a', [{}]);
    const events = [{ streamType: 'job', streamId: 'j', type: 't', data: 1 }];
    const failing = rookery.store.invoke(change, rookery.as('a').principal, { events, fail: true });
    expect((await errorOf(failing)).code).toBe('INTERNAL');
    const endless = record(rookery, 'a', [{}, { data: Number.NaN }]);
    expect((await errorOf(endless)).details).toMatchObject({ field: 'data' });
    expect(await record(rookery, 'a', [{}])).toEqual([2]);
    const [, second] = (await rookery.mail.events({})).events;
    expect(second).toMatchObject({ type: 't', author: 'a', data: 1, metadata: {}, causationId: null });
    expect(await entries(rookery, 'mail.record')).toHaveLength(2);
  });

  it('pages through all streams in one order, mailboxes among them, and repeats nothing', async () => {
    const rookery = await harness.open();
    const { mail } = rookery.as('a');
    await record(rookery, 'a', [{ type: 'begun', correlationId: 'c' }]);
    await mail.append({ stream: 's', events: notes(5) });
    await record(rookery, 'a', [{ type: 'ended', correlationId: 'c' }, { streamId: 'other' }]);
    await mail.append({ stream: 's', events: [{ type: 'note', data: 6, correlationId: 'c' }] });
    const found = [];
    let page = { next: 0, more: true };
    while (page.more) {
      const answer = await mail.events({ after: page.next, limit: 2 });
      found.push(...answer.events);
      page = answer;
    }
    expect(
      found.map(({ streamType, streamId, sequence }) => `${streamType} ${streamId} ${sequence}`),
    ).toEqual([
      'job j 1',
      ...counting(5).map((n) => `squawk s ${n}`),
      'job j 2',
      'job other 1',
      'squawk s 6',
    ]);
    expect((await mail.events({ after: page.next })).events).toEqual([]);
    await record(rookery, 'a', [{ type: 'later' }]);
    expect((await mail.events({ after: page.next })).events).toMatchObject([{ type: 'later' }]);
    const types = async (filter: object) => (await mail.events(filter)).events.map(({ type }) => type);
    expect(await types({ streamType: 'squawk' })).toHaveLength(6);
    expect(await types({ streamType: 'job', streamId: 'j' })).toEqual(['begun', 'ended', 'later']);
    expect(await types({ type: 'ended' })).toEqual(['ended']);
    expect(await types({ correlationId: 'c' })).toEqual(['begun', 'ended', 'note']);
    expect(await mail.event({ id: found[2]!.id })).toEqual(found[2]);
    expect(await mail.event({ id: 'evt_none' })).toBeNull();
    expect(await mail.statistics({})).toMatchObject({
      total: 10,
      byType: { begun: 1, note: 6 },
      byStreamType: { squawk: 6, job: 4 },
      firstAt: found[0]!.recordedAt,
    });
  });

  it('shows closed events to their audience alone, and keeps them sealed', async () => {
    const rookery = await harness.open();
    const own = rookery.as('a').mail;
    const other = rookery.as('b').mail;
    await record(rookery, 'a', [{}, { data: 'hidden words', ...level('private') }, level('team')]);
    await own.create({ stream: 'closed', level: 'private' });
    await own.append({ stream: 'closed', events: notes(1) });
    const { events } = await own.events({});
    expect(events.map((event) => event.level)).toEqual(['project', 'private', 'team', 'private']);
    expect(events[1]!.data).toBe('hidden words');
    expect((await other.events({})).events.map(({ sequence }) => sequence)).toEqual([1]);
    const stream = { streamType: 'job', streamId: 'j' };
    expect((await other.eventsOf(stream)).events.map(({ sequence }) => sequence)).toEqual([1]);
    for (const { id } of events.slice(1)) expect(await other.event({ id })).toBeNull();
    expect(await denials(rookery, 'b')).toHaveLength(3);
    expect((await other.statistics({})).total).toBe(1);
    const rows = await select<{ data: string }>(
      rookery,
      "SELECT data FROM events WHERE data LIKE '%hidden%'",
    );
    expect(rows).toEqual([]);
    const reads = await entries(rookery, 'mail.events');
    expect(reads.map(({ scope }) => scope)).toEqual(expect.arrayContaining(['private:a', 'solo:a']));
    await rookery
      .as('a')
      .access.grant({ agent: 'b', acts: ['read'], resource: 'events', ttl: 60, reason: 'review' });
    expect((await other.events({})).events.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  it('finds every edit of such an event by plain SQL [A4]', async () => {
    const rookery = await harness.open({ durability: 'relaxed' });
    const edits: [sql: string, kind: string][] = [
      ["UPDATE events SET data = '2' WHERE sequence_number = 1", 'state-changed'],
      ["UPDATE events SET type = 'x' WHERE sequence_number = 3", 'state-changed'],
      ["UPDATE events SET author = 'eve' WHERE sequence_number = 1", 'state-changed'],
      ["UPDATE events SET scope = 'project' WHERE sequence_number = 2", 'state-foreign'],
      ['DELETE FROM events WHERE sequence_number = 1', 'state-missing'],
      ['DELETE FROM events WHERE sequence_number = 3', 'state-rolled-back'],
      ['DELETE FROM events WHERE sequence_number > 0', 'state-missing'],
    ];
    for (const [i, [sql, kind]] of edits.entries()) {
      const project = `p${i}`;
      await record(rookery, 'a', [{}, level('private'), {}], project);
      const view = rookery.as('a', { project, rights });
      expect((await view.audit.verify({})).findings).toEqual([]);
      await execute(rookery, `${sql} AND project_id = $1`, project);
      const kinds = (await view.audit.verify({})).findings.map((finding) => finding.kind);
      expect(kinds, sql).toContain(kind);
    }
  });
}
