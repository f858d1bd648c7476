import { expect, it } from 'vitest';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { crew } from '../support/fleet.ts';
import { entries } from '../support/ledger.ts';
import { type Child, ended, memory, start, temporaryFolder } from '../support/processes.ts';

type Step = readonly [verb: string, id: string, at?: number];
type Outcome = { verb: string; id: string; late?: boolean; state?: string; decision?: string; code?: string };

async function participant(path: string, agent: string): Promise<Child> {
  const child = start('test/faults/children/participant.ts', [path, agent]);
  const { value } = await child.lines.next();
  if (value !== '"ready"') throw new Error(child.stderr());
  return child;
}

/** Has a participant do some things, and answers what it printed until it was done, or died. */
async function perform(child: Child, steps: readonly Step[], killAfter = Number.POSITIVE_INFINITY) {
  child.process.stdin!.write(`${JSON.stringify(steps)}\n`);
  const outcomes: Outcome[] = [];
  for (;;) {
    const { value, done } = await child.lines.next();
    const outcome = done ? null : JSON.parse(value);
    if (outcome === null) return outcomes;
    outcomes.push(outcome);
    if (outcomes.length === killAfter) child.process.kill('SIGKILL');
  }
}

/** How long a round is open, and when in it the last word comes: well before its deadline, well after, mostly at it. */
const rounds = [
  { openMs: 3000, offset: -3000 },
  ...[-2, -1, -1, 0, 0, 0, 0, 1, 1, 2, 60].map((offset) => ({ openMs: 90, offset })),
];

async function count(rookery: Rookery, operation: string): Promise<number> {
  return (await entries(rookery, operation)).length;
}

it('ends each signal one way when an answer and the deadline meet in two processes [SG-x2, SG4]', {
  timeout: 120_000,
}, async () => {
  const path = temporaryFolder(memory);
  await using rookery = await openRookery({ path });
  const { boss } = await crew(rookery, 'boss', 'a');
  const [answering, waiting] = await Promise.all([participant(path, 'a'), participant(path, 'boss')]);
  const ends: string[] = [];
  for (const { openMs, offset } of rounds) {
    const { id, deadlineAt } = await boss.signals.send({ type: 't', targets: ['a'], timeoutMs: openMs });
    const [[answer], [wait]] = await Promise.all([
      perform(answering, [['acknowledge', id, deadlineAt + offset]]),
      perform(waiting, [['waitForSignal', id]]),
    ]);
    const { state } = (await boss.signals.get({ id }))!;
    expect(wait!.state).toBe(state);
    expect(answer!.late).toBe(state === 'timed_out');
    ends.push(state);
  }
  expect([ends[0], ends.at(-1)]).toEqual(['complete', 'timed_out']);
  expect(await count(rookery, 'signals.timeout')).toBe(ends.filter((end) => end === 'timed_out').length);
  expect(await count(rookery, 'signals.complete')).toBe(ends.filter((end) => end === 'complete').length);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});

it('decides each vote once when the last ballot and the deadline meet in two processes [VO-x3, VO3, VO5]', {
  timeout: 120_000,
}, async () => {
  const path = temporaryFolder(memory);
  await using rookery = await openRookery({ path });
  const { boss } = await crew(rookery, 'boss', 'a', 'b', 'c');
  const [casting, waiting] = await Promise.all([participant(path, 'a'), participant(path, 'boss')]);
  const electorate = ['a', 'b', 'c', 'boss'].map((agent) => ({ agent }));
  const decisions: (string | null)[] = [];
  for (const { openMs, offset } of rounds) {
    const { id, deadlineAt } = await boss.votes.propose({
      ...{ title: 't', target: { type: 'task', id: 'x' }, electorate, deadlineMs: openMs },
    });
    await boss.votes.cast({ proposal: id, choice: 'reject' });
    const [[cast], [wait]] = await Promise.all([
      perform(casting, [['cast', id, deadlineAt + offset]]),
      perform(waiting, [['waitForVote', id]]),
    ]);
    const { decision, tally } = (await boss.votes.get({ proposal: id }))!;
    expect(wait!.decision).toBe(decision);
    // With the ballot the quorum is reached, and it is a tie.
    expect(decision).toBe(cast!.code === 'VOTE_CLOSED' ? 'no_decision' : 'reject');
    expect(tally.cast).toBe(decision === 'reject' ? 2 : 1);
    decisions.push(decision);
  }
  expect([decisions[0], decisions.at(-1)]).toEqual(['reject', 'no_decision']);
  expect(await count(rookery, 'votes.decide')).toBe(rounds.length);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
});

it('keeps every acknowledged answer and ballot, and no half of one, over kill -9 [VO-x4, VO6, SG6]', {
  timeout: 120_000,
}, async () => {
  const path = temporaryFolder(memory);
  const agents = Array.from({ length: 4 }, (_, i) => `agent-${i}`);
  const ids = Array.from({ length: 30 }, (_, i) => `n${i}`);
  await using rookery = await openRookery({ path });
  await crew(rookery, ...agents);
  const electorate = agents.map((agent) => ({ agent }));
  for (const id of ids) {
    await rookery.signals.send({ id, type: 't', targets: agents });
    await rookery.votes.propose({
      id,
      title: id,
      target: { type: 'task', id },
      electorate,
      strategy: 'majority',
    });
  }
  const steps = ids.flatMap((id): Step[] => [
    ['cast', id],
    ['acknowledge', id],
  ]);
  const told = await Promise.all(
    agents.map(async (agent, i) => {
      const child = await participant(path, agent);
      // The last one lives, and finds its ballots refused where the others have decided.
      const outcomes = await perform(child, steps, i < 3 ? 11 + 13 * i : undefined);
      if (i < 3) expect(await ended(child.process)).toBeNull();
      return outcomes.map((outcome) => ({ agent, ...outcome }));
    }),
  );
  let [ballots, answers] = [0, 0];
  for (const { agent, verb, id, code } of told.flat()) {
    if (code) continue;
    const [elector, target] = [
      (await rookery.votes.ballots({ proposal: id }))!.electors.find((one) => one.agent === agent),
      (await rookery.signals.get({ id }))!.targets.find((one) => one.agent === agent),
    ];
    if (verb === 'cast') ballots += Number(elector!.ballot !== null);
    else answers += Number(target!.state === 'acked');
  }
  const kept = told.flat().filter(({ code }) => !code);
  expect(ballots + answers).toBe(kept.length);
  expect(kept.length).toBeGreaterThan(60);
  for (const id of ids) expect((await rookery.votes.recount({ proposal: id }))?.matches).toBe(true);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  for (const agent of agents) {
    for (const id of ids) {
      await rookery.as(agent).signals.acknowledge({ signal: id });
      await rookery
        .as(agent)
        .votes.cast({ proposal: id, choice: 'accept' })
        .catch(() => {});
    }
  }
  const decided = (await rookery.votes.list({ state: 'decided' })).proposals;
  expect(decided.map(({ decision, tally }) => `${decision} ${tally.cast}`)).toEqual(
    Array(30).fill('accept 3'),
  );
  expect((await rookery.signals.list({ state: 'complete' })).signals).toHaveLength(30);
  expect(await count(rookery, 'votes.decide')).toBe(30);
});
