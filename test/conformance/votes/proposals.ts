import { expect, it } from 'vitest';
import { electorateHash } from '../../../src/domains/votes/model.ts';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { crew } from '../../support/fleet.ts';
import { denials, entries, errorOf } from '../../support/ledger.ts';

export const about = { type: 'phase', id: 'auth' } as const;

type Input = Record<string, unknown>;
const base = { title: 'Ship it?', target: about };

const bad: [verb: 'propose' | 'cast' | 'wait' | 'list', field: string, input: Input][] = [
  ['propose', 'title', { target: about }],
  ['propose', 'target', { title: 't' }],
  ['propose', 'target.type', { title: 't', target: { type: 'house', id: 'x' } }],
  ['propose', 'kind', { ...base, kind: 'poll' }],
  ['propose', 'strategy', { ...base, strategy: 'loudest' }],
  ['propose', 'threshold', { ...base, strategy: 'simple', threshold: { numerator: 1, denominator: 2 } }],
  ['propose', 'threshold', { ...base, strategy: 'majority', threshold: 0.666 }],
  ['propose', 'threshold', { ...base, strategy: 'majority', threshold: { numerator: 3, denominator: 2 } }],
  [
    'propose',
    'threshold.numerator',
    { ...base, strategy: 'weighted', threshold: { numerator: 0, denominator: 1 } },
  ],
  [
    'propose',
    'threshold.numerator',
    { ...base, strategy: 'weighted', threshold: { numerator: 0.5, denominator: 1 } },
  ],
  ['propose', 'quorum.denominator', { ...base, quorum: { numerator: 1, denominator: 1_000_001 } }],
  ['propose', 'electorate', { ...base, electorate: [] }],
  ['propose', 'electorate', { ...base, electorate: [{ agent: 'a' }], team: 'red' }],
  ['propose', 'electorate.1.agent', { ...base, electorate: [{ agent: 'a' }, { agent: 'a', weight: 2 }] }],
  ['propose', 'electorate.0.weight', { ...base, electorate: [{ agent: 'a', weight: 0 }] }],
  ['propose', 'electorate.0.weight', { ...base, electorate: [{ agent: 'a', weight: -1 }] }],
  ['propose', 'electorate.0.weight', { ...base, electorate: [{ agent: 'a', weight: Number.NaN }] }],
  ['propose', 'electorate.0.weight', { ...base, electorate: [{ agent: 'a', weight: 1_000_001 }] }],
  ['propose', 'deadlineMs', { ...base, deadlineMs: 0 }],
  ['propose', 'deadlineMs', { ...base, deadlineMs: 31_622_400_001 }],
  ['propose', 'data', { ...base, data: { f: () => 1 } }],
  ['propose', 'owner', { ...base, owner: 'a' }],
  ['cast', 'choice', { proposal: 'p', choice: 'maybe' }],
  ['cast', 'confidence', { proposal: 'p', choice: 'accept', confidence: 1.1 }],
  ['cast', 'weight', { proposal: 'p', choice: 'accept', weight: 5 }],
  ['wait', 'waitMs', { proposal: 'p', waitMs: -1 }],
  ['list', 'state', { state: 'over' }],
];

