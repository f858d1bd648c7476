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

const twins: [
  what: string,
  check: keyof typeof checks,
  changes: { in: string; text: string; by: string }[],
  holds: boolean,
][] = [
  [
    'the deadline of a signal [SG4]',
    'lateAnswer',
    [{ in: 'domains/signals/model.ts', text: 'deadline_ms <= now', by: 'deadline_ms <= -now' }],
    false,
  ],
  [
    'that only a target answers for itself [SG2, SG-x1]',
    'answerForAnother',
    [
      anybodysAnswer,
      {
        in: anybodysAnswer.in,
        text: 'const { row: signal, own } = yield* findToChange(context, input.signal);',
        by: 'const { row: signal } = yield* findToChange(context, input.signal);',
      },
    ],
    false,
  ],
  [
    'the deadline of a vote [VO5]',
    'lateBallot',
    [{ in: 'domains/votes/model.ts', text: 'deadline_ms <= now', by: 'deadline_ms <= -now' }],
    false,
  ],
  [
    'the look for an earlier ballot: the key of the table still refuses [VO1]',
    'secondBallot',
    [votingTwice, asFirst],
    true,
  ],
  [
    'the look for an earlier ballot and the key [VO1, VO-x2]',
    'secondBallot',
    [votingTwice, asFirst, withoutKey],
    false,
  ],
];

it.each(Object.entries(checks))('the check of %s holds', async (_, check) => {
  expect(await run(product.openRookery, check)).toBe(true);
});

it.each(twins)('without %s', { timeout: 60_000 }, async (_, check, changes, holds) => {
  const twin = await sabotagedSource<typeof product>('rookery.ts', ...changes);
  expect(await run(twin.openRookery, checks[check])).toBe(holds);
});
