import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { entries, errorOf } from '../../support/ledger.ts';
import { about } from './proposals.ts';

const base = { title: 'Ship it?', target: about };
const five = ['a', 'b', 'c', 'd', 'e'].map((agent) => ({ agent }));
/** Well below the second after which a waiter looks by itself, on a busy machine. */
const promptMs = 700;

/** How votes come to their one decision. */
export function decisionSuite(harness: Harness): void {
  it('is taken by the ballot after which nothing can change it, and wakes who waits [VO3] [WA1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { a, b, c, d } = await crew(one, 'a', 'b', 'c', 'd', 'e');
    const { id } = await a.votes.propose({ ...base, electorate: five, strategy: 'majority' });
    const waits = [one, two].map((at) => at.as('e').votes.wait({ proposal: id, waitMs: 60_000 }));
    const accept = { proposal: id, choice: 'accept' } as const;
    expect((await a.votes.cast(accept)).proposal.state).toBe('open');
    expect((await b.votes.cast(accept)).proposal.state).toBe('open');
    const started = performance.now();
    const { proposal } = await c.votes.cast(accept);
    expect(proposal).toMatchObject({ state: 'decided', decision: 'accept', tally: { accept: 3, cast: 3 } });
    for (const waited of await Promise.all(waits))
      expect(waited).toMatchObject({ state: 'decided', decision: 'accept', seq: proposal.seq });
    expect(performance.now() - started).toBeLessThan(2 * promptMs);
    expect((await errorOf(d.votes.cast(accept))).code).toBe('VOTE_CLOSED');
    expect((await a.votes.cancel({ proposal: id })).decision).toBe('accept');
    expect(await d.votes.get({ proposal: id })).toMatchObject({ decision: 'accept', seq: proposal.seq });
    expect(await entries(one, 'votes.decide')).toHaveLength(1);
    expect(await d.votes.recount({ proposal: id })).toMatchObject({ matches: true, decision: 'accept' });
  });

  it('follows from weights, thresholds and quorum at the deadline, and may be none [VO2] [VO-x5]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { a, ...others } = await crew(rookery, 'a', 'b', 'c');
    const views = { a, ...others };
    const cases = [
      [{}, { a: 'accept' }, 'no_decision'],
      [{ quorum: { numerator: 1, denominator: 3 } }, { a: 'accept' }, 'accept'],
      [{}, { a: 'accept', b: 'abstain' }, 'accept'],
      [{}, { a: 'accept', b: 'reject' }, 'reject'],
      [{}, { a: 'abstain', b: 'abstain' }, 'no_decision'],
      [{}, {}, 'no_decision'],
      [{ weights: [3, 2, 2] }, { a: 'reject', b: 'accept' }, 'reject'],
      [
        { strategy: 'weighted', threshold: { numerator: 2, denominator: 3 } },
        { a: 'accept', b: 'accept' },
        'accept',
      ],
      [{ strategy: 'weighted' }, { a: 'accept', b: 'abstain' }, 'reject'],
      [{ strategy: 'unanimous' }, { a: 'accept', b: 'accept' }, 'reject'],
    ] as const;
    for (const [{ weights = [1, 1, 1], ...rule }, ballots, decision] of cases as unknown as [
      { weights?: number[] },
      Record<string, 'accept'>,
      string,
    ][]) {
      const electorate = Object.keys(views).map((agent, i) => ({ agent, weight: weights[i]! }));
      const { id, deadlineAt } = await a.votes.propose({ ...base, ...rule, electorate, deadlineMs: 1000 });
      for (const [agent, choice] of Object.entries(ballots))
        await views[agent as 'a'].votes.cast({ proposal: id, choice });
      clock.advance(1000);
      const seen = await others.c.votes.get({ proposal: id });
      expect(seen, JSON.stringify([rule, ballots])).toMatchObject({ state: 'decided', decision });
      const waited = await a.votes.wait({ proposal: id });
      expect(waited).toMatchObject({ decision, decidedAt: seen!.decidedAt, remainingMs: 0 });
      expect(seen!.decidedAt).toBeLessThanOrEqual(deadlineAt);
      expect(await a.votes.recount({ proposal: id })).toMatchObject({ matches: true, decision });
    }
    expect(await entries(rookery, 'votes.decide')).toHaveLength(cases.length);
  });

  it('is one when the last ballot and the deadline meet, in two openings [VO-x3]', async () => {
    const clock = new ManualClock();
    const [one, two] = [await harness.open({ clock }), await harness.again({ clock })];
    const { a } = await crew(one, 'a', 'b', 'c');
    const electorate = ['a', 'b', 'c'].map((agent) => ({ agent }));
    const rounds = harness.engine === 'sqlite' ? 16 : 4;
    for (let round = 0; round < rounds; round++) {
      const { id } = await a.votes.propose({ ...base, electorate, strategy: 'majority', deadlineMs: 10 });
      await a.votes.cast({ proposal: id, choice: 'accept' });
      clock.advance(round % 2 === 0 ? 10 : 9);
      const waiting = two.as('c').votes.wait({ proposal: id, waitMs: 60_000 });
      const [cast] = await Promise.allSettled([
        two.as('b').votes.cast({ proposal: id, choice: 'accept' }),
        one.votes.sweep(),
        one.as('c').votes.wait({ proposal: id }),
      ]);
      const decision = round % 2 === 0 ? 'no_decision' : 'accept';
      expect(cast.status).toBe(round % 2 === 0 ? 'rejected' : 'fulfilled');
      expect((await waiting)?.decision).toBe(decision);
      expect((await one.as('c').votes.get({ proposal: id }))?.decision).toBe(decision);
    }
    expect(await entries(one, 'votes.decide')).toHaveLength(rounds);
    expect(await one.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('comes at the deadline by itself to who waits, and open to who gave it no more time [WA-x4]', async () => {
    const rookery = await harness.open();
    const { a } = await crew(rookery, 'a', 'b', 'c');
    const { id } = await a.votes.propose({ ...base, deadlineMs: 300 });
    expect(await a.votes.wait({ proposal: id, waitMs: 20 })).toMatchObject({ state: 'open', decision: null });
    const started = performance.now();
    expect((await a.votes.wait({ proposal: id, waitMs: 60_000 }))?.decision).toBe('no_decision');
    expect(performance.now() - started).toBeLessThan(300 + promptMs);
  });

  it('never comes once its proposer has cancelled', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { a, b } = await crew(rookery, 'a', 'b');
    const { id } = await a.votes.propose({ ...base, deadlineMs: 1000 });
    const waiting = b.votes.wait({ proposal: id, waitMs: 60_000 });
    expect((await errorOf(b.votes.cancel({ proposal: id }))).code).toBe('FORBIDDEN');
    await a.votes.cancel({ proposal: id });
    expect(await waiting).toMatchObject({ state: 'cancelled', decision: null });
    clock.advance(1000);
    expect(await rookery.votes.sweep()).toEqual({ decided: 0, more: false });
    expect((await errorOf(b.votes.cast({ proposal: id, choice: 'accept' }))).code).toBe('VOTE_CLOSED');
    expect((await a.votes.list({ state: 'cancelled' })).proposals).toHaveLength(1);
    clock.advance(1000);
    expect((await errorOf(a.votes.prune({ olderThanMs: 0 }))).code).toBe('FORBIDDEN');
    expect(await rookery.votes.prune({ olderThanMs: 1000 })).toEqual({ pruned: 1, more: false });
    expect(await a.votes.get({ proposal: id })).toBeNull();
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });
}
