import { expect, it } from 'vitest';
import { deadAfterMs, suspectAfterMs } from '../../src/kernel/access/presence.ts';
import { authenticate } from '../../src/kernel/access/tokens.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { denials, entries, errorOf } from '../support/ledger.ts';

/** Agents, teams, swarms, and who is there. */
export function fleetSuite(harness: Harness): void {
  it('registers an agent under its id or a new one, and changes it in place', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const first = await rookery.fleet.register({
      id: 'agent-1',
      name: 'Backend Developer',
      type: 'backend-dev',
      capabilities: ['api', 'database'],
      metadata: { level: 3 },
    });
    expect(first).toEqual({
      id: 'agent-1',
      name: 'Backend Developer',
      type: 'backend-dev',
      status: 'active',
      team: null,
      swarm: 'default',
      capabilities: ['api', 'database'],
      metadata: { level: 3 },
      level: 'team',
      incarnation: 1,
      presence: 'alive',
      createdAt: clock.now(),
      updatedAt: clock.now(),
      lastSeen: clock.now(),
    });
    clock.advance(5);
    const second = await rookery.fleet.register({ id: 'agent-1', type: 'tester' });
    expect(second).toEqual({
      ...first,
      type: 'tester',
      level: 'swarm',
      updatedAt: clock.now(),
      lastSeen: clock.now(),
    });
    expect(await rookery.fleet.get({ id: 'agent-1' })).toEqual(second);
    const generated = [await rookery.fleet.register(), await rookery.fleet.register()];
    expect(generated[0]!.id).not.toBe(generated[1]!.id);
    expect(generated[0]).toMatchObject({ type: 'coder', name: generated[0]!.id });
    expect(await rookery.fleet.get({ id: 'nobody' })).toBeNull();
    expect(await rookery.fleet.update({ id: 'nobody', name: 'x' })).toBeNull();
    // One for each new agent, the caller included, and one for the change.
    expect(await entries(rookery, 'fleet.register')).toHaveLength(5);
  });

  it('keeps what a registration does not mention, access and grants included', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', team: 'red', swarm: 'one', system: true });
    const a = rookery.as('a');
    await a.access.grant({ agent: 'b', acts: ['read'], resource: 'memory', ttl: 60 });
    await a.memory.set({ key: 'k', value: 1, level: 'team' });
    await a.fleet.register({ id: 'a', name: 'A' });
    expect((await a.memory.get({ key: 'k', level: 'team' }))?.value).toBe(1);
    await a.memory.set({ key: 'k', value: 1, level: 'system' });
    expect((await a.access.grants()).grants[0]?.revokedAt).toBeNull();
    expect(await rookery.fleet.get({ id: 'a' })).toMatchObject({ team: 'red', swarm: 'one', name: 'A' });
  });

  it('counts lives: a restart begins the next, and the one before is fenced off [PR4]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    expect((await a.fleet.register({ id: 'a' })).incarnation).toBe(1);
    expect((await a.fleet.register({ id: 'a' })).incarnation).toBe(1);
    expect(await a.fleet.heartbeat({ incarnation: 1 })).toMatchObject({ id: 'a', incarnation: 1 });
    expect((await a.fleet.register({ id: 'a', restart: true })).incarnation).toBe(2);
    const stale = await errorOf(a.fleet.heartbeat({ incarnation: 1 }));
    expect(stale).toMatchObject({ code: 'FENCED', details: { current: 2 } });
    expect((await a.fleet.heartbeat({ incarnation: 2 }))?.incarnation).toBe(2);
  });

  it('goes from alive to suspect to dead by the clock, and back at a sign of life [PR1, PR3]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    await a.fleet.register({ id: 'a' });
    const presence = async () => (await rookery.fleet.get({ id: 'a' }))?.presence;
    clock.pass(suspectAfterMs - 1, rookery);
    expect(await presence()).toBe('alive');
    clock.pass(1, rookery);
    expect(await presence()).toBe('suspect');
    expect((await rookery.fleet.list()).agents.find(({ id }) => id === 'a')?.presence).toBe('suspect');
    clock.pass(deadAfterMs - suspectAfterMs - 1, rookery);
    expect(await presence()).toBe('suspect');
    clock.pass(1, rookery);
    expect(await presence()).toBe('dead');
    await a.fleet.heartbeat();
    expect(await presence()).toBe('alive');
    clock.pass(deadAfterMs, rookery);
    const { token } = await rookery.token.create({ agent: 'a' });
    await authenticate(rookery.store, token);
    await a.memory.set({ key: 'tick', value: 1 });
    expect(await presence()).toBe('alive');
    expect(await entries(rookery, 'fleet.heartbeat')).toEqual([]);
  });

  it('lets nobody die of a store that was closed [PR-x1]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    await rookery.as('a').fleet.register({ id: 'a' });
    await rookery.close();
    clock.advance(3_600_000);
    const later = await harness.again({ clock });
    const presence = async () => (await later.fleet.get({ id: 'a' }))?.presence;
    expect(await presence()).toBe('suspect');
    clock.pass(deadAfterMs - 1, later);
    expect(await presence()).toBe('suspect');
    clock.pass(1, later);
    expect(await presence()).toBe('dead');
  });

  it('lists by filter and by page, the filter first', async () => {
    const rookery = await harness.open();
    for (let i = 0; i < 12; i++) {
      await rookery.fleet.register({
        id: `agent-${String(i).padStart(2, '0')}`,
        type: i % 2 ? 'coder' : 'tester',
        team: i % 3 ? 'red' : 'blue',
        swarm: i % 4 ? 'one' : 'two',
        capabilities: i % 5 === 0 ? ['sql', 'a","b'] : ['sqlite'],
      });
    }
    await rookery.fleet.update({ id: 'agent-03', status: 'inactive' });
    const ids = async (filter: Parameters<typeof rookery.fleet.list>[0]) => {
      const all: number[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: Awaited<ReturnType<typeof rookery.fleet.list>> = await rookery.fleet.list({
          ...filter,
          limit: 2,
          cursor,
        });
        expect(page.agents.length).toBeLessThanOrEqual(2);
        all.push(...page.agents.map(({ id }) => Number(id.slice(-2))));
        cursor = page.nextCursor;
      }
      return all;
    };
    expect(await ids({ team: 'blue' })).toEqual([0, 3, 6, 9]);
    expect(await ids({ type: 'tester', swarm: 'two' })).toEqual([0, 4, 8]);
    expect(await ids({ status: 'inactive' })).toEqual([3]);
    expect(await ids({ capability: 'sql' })).toEqual([0, 5, 10]);
    expect(await ids({ capability: 'a","b' })).toEqual([0, 5, 10]);
    expect(await ids({ capability: '","' })).toEqual([]);
    expect(await ids({ capability: 'nothing' })).toEqual([]);
  });

  it('takes all access from who is no longer active, and gives it back with the status', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', team: 'red' });
    const a = rookery.as('a');
    await a.memory.set({ key: 'k', value: 1, level: 'team' });
    for (const status of ['inactive', 'suspended', 'terminated'] as const) {
      expect((await rookery.fleet.update({ id: 'a', status }))?.status).toBe(status);
      expect((await rookery.fleet.members({ team: 'red' })).members).toEqual([]);
      expect((await errorOf(a.memory.set({ key: 'k', value: 2, level: 'team' }))).code).toBe('FORBIDDEN');
      expect((await errorOf(a.fleet.update({ id: 'a', status: 'active' }))).code).toBe('FORBIDDEN');
    }
    await rookery.fleet.register({ id: 'a' });
    expect((await rookery.fleet.get({ id: 'a' }))?.status).toBe('terminated');
    await rookery.fleet.update({ id: 'a', status: 'inactive' });
    expect((await rookery.fleet.register({ id: 'a' })).status).toBe('active');
    expect((await a.memory.get({ key: 'k', level: 'team' }))?.value).toBe(1);
    expect((await rookery.fleet.members({ team: 'red' })).members).toEqual(['a']);
  });

  it('gives the system audience to administrators that act as themselves, and for good reason only', async () => {
    const rookery = await harness.open();
    await rookery.memory.set({ key: 'k', value: 1, level: 'system' });
    const [plain, keeper] = [
      rookery.as('plain'),
      rookery.as('keeper', { rights: ['read', 'write', 'admin'] }),
    ];
    expect(await plain.memory.get({ key: 'k' })).toBeNull();
    expect((await errorOf(plain.memory.set({ key: 'k', value: 2, level: 'system' }))).code).toBe('FORBIDDEN');
    expect((await keeper.memory.get({ key: 'k' }))?.value).toBe(1);
    expect((await errorOf(plain.fleet.update({ id: 'plain', system: true }))).code).toBe('FORBIDDEN');
    expect((await errorOf(plain.fleet.register({ id: 'plain', system: true }))).code).toBe('FORBIDDEN');
    await keeper.fleet.update({ id: 'plain', system: true });
    expect((await plain.memory.get({ key: 'k' }))?.value).toBe(1);
    await keeper.fleet.update({ id: 'plain', team: 'red' });
    expect((await plain.memory.get({ key: 'k' }))?.value).toBe(1);
    // What an administrator registers is no administrator.
    await keeper.fleet.register({ id: 'made' });
    expect(await rookery.as('made').memory.get({ key: 'k' })).toBeNull();
    await keeper.fleet.update({ id: 'plain', status: 'suspended' });
    await keeper.fleet.update({ id: 'plain', status: 'active' });
    expect(await plain.memory.get({ key: 'k' })).toBeNull();
  });

  groupSuite(harness);
}

