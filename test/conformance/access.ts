import { expect, it } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { denials, errorOf } from '../support/ledger.ts';

/** Grants, and where identity may come from. */
export function accessSuite(harness: Harness): void {
  it('lets an agent open its private data to another, act by act and path by path', async () => {
    const rookery = await harness.open();
    const [owner, reader] = [rookery.as('owner'), rookery.as('reader')];
    for (const [namespace, key] of [
      ['acme', 'doc'],
      ['acme-corp', 'doc'],
    ] as const)
      await owner.memory.set({ namespace, key, value: namespace, level: 'private' });
    const read = async (namespace: string) =>
      (await reader.memory.get({ namespace, key: 'doc', level: 'private', audience: 'owner' }))?.value;
    expect([await read('acme'), await read('acme-corp')]).toEqual([undefined, undefined]);
    const { grants } = await owner.access.grant({
      agent: 'reader',
      acts: ['read'],
      resource: 'memory',
      prefix: 'acme',
      ttl: 60,
    });
    expect(grants).toMatchObject([
      { act: 'read', scope: 'private:owner', grantedBy: 'owner', prefix: 'acme' },
    ]);
    expect([await read('acme'), await read('acme-corp')]).toEqual(['acme', undefined]);
    expect((await reader.memory.keys({ namespace: 'acme' })).keys).toHaveLength(1);
    expect((await reader.memory.keys({ namespace: 'acme-corp' })).keys).toEqual([]);
    const write = { namespace: 'acme', key: 'doc', value: 1, level: 'private', audience: 'owner' } as const;
    expect((await errorOf(reader.memory.set(write))).code).toBe('FORBIDDEN');
    await owner.access.grant({ agent: 'reader', acts: ['write'], resource: 'memory', ttl: 60 });
    expect((await reader.memory.set(write)).owner).toBe('owner');
  });

  it('ends a grant at its time and at its revocation', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [owner, reader] = [rookery.as('owner'), rookery.as('reader')];
    await owner.memory.set({ key: 'k', value: 1, level: 'private' });
    const visible = async () =>
      (await reader.memory.has({ key: 'k', level: 'private', audience: 'owner' })).exists;
    const give = async (ttl: number) =>
      (await owner.access.grant({ agent: 'reader', acts: ['read'], resource: 'memory', ttl })).grants[0]!.id;
    const first = await give(10);
    clock.advance(9_999);
    expect(await visible()).toBe(true);
    clock.advance(1);
    expect(await visible()).toBe(false);
    const second = await give(60);
    expect(await visible()).toBe(true);
    const revoked = await owner.access.revoke({ id: second });
    expect(revoked?.revokedAt).toBe(clock.now());
    expect(await visible()).toBe(false);
    clock.advance(1);
    expect((await owner.access.revoke({ id: second }))?.revokedAt).toBe(revoked?.revokedAt);
    expect((await reader.access.grants()).grants.map(({ id }) => id)).toEqual([first, second]);
  });

  it('is given by members of the audience only, within their own rights, and not passed on', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'red-1', team: 'red' });
    const [member, friend, third] = [rookery.as('red-1'), rookery.as('friend'), rookery.as('third')];
    const team = { resource: 'memory', level: 'team', audience: 'red', ttl: 60 } as const;
    await member.memory.set({ key: 'plan', value: 1, level: 'team' });
    await member.access.grant({ agent: 'friend', acts: ['read'], ...team });
    expect((await friend.memory.get({ key: 'plan', level: 'team', audience: 'red' }))?.value).toBe(1);
    const attempts = [
      friend.access.grant({ agent: 'third', acts: ['read'], ...team }),
      third.access.grant({ agent: 'friend', acts: ['read'], ...team }),
      third.access.grant({ agent: 'friend', acts: ['read'], resource: 'memory', audience: 'red-1', ttl: 60 }),
      third.access.grant({ agent: 'friend', acts: ['read'], resource: 'memory', level: 'system', ttl: 60 }),
      rookery.as('red-1', { rights: ['write'] }).access.grant({ agent: 'third', acts: ['read'], ...team }),
      // An administrator is no member by that.
      rookery.access.grant({ agent: 'third', acts: ['read'], ...team }),
    ];
    for (const error of await Promise.all(attempts.map(errorOf))) expect(error.code).toBe('FORBIDDEN');
    expect((await denials(rookery)).map(({ op }) => op)).toEqual(Array(6).fill('access.grant'));
    expect((await rookery.access.grants()).grants).toHaveLength(1);
    expect(await third.memory.get({ key: 'plan', level: 'team', audience: 'red' })).toBeNull();
  });

  it('refuses grants without an end, to oneself, and of what there is none', async () => {
    const rookery = await harness.open();
    const owner = rookery.as('owner');
    const fine = { agent: 'reader', acts: ['read' as const], resource: 'memory' as const, ttl: 60 };
    const { ttl: _, ...endless } = fine;
    for (const [field, input] of [
      ['ttl', endless],
      ['ttl', { ...fine, ttl: 0 }],
      ['ttl', { ...fine, ttl: 31_622_401 }],
      ['agent', { ...fine, agent: 'owner' }],
      ['acts', { ...fine, acts: [] }],
      ['acts.0', { ...fine, acts: ['admin'] }],
      ['resource', { ...fine, resource: 'tokens' }],
      ['prefix', { ...fine, prefix: 'acme/' }],
    ] as const) {
      const error = await errorOf(owner.access.grant(input as never));
      expect(error).toMatchObject({ code: 'INVALID_INPUT', details: { field } });
    }
    expect((await owner.access.grants()).grants).toEqual([]);
  });

  it('shows a grant to its two sides and to administrators', async () => {
    const rookery = await harness.open();
    const [owner, reader, other] = [rookery.as('owner'), rookery.as('reader'), rookery.as('other')];
    const given = { acts: ['read' as const], resource: 'mail' as const, ttl: 60 };
    const { grants } = await owner.access.grant({ agent: 'reader', ...given });
    const id = grants[0]!.id;
    for (const side of [owner, reader, rookery])
      expect((await side.access.grants()).grants.map((grant) => grant.id)).toEqual([id]);
    expect((await other.access.grants()).grants).toEqual([]);
    expect((await errorOf(other.access.grants({ agent: 'owner' }))).code).toBe('FORBIDDEN');
    expect((await rookery.access.grants({ agent: 'other' })).grants).toEqual([]);
    expect(await other.access.revoke({ id })).toBeNull();
    expect(await other.access.revoke({ id: 'grant_unknown' })).toBeNull();
    expect((await denials(rookery, 'other')).map(({ op }) => op)).toEqual(['access.grants', 'access.revoke']);
    expect((await reader.access.revoke({ id }))?.revokedAt).not.toBeNull();
    const page = await rookery.access.grants({ limit: 1 });
    expect(page.nextCursor).toBeNull();
    await owner.access.grant({ agent: 'reader', ...given });
    const first = await rookery.access.grants({ limit: 1 });
    const rest = await rookery.access.grants({ limit: 1, cursor: first.nextCursor! });
    const seen = [...first.grants, ...rest.grants].map((grant) => grant.id);
    expect([seen.includes(id), new Set(seen).size, rest.nextCursor]).toEqual([true, 2, null]);
  });

  it('tells what the caller may do, and why', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'red-1', team: 'red' });
    const [owner, asker] = [rookery.as('owner'), rookery.as('asker')];
    await owner.access.grant({ agent: 'asker', acts: ['read'], resource: 'memory', prefix: 'a/b', ttl: 60 });
    const ask = (input: Parameters<typeof asker.access.check>[0], as = asker) => as.access.check(input);
    const owners = { act: 'read', resource: 'memory', audience: 'owner' } as const;
    expect(await ask({ act: 'read', resource: 'memory' })).toEqual({ allowed: true, because: 'member' });
    expect(await ask({ ...owners, path: 'a/b/c' })).toEqual({ allowed: true, because: 'grant' });
    expect(await ask({ ...owners, path: 'a/bc' })).toEqual({ allowed: false, because: 'nothing' });
    expect(await ask({ ...owners, act: 'write', path: 'a/b' })).toEqual({
      allowed: false,
      because: 'nothing',
    });
    expect(await ask({ ...owners, level: 'team', audience: 'red' })).toEqual({
      allowed: false,
      because: 'nothing',
    });
    expect(await ask({ act: 'write', resource: 'mail' }, rookery.as('asker', { rights: ['read'] }))).toEqual({
      allowed: false,
      because: 'right',
    });
    await rookery.fleet.update({ id: 'asker', status: 'suspended' });
    expect(await ask({ ...owners, path: 'a/b' })).toEqual({ allowed: false, because: 'inactive' });
  });

  identitySuite(harness);
}

