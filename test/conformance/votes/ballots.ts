import { expect, it } from 'vitest';
import type { Choice } from '../../../src/domains/votes/decision.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { denials, entries, errorOf } from '../../support/ledger.ts';
import { entriesOf, select } from '../../support/statements.ts';
import { about } from './proposals.ts';

const base = { title: 'Ship it?', target: about };
const five = ['a', 'b', 'c', 'd', 'e'].map((agent) => ({ agent }));

/** Who votes, how often, and what is kept of it. */
export function ballotSuite(harness: Harness): void {
  it('counts one ballot of each elector, whatever is tried [VO1] [VO-x2]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { a, b } = await crew(one, 'a', 'b', 'c', 'd', 'e');
    const { id } = await a.votes.propose({ ...base, electorate: five });
    const cast = { proposal: id, choice: 'accept', confidence: 0.8, reason: 'tests pass' } as const;
    const { ballot, proposal } = await a.votes.cast(cast);
    expect(ballot).toMatchObject({ agent: 'a', weight: 1, choice: 'accept', confidence: 0.8, revision: 1 });
    expect(proposal.tally).toEqual({
      accept: 1,
      reject: 0,
      abstain: 0,
      cast: 1,
      weightCast: 1,
      weightTotal: 5,
    });
    const again = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        [one, two][i % 2]!.as('a').votes.cast({ proposal: id, choice: 'accept', reason: `no ${i}` }),
      ),
    );
    for (const answer of again) expect(answer.ballot).toEqual(ballot);
    const tried = await Promise.allSettled(
      Array.from({ length: 9 }, (_, i) =>
        [one, two]
          [i % 2]!.as('b')
          .votes.cast({ proposal: id, choice: (['accept', 'reject', 'abstain'] as const)[i % 3]! }),
      ),
    );
    expect(tried.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect((await b.votes.get({ proposal: id }))?.tally).toMatchObject({ cast: 2, weightCast: 2 });
    expect(await select(one, 'SELECT agent_id FROM ballots')).toHaveLength(2);
    expect(await entries(one, 'votes.cast')).toHaveLength(2 + 6);
    expect(await one.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('refuses equivocation, and the ledger says what counted [VO8]', async () => {
    const rookery = await harness.open();
    const { a } = await crew(rookery, 'a', 'b', 'c', 'd', 'e');
    const { id } = await a.votes.propose({ ...base, electorate: five });
    const { ballot } = await a.votes.cast({ proposal: id, choice: 'accept' });
    const second = { proposal: id, choice: 'reject' } as const;
    const error = await errorOf(a.votes.cast(second));
    expect(error.code).toBe('EQUIVOCATION');
    expect(error.details).toEqual({ proposal: id, choice: 'accept', seq: ballot!.seq });
    const keyed = { idempotencyKey: 'k' };
    for (let i = 0; i < 2; i++)
      expect((await errorOf(a.votes.cast(second, keyed))).code).toBe('EQUIVOCATION');
    const denied = (await entriesOf(rookery)).filter(({ decision }) => decision === 'deny');
    expect(denied.map(({ op, actor, facts }) => ({ op, actor, facts }))).toEqual(
      Array(2).fill({ op: 'votes.cast', actor: 'a', facts: { closed: 0, counted: ballot!.seq } }),
    );
    expect((await a.votes.get({ proposal: id }))?.tally).toMatchObject({ accept: 1, reject: 0, cast: 1 });
  });

  it('lets nobody vote for another, nor without a vote of its own [VO-x1]', async () => {
    const rookery = await harness.open();
    const { a, eve } = await crew(rookery, 'a', 'b', 'eve');
    const { id } = await a.votes.propose({ ...base, electorate: [{ agent: 'a' }, { agent: 'b' }] });
    const forOther = { proposal: id, choice: 'accept', voter: 'b' } as const;
    expect((await errorOf(a.votes.cast(forOther))).code).toBe('FORBIDDEN');
    expect((await errorOf(eve.votes.cast({ proposal: id, choice: 'accept' }))).code).toBe('FORBIDDEN');
    expect((await errorOf(eve.votes.cast(forOther))).code).toBe('FORBIDDEN');
    expect((await denials(rookery)).map(({ op, actor }) => `${op} ${actor}`)).toEqual([
      'votes.cast a',
      'votes.cast eve',
      'votes.cast eve',
    ]);
    expect((await a.votes.cast({ proposal: id, choice: 'accept', voter: 'a' })).ballot?.agent).toBe('a');
    expect((await a.votes.get({ proposal: id }))?.tally.cast).toBe(1);
  });

  it('refuses a ballot that comes late, and keeps the decision it found [VO5]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { a, b, c } = await crew(rookery, 'a', 'b', 'c', 'd', 'e');
    const { id, deadlineAt } = await a.votes.propose({ ...base, electorate: five, deadlineMs: 1000 });
    for (const view of [a, b]) await view.votes.cast({ proposal: id, choice: 'accept' });
    clock.advance(999);
    await c.votes.cast({ proposal: id, choice: 'reject' });
    clock.advance(1);
    const late = { proposal: id, choice: 'reject' } as const;
    const error = await errorOf(rookery.as('d').votes.cast(late));
    expect(error.code).toBe('VOTE_CLOSED');
    expect(error.details).toMatchObject({ state: 'decided', decision: 'accept', endedAt: deadlineAt });
    expect(await entries(rookery, 'votes.decide')).toHaveLength(1);
    expect((await denials(rookery)).map(({ op, actor }) => `${op} ${actor}`)).toEqual(['votes.cast d']);
    expect((await errorOf(a.votes.cast(late))).code).toBe('VOTE_CLOSED');
    expect((await a.votes.cast({ ...late, choice: 'accept' })).ballot?.choice).toBe('accept');
    expect((await a.votes.get({ proposal: id }))?.tally).toMatchObject({ accept: 2, reject: 1, cast: 3 });
  });

  it('may be changed until the deadline where the proposal says so; each change is kept', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { a, b } = await crew(rookery, 'a', 'b');
    const electorate = [{ agent: 'a', weight: 3 }, { agent: 'b' }];
    const { id } = await a.votes.propose({ ...base, electorate, revisable: true, deadlineMs: 1000 });
    const say = async (choice: Choice, reason?: string) =>
      (await a.votes.cast({ proposal: id, choice, reason })).ballot!;
    const [first, same, other, changed] = [
      await say('accept'),
      await say('accept'),
      await say('accept', 'because'),
      await say('reject', 'because'),
    ];
    expect(same).toEqual(first);
    expect([other.revision, changed.revision]).toEqual([2, 3]);
    await b.votes.cast({ proposal: id, choice: 'accept' });
    expect(await b.votes.get({ proposal: id })).toMatchObject({
      state: 'open',
      tally: { accept: 1, reject: 3, cast: 2, weightCast: 4 },
    });
    expect(await entries(rookery, 'votes.cast')).toHaveLength(4);
    clock.advance(1000);
    expect((await errorOf(say('abstain'))).code).toBe('VOTE_CLOSED');
    expect((await b.votes.wait({ proposal: id }))?.decision).toBe('reject');
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('keeps what is said in closed audiences sealed', async () => {
    const rookery = await harness.open();
    await rookery.fleet.createTeam({ id: 'red' });
    for (const id of ['a', 'b']) await rookery.fleet.register({ id, team: 'red' });
    const a = rookery.as('a');
    const words = { title: 'plain-title', target: about, data: 'plain-data' };
    const { id } = await a.votes.propose({
      ...words,
      level: 'team',
      electorate: [{ agent: 'a' }, { agent: 'b' }],
    });
    await a.votes.cast({ proposal: id, choice: 'accept', reason: 'plain-reason', confidence: 0.123456 });
    const rows = [
      ...(await select<object>(rookery, 'SELECT * FROM proposals')),
      ...(await select<object>(rookery, 'SELECT * FROM ballots')),
      ...(await select<object>(rookery, 'SELECT * FROM audit_log')),
    ];
    const cells = rows.flatMap((row) => Object.values(row) as (string | Uint8Array | null)[]);
    const texts = cells.map((cell) =>
      cell instanceof Uint8Array ? Buffer.from(cell).toString('latin1') : String(cell),
    );
    expect(texts.filter((text) => /plain-|0\.123456/.test(text))).toEqual([]);
    const [own] = (await rookery.as('b').votes.ballots({ proposal: id }))!.electors;
    expect(own!.ballot).toMatchObject({ reason: 'plain-reason', confidence: 0.123456 });
  });
}