/** What is put to a vote, to whom, and who may see it. */
export function proposalSuite(harness: Harness): void {
  it('fixes who may vote when it opens, and hashes it [VO7]', async () => {
    const rookery = await harness.open();
    await rookery.fleet.createTeam({ id: 'red' });
    for (const id of ['ada', 'bob']) await rookery.fleet.register({ id, team: 'red', swarm: 'one' });
    await rookery.fleet.register({ id: 'cyd', swarm: 'one' });
    const ada = rookery.as('ada');
    const team = await ada.votes.propose({ ...base, team: 'red' });
    const swarm = await ada.votes.propose({ ...base });
    const given = await ada.votes.propose({
      ...base,
      electorate: [{ agent: 'cyd', weight: 7 }, { agent: 'ada' }],
    });
    await rookery.fleet.register({ id: 'dan', team: 'red', swarm: 'one' });
    await rookery.fleet.update({ id: 'bob', team: null, swarm: 'two' });
    const electors = async (proposal: string) =>
      (await ada.votes.ballots({ proposal }))!.electors.map(({ agent, weight }) => ({ agent, weight }));
    expect(await electors(team.id)).toEqual([
      { agent: 'ada', weight: 1 },
      { agent: 'bob', weight: 1 },
    ]);
    expect((await electors(swarm.id)).map(({ agent }) => agent)).toEqual(['ada', 'bob', 'cyd']);
    expect(await electors(given.id)).toEqual([
      { agent: 'ada', weight: 1 },
      { agent: 'cyd', weight: 7 },
    ]);
    expect(given).toMatchObject({ electors: 2, tally: { weightTotal: 8, weightCast: 0, cast: 0 } });
    for (const { id, electorateHash: stored } of [team, swarm, given]) {
      expect(electorateHash(await electors(id))).toBe(stored);
      expect((await ada.votes.get({ proposal: id }))?.electorateHash).toBe(stored);
    }
    const accept = { proposal: team.id, choice: 'accept' } as const;
    expect((await errorOf(rookery.as('dan').votes.cast(accept))).code).toBe('FORBIDDEN');
    await rookery.as('bob').votes.cast(accept);
    await rookery.fleet.update({ id: 'bob', status: 'suspended' });
    expect((await ada.votes.cast(accept)).proposal).toMatchObject({ state: 'decided', decision: 'accept' });
    expect(await ada.votes.recount({ proposal: team.id })).toMatchObject({
      matches: true,
      tally: { accept: 2 },
    });
  });

  it('goes to active agents only, and by members of its audience [K9]', async () => {
    const rookery = await harness.open();
    const { ada } = await crew(rookery, 'ada', 'asleep');
    await rookery.fleet.update({ id: 'asleep', status: 'inactive' });
    for (const agent of ['nobody', 'asleep']) {
      const error = await errorOf(ada.votes.propose({ ...base, electorate: [{ agent: 'ada' }, { agent }] }));
      expect([error.code, error.details['agent']]).toEqual(['NOT_FOUND', agent]);
    }
    expect((await errorOf(ada.votes.propose({ ...base, team: 'none' }))).code).toBe('NOT_FOUND');
    const foreign = { ...base, level: 'team', audience: 'red' } as const;
    expect((await errorOf(ada.votes.propose(foreign))).code).toBe('FORBIDDEN');
    expect((await denials(rookery, 'ada')).map(({ op }) => op)).toEqual(['votes.propose']);
    expect((await ada.votes.list()).proposals).toEqual([]);
  });

  it('is seen by its audience and its electors, and by nobody else', async () => {
    const rookery = await harness.open();
    await rookery.fleet.createTeam({ id: 'red' });
    for (const id of ['ada', 'bob']) await rookery.fleet.register({ id, team: 'red' });
    const { eve, guest } = await crew(rookery, 'eve', 'guest');
    const [ada, bob] = [rookery.as('ada'), rookery.as('bob')];
    const { id } = await ada.votes.propose({
      ...base,
      level: 'team',
      electorate: [{ agent: 'guest' }, { agent: 'ada' }],
      data: 'secret',
    });
    const open = await ada.votes.propose({ ...base, kind: 'gate', deadlineMs: 60_000 });
    for (const view of [ada, bob, guest])
      expect((await view.votes.get({ proposal: id }))?.data).toBe('secret');
    const listed = async (view: View, input: Parameters<View['votes']['list']>[0] = {}) =>
      (await view.votes.list(input)).proposals.map((proposal) => proposal.id).sort();
    const both = [id, open.id].sort();
    for (const view of [ada, bob, guest]) expect(await listed(view)).toEqual(both);
    expect(await listed(eve)).toEqual([open.id]);
    expect(await listed(guest, { awaiting: true })).toEqual(both);
    expect(await listed(bob, { awaiting: true })).toEqual([open.id]);
    expect(await listed(guest, { target: about, kind: 'gate' })).toEqual([open.id]);
    expect(await listed(ada, { target: { type: 'task', id: 'auth' } })).toEqual([]);
    await guest.votes.cast({ proposal: id, choice: 'abstain' });
    expect(await listed(guest, { awaiting: true })).toEqual([open.id]);
    const first = await guest.votes.list({ limit: 1 });
    expect(await listed(guest, { limit: 1, cursor: first.nextCursor! })).toEqual([both[1]]);

    for (const verb of ['get', 'ballots', 'recount', 'wait'] as const)
      expect(await (eve.votes[verb] as View['votes']['get'])({ proposal: id }), verb).toBeNull();
    const shown = ({ code, message, details }: Awaited<ReturnType<typeof errorOf>>) => ({
      code,
      message,
      details,
    });
    for (const verb of ['cast', 'cancel'] as const) {
      const input = verb === 'cast' ? { choice: 'accept' } : {};
      const ask = (proposal: string) =>
        errorOf((eve.votes[verb] as View['votes']['get'])({ ...input, proposal } as never));
      expect(shown(await ask(id))).toEqual(shown(await ask('none')));
    }
    expect((await denials(rookery, 'eve')).map(({ op }) => op).sort()).toEqual(
      ['ballots', 'cancel', 'cast', 'get', 'recount', 'wait'].map((verb) => `votes.${verb}`),
    );
    await rookery.fleet.update({ id: 'guest', status: 'suspended' });
    expect(await guest.votes.get({ proposal: id })).toBeNull();
    expect(await listed(guest)).toEqual([]);
  });

  it('is opened once under one id; another proposal under it is refused', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { ada, bob } = await crew(one, 'ada', 'bob');
    const electorate = [{ agent: 'bob' }, { agent: 'ada', weight: 2 }];
    const input = { ...base, id: 'p-1', electorate, data: { n: 1 } };
    const made = await Promise.all([one, two, one].map((at) => at.as('ada').votes.propose(input)));
    expect(new Set(made.map(({ seq }) => seq)).size).toBe(1);
    await bob.votes.cast({ proposal: 'p-1', choice: 'reject' });
    const again = await ada.votes.propose({ ...input, electorate: electorate.toReversed() });
    expect(again.tally).toMatchObject({ reject: 1, cast: 1 });
    for (const changed of [
      { data: { n: 2 } },
      { title: 'u' },
      { electorate: [{ agent: 'bob' }] },
      { revisable: true },
    ])
      expect((await errorOf(ada.votes.propose({ ...input, ...changed }))).code).toBe('IDEMPOTENCY_CONFLICT');
    expect((await errorOf(bob.votes.propose(input))).code).toBe('IDEMPOTENCY_CONFLICT');
    expect(await entries(one, 'votes.propose')).toHaveLength(1);
  });

  it('refuses each bad field by its name, and writes nothing [VO-x1]', async () => {
    const rookery = await harness.open();
    const { a } = await crew(rookery, 'a');
    for (const [verb, field, input] of bad) {
      const error = await errorOf((a.votes[verb] as View['votes']['get'])(input as never));
      expect([error.code, error.details['field']], `${verb} ${JSON.stringify(input).slice(0, 90)}`).toEqual([
        'INVALID_INPUT',
        field,
      ]);
    }
    expect((await a.votes.list()).proposals).toEqual([]);
  });
}