function identitySuite(harness: Harness): void {
  it('refuses and records whoever names another agent as itself [S4]', async () => {
    const rookery = await harness.open();
    await rookery.as('boss').memory.set({ key: 'k', value: 1 });
    const mallory = rookery.as('mallory', { rights: ['read', 'write'] });
    const attempts = [
      mallory.fleet.register({ id: 'boss', name: 'owned' }),
      mallory.fleet.update({ id: 'boss', status: 'suspended' }),
      mallory.fleet.heartbeat({ id: 'boss' }),
      mallory.specialists.register({ id: 'boss', name: 'owned' }),
      mallory.specialists.heartbeat({ id: 'boss' }),
      mallory.access.grants({ agent: 'boss' }),
      mallory.token.create({ agent: 'boss' }),
    ];
    for (const error of await Promise.all(attempts.map(errorOf))) expect(error.code).toBe('FORBIDDEN');
    expect((await denials(rookery, 'mallory')).map(({ op }) => op).sort()).toEqual([
      'access.grants',
      'fleet.heartbeat',
      'fleet.register',
      'fleet.update',
      'specialists.heartbeat',
      'specialists.register',
      'token.create',
    ]);
    expect(await rookery.fleet.get({ id: 'boss' })).toMatchObject({ name: 'boss', status: 'active' });
  });

  it('does not let a view fall back to another swarm than the one it was opened for', async () => {
    const rookery = await harness.open();
    const one = rookery.as('a', { swarm: 'one' });
    await one.memory.set({ key: 'k', value: 1, level: 'swarm' });
    const two = rookery.as('a', { swarm: 'two' });
    expect((await errorOf(two.memory.set({ key: 'k', value: 2, level: 'swarm' }))).code).toBe('FORBIDDEN');
    expect(await two.memory.get({ key: 'k', level: 'swarm' })).toBeNull();
    expect((await one.memory.get({ key: 'k', level: 'swarm' }))?.value).toBe(1);
    const recorded = (await denials(rookery, 'a')).map(({ op }) => op);
    expect([...new Set(recorded)]).toEqual(['memory.set', 'memory.get']);
  });
}