function groupSuite(harness: Harness): void {
  it('makes teams and swarms when they are first named, and lists their members', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', team: 'red', swarm: 'one' });
    await rookery.fleet.register({ id: 'b' });
    await rookery.fleet.update({ id: 'b', team: 'red' });
    expect((await rookery.fleet.teams()).teams.map(({ id }) => id)).toEqual(['red']);
    expect((await rookery.fleet.swarms()).swarms.map(({ id }) => id)).toEqual(['default', 'one']);
    expect((await rookery.fleet.members({ team: 'red' })).members).toEqual(['a', 'b']);
    expect((await rookery.fleet.members({ swarm: 'one' })).members).toEqual(['a']);
    const page = await rookery.fleet.members({ team: 'red', limit: 1 });
    expect(page).toEqual({ members: ['a'], nextCursor: 'a' });
    expect(await rookery.fleet.members({ team: 'red', cursor: 'a' })).toEqual({
      members: ['b'],
      nextCursor: null,
    });
    for (const input of [{}, { team: 'red', swarm: 'one' }])
      expect((await errorOf(rookery.fleet.members(input))).code).toBe('INVALID_INPUT');
    const a = rookery.as('a');
    await a.memory.set({ key: 'plan', value: 1, level: 'team' });
    expect((await rookery.as('b').memory.get({ key: 'plan' }))?.value).toBe(1);
    await rookery.fleet.update({ id: 'b', team: null });
    expect(await rookery.as('b').memory.get({ key: 'plan' })).toBeNull();
  });

  it('describes teams and swarms, by their members and administrators', async () => {
    const rookery = await harness.open();
    for (const [create, change, get, field] of operationsOf(rookery)) {
      const made = await create({ id: 'red', name: 'Red', metadata: { lead: 'a' } });
      expect(made).toMatchObject({ id: 'red', name: 'Red', description: '', metadata: { lead: 'a' } });
      expect((await create({})).id).toMatch(new RegExp(`^${field}_`));
      expect(await change({ id: 'red', description: 'ships it' })).toMatchObject({
        name: 'Red',
        description: 'ships it',
      });
      expect(await change({ id: 'nowhere', name: 'x' })).toBeNull();
      expect(await get({ id: 'nowhere' })).toBeNull();
      await rookery.fleet.register({ id: 'a', [field]: 'red' });
      const [member, stranger] = [rookery.as('a'), rookery.as('z')];
      const [memberCreate] = operationsOf(member).find(([, , , other]) => other === field)!;
      const [strangerCreate, strangerChange] = operationsOf(stranger).find(
        ([, , , other]) => other === field,
      )!;
      expect((await memberCreate({ id: 'red', name: 'Redder' })).createdAt).toBe(made.createdAt);
      expect((await errorOf(strangerCreate({ id: 'red', name: 'Mine' }))).code).toBe('FORBIDDEN');
      expect((await errorOf(strangerChange({ id: 'red', name: 'Mine' }))).code).toBe('FORBIDDEN');
      expect((await get({ id: 'red' }))?.name).toBe('Redder');
    }
    expect(await denials(rookery, 'z')).toHaveLength(4);
  });

  it('lets an agent start a team and leave it, and join an existing one by an administrator only', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    expect((await a.fleet.register({ id: 'a', team: 'red', swarm: 'one' })).team).toBe('red');
    await a.memory.set({ key: 'k', value: 'secret', level: 'team' });
    for (const attempt of [
      () => b.fleet.register({ id: 'b', team: 'red' }),
      () => b.fleet.register({ team: 'red' }),
      () => b.fleet.register({ id: 'b', swarm: 'one' }),
      () => b.fleet.update({ id: 'b', team: 'red' }),
      () => b.fleet.update({ id: 'b', swarm: 'one' }),
    ]) {
      expect((await errorOf(attempt())).code).toBe('FORBIDDEN');
    }
    expect(await b.memory.get({ key: 'k' })).toBeNull();
    expect(await rookery.fleet.get({ id: 'b' })).toMatchObject({ team: null, swarm: 'default' });
    expect((await a.fleet.update({ id: 'a', team: null }))?.team).toBeNull();
    await rookery.fleet.update({ id: 'b', team: 'red' });
    expect((await b.memory.get({ key: 'k' }))?.value).toBe('secret');
  });

  it('refuses bad input by field, and writes nothing', async () => {
    const rookery = await harness.open();
    for (const [field, input] of [
      ['id', { id: '' }],
      ['id', { id: 'a/b' }],
      ['id', { id: 'a\nb' }],
      ['type', { type: 'x'.repeat(600) }],
      ['capabilities', { capabilities: Array(101).fill('x') }],
      ['metadata', { metadata: [] }],
      ['metadata', { metadata: { text: 'x'.repeat(70_000) } }],
      ['metadata', { metadata: { n: Number.NaN } }],
      ['agentId', { agentId: 'boss' }],
    ] as const) {
      const error = await errorOf(rookery.fleet.register(input as never));
      expect(['INVALID_INPUT', 'TOO_LARGE']).toContain(error.code);
      expect(error.details).toMatchObject({ field });
    }
    const bad = rookery.fleet.update({ id: 'a', status: 'asleep' as never });
    expect((await errorOf(bad)).message).toContain('active, inactive, suspended, terminated');
    expect((await rookery.fleet.list()).agents.map(({ id }) => id)).toEqual(['local']);
  });

  it('wakes who waits for the fleet', async () => {
    const rookery = await harness.open();
    const armed = rookery.store.hints.arm('default', ['fleet/a']);
    const woken = armed.next(30_000).then(() => true);
    await rookery.as('a').fleet.heartbeat();
    expect(await woken).toBe(true);
    armed.disarm();
  });
}

function operationsOf({ fleet }: Pick<Rookery, 'fleet'>) {
  return [
    [fleet.createTeam, fleet.updateTeam, fleet.team, 'team'],
    [fleet.createSwarm, fleet.updateSwarm, fleet.swarm, 'swarm'],
  ] as const;
}
