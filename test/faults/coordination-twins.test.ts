import { expect, it } from 'vitest';
import * as product from '../../src/rookery.ts';
import { ManualClock } from '../support/clock.ts';
import { crew } from '../support/fleet.ts';
import { sabotagedSource } from '../support/sabotage.ts';

/** What breaks when one protection of signals or votes is taken out: each check passes with it, and fails without. */

type Open = typeof product.openRookery;
type Check = (rookery: product.Rookery, clock: ManualClock) => Promise<unknown>;

const proposal = { title: 't', target: { type: 'task', id: 'x' } } as const;

const checks = {
  async lateAnswer(rookery, clock) {
    const { boss, a } = await crew(rookery, 'boss', 'a');
    const { id } = await boss.signals.send({ type: 't', targets: ['a'], timeoutMs: 10 });
    clock.advance(10);
    return (await a.signals.acknowledge({ signal: id })).late;
  },
  async answerForAnother(rookery) {
    const { boss, a } = await crew(rookery, 'boss', 'a', 'b');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b'] });
    await a.signals.acknowledge({ signal: id, target: 'b' }).catch(() => {});
    return (await boss.signals.get({ id }))!.acked === 0;
  },
  async lateBallot(rookery, clock) {
    const { a } = await crew(rookery, 'a', 'b');
    const electorate = [{ agent: 'a' }, { agent: 'b' }];
    const { id } = await a.votes.propose({ ...proposal, electorate, deadlineMs: 10 });
    clock.advance(10);
    return await a.votes.cast({ proposal: id, choice: 'accept' }).then(
      () => false,
      ({ code }) => code === 'VOTE_CLOSED',
    );
  },
  async secondBallot(rookery) {
    const { a } = await crew(rookery, 'a', 'b', 'c');
    const electorate = ['a', 'b', 'c'].map((agent) => ({ agent }));
    const { id } = await a.votes.propose({ ...proposal, electorate, strategy: 'majority' });
    for (const choice of ['accept', 'reject'] as const)
      await a.votes.cast({ proposal: id, choice }).catch(() => {});
    const rows = (await a.votes.ballots({ proposal: id }))!.electors.filter(({ ballot }) => ballot);
    return rows.length === 1 && (await a.votes.recount({ proposal: id }))!.matches;
  },
} satisfies Record<string, Check>;

async function run(open: Open, check: Check): Promise<unknown> {
  const clock = new ManualClock();
  const rookery = await open({ path: ':memory:', clock });
  try {
    return await check(rookery, clock);
  } finally {
    await rookery.close();
  }
}

const votingTwice = {
  in: 'domains/votes/casting.ts',
  text: 'hasVoted(own) && row.revisable === 0',
  by: 'false',
};
const asFirst = {
  in: 'domains/votes/casting.ts',
  text: 'const before = revision ?? 0;',
  by: 'const before = 0 * Number(revision);',
};
const withoutKey = {
  in: 'kernel/migrations/009-votes.ts',
  text: 'sealed BLOB,\n        PRIMARY KEY (project_id, proposal_id, agent_id)',
  by: 'sealed BLOB',
};
const anybodysAnswer = {
  in: 'domains/signals/answering.ts',
  text: 'assertOneself(context, signal, input.target);\n  if (!own) {',
  by: 'const own = yield* targetOf(context.project, signal.id, input.target ?? context.agent);\n  if (!own) {',
};

const lateSignal = { in: 'domains/signals/model.ts', text: 'deadline_ms <= now', by: 'deadline_ms <= -now' };
const lateVote = { ...lateSignal, in: 'domains/votes/model.ts' };
const asAnybody = {
  in: anybodysAnswer.in,
  text: 'const { row: signal, own } = yield* findToChange(context, input.signal);',
  by: 'const { row: signal } = yield* findToChange(context, input.signal);',
};

it.each(Object.entries(checks))('the check of %s holds', async (_, check) => {
  expect(await run(product.openRookery, check)).toBe(true);
});

/** All are taken out of one copy of the source, because loading one takes seconds; no check is about another's. */
it('fails without the deadlines, without a target answering for itself, without one ballot each [SG2, SG4, SG-x1, VO1, VO5, VO-x2]', {
  timeout: 60_000,
}, async () => {
  const ballots = [votingTwice, asFirst, withoutKey];
  const changes = [lateSignal, anybodysAnswer, asAnybody, lateVote, ...ballots];
  const twin = await sabotagedSource<typeof product>('rookery.ts', ...changes);
  for (const [name, check] of Object.entries(checks))
    expect([name, await run(twin.openRookery, check)]).toEqual([name, false]);
});

it('without the look for an earlier ballot, the key of the table still refuses [VO1]', {
  timeout: 60_000,
}, async () => {
  const twin = await sabotagedSource<typeof product>('rookery.ts', votingTwice, asFirst);
  expect(await run(twin.openRookery, checks.secondBallot)).toBe(true);
});
