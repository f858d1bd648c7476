import { expect, it } from 'vitest';
import { Identities } from '../../src/kernel/access/identity.ts';
import type { Identity, Principal } from '../../src/kernel/access/model.ts';
import { isRookeryError } from '../../src/kernel/errors.ts';
import type { Transaction } from '../../src/kernel/transaction.ts';
import type { Work } from '../../src/kernel/work.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { denials, entries, errorOf } from '../support/ledger.ts';
import { execute, select } from '../support/statements.ts';

/** Roles: who gives them, what they open, and when that ends. */
export function rolesSuite(harness: Harness): void {
  it('lets an agent into the system audience and into other swarms, until the time or the revocation', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const elsewhere = await harness.again({ clock });
    await rookery.fleet.register({ id: 'a', swarm: 'home' });
    await rookery.fleet.register({ id: 'b', swarm: 'one' });
    await rookery.memory.set({ key: 's', value: 'system', level: 'system' });
    await rookery.as('b').memory.set({ key: 'w', value: 'one', level: 'swarm' });
    const a = elsewhere.as('a');
    await a.memory.set({ key: 'mine', value: 0 });
    const seen = async () => {
      const items = (await a.memory.keys()).keys.map(({ key }) => key);
      const got = [await a.memory.get({ key: 's' }), await a.memory.get({ key: 'w' })];
      expect(got.map((item) => item !== null)).toEqual(['s', 'w'].map((key) => items.includes(key)));
      return items.filter((key) => key !== 'mine');
    };
    expect(await seen()).toEqual([]);
    const given = await rookery.roles.grant({ agent: 'a', role: 'product-owner', swarm: 'home', ttl: 10 });
    expect(given).toMatchObject({ agent: 'a', role: 'product-owner', expiresAt: clock.now() + 10_000 });
    await rookery.roles.grant({ agent: 'a', role: 'member', swarm: 'one', expiresAt: clock.now() + 20_000 });
    expect(await seen()).toEqual(['s', 'w']);
    await a.memory.set({ key: 's', value: 'changed', level: 'system' });
    clock.advance(9_999);
    expect(await seen()).toEqual(['s', 'w']);
    expect((await rookery.fleet.members({ swarm: 'one' })).members).toEqual(['a', 'b']);
    clock.advance(1);
    expect(await seen()).toEqual(['w']);
    expect((await errorOf(a.memory.set({ key: 's', value: 2, level: 'system' }))).code).toBe('FORBIDDEN');
    expect(await a.access.check({ act: 'read', resource: 'memory', level: 'system' })).toMatchObject({
      allowed: false,
    });
    await rookery.roles.revoke({ agent: 'a', role: 'member', swarm: 'one' });
    expect(await seen()).toEqual([]);
    expect((await rookery.fleet.members({ swarm: 'one' })).members).toEqual(['b']);
    for (const role of ['validator', 'coordinator'] as const)
      await rookery.roles.grant({ agent: 'a', role, swarm: 'one' });
    expect(await seen()).toEqual([]);
    expect(await rookery.roles.revoke({ agent: 'a', role: 'system' })).toBeNull();
  });

  it('keeps the own swarm apart from others, and means by "swarm" what the view was opened for', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a', swarm: 'zulu' });
    expect((await errorOf(rookery.as('a', { swarm: 'alpha' }).memory.set({ key: 'k', value: 1 }))).code).toBe(
      'FORBIDDEN',
    );
    await rookery.roles.grant({ agent: 'a', role: 'member', swarm: 'alpha' });
    const [home, away] = [rookery.as('a'), rookery.as('a', { swarm: 'alpha' })];
    await home.memory.set({ key: 'k', value: 'zulu', level: 'swarm' });
    expect((await away.memory.get({ key: 'k' }))?.value).toBe('zulu');
    await away.memory.set({ key: 'k', value: 'alpha', level: 'swarm' });
    expect((await home.memory.get({ key: 'k' }))?.value).toBe('zulu');
    expect((await away.memory.get({ key: 'k' }))?.value).toBe('alpha');
    expect((await home.memory.get({ key: 'k', level: 'swarm', audience: 'alpha' }))?.value).toBe('alpha');
    // What it gave over the other swarm ends with the role.
    const give = { agent: 'guest', acts: ['read' as const], resource: 'memory' as const, ttl: 600 };
    await away.access.grant({ ...give, level: 'swarm' });
    await rookery.roles.revoke({ agent: 'a', role: 'member', swarm: 'alpha' });
    expect((await rookery.access.grants()).grants[0]).toMatchObject({
      scope: 'swarm:alpha',
      revokedAt: expect.any(Number),
    });
    expect((await errorOf(away.memory.set({ key: 'k', value: 1 }))).code).toBe('FORBIDDEN');
  });

  it('neither loses nor brings back a role by a move or a suspension', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    await rookery.fleet.register({ id: 'a', swarm: 'home' });
    await rookery.memory.set({ key: 's', value: 1, level: 'system' });
    const a = rookery.as('a');
    const reads = async () => (await a.memory.get({ key: 's' })) !== null;
    await rookery.roles.grant({ agent: 'a', role: 'system', swarm: 'home', ttl: 60 });
    await rookery.roles.grant({ agent: 'a', role: 'member', swarm: 'one' });
    await rookery.fleet.update({ id: 'a', swarm: 'two', team: 'red' });
    expect(await reads()).toBe(true);
    expect((await rookery.fleet.members({ swarm: 'one' })).members).toEqual(['a']);
    await rookery.fleet.update({ id: 'a', status: 'suspended' });
    expect((await rookery.fleet.members({ swarm: 'one' })).members).toEqual([]);
    expect(await reads()).toBe(false);
    await rookery.roles.revoke({ agent: 'a', role: 'member', swarm: 'one' });
    await rookery.fleet.update({ id: 'a', status: 'active' });
    expect(await reads()).toBe(true);
    expect((await rookery.fleet.members({ swarm: 'one' })).members).toEqual([]);
    // The audience outlasts the role where an administrator gave it as well.
    await rookery.fleet.update({ id: 'a', system: true });
    await rookery.roles.revoke({ agent: 'a', role: 'system', swarm: 'home' });
    expect(await reads()).toBe(true);
    await rookery.fleet.update({ id: 'a', system: false });
    expect(await reads()).toBe(false);
    await rookery.roles.grant({ agent: 'a', role: 'system', swarm: 'home', ttl: 60 });
    await rookery.fleet.update({ id: 'a', status: 'inactive' });
    clock.advance(60_000);
    await rookery.fleet.update({ id: 'a', status: 'active' });
    expect(await reads()).toBe(false);
  });

  it('is given by administrators and, in their swarm, by system and coordinator; never to oneself [CF 1.3]', async () => {
    const rookery = await harness.open();
    for (const id of ['chief', 'a', 'b']) await rookery.fleet.register({ id, swarm: 'one' });
    const [chief, a] = [rookery.as('chief'), rookery.as('a')];
    const validator = { agent: 'b', role: 'validator', swarm: 'one' } as const;
    expect((await errorOf(chief.roles.grant(validator))).code).toBe('FORBIDDEN');
    await rookery.roles.grant({ agent: 'chief', role: 'coordinator', swarm: 'one' });
    expect((await chief.roles.grant(validator)).grantedBy).toBe('chief');
    const refused = [
      chief.roles.grant({ ...validator, swarm: 'two' }),
      chief.roles.grant({ ...validator, agent: 'chief' }),
      a.roles.grant(validator),
      a.roles.grant({ ...validator, role: 'member', swarm: 'two' }),
      a.roles.revoke(validator),
      rookery.as('b').roles.grant({ ...validator, agent: 'a' }),
    ];
    for (const { code } of await Promise.all(refused.map(errorOf))) expect(code).toBe('FORBIDDEN');
    expect((await denials(rookery, '')).map(({ op }) => op)).toEqual([
      ...Array(5).fill('roles.grant'),
      'roles.revoke',
      'roles.grant',
    ]);
    expect(await rookery.as('b').roles.revoke(validator)).toMatchObject({ revokedAt: expect.any(Number) });
    await rookery.roles.grant({ agent: 'local', role: 'system', swarm: 'one' });
    await rookery.roles.grant({ agent: 'a', role: 'system', swarm: 'one' });
    await a.roles.grant({ agent: 'newcomer', role: 'validator', swarm: 'one' });
    expect((await rookery.fleet.get({ id: 'newcomer' }))?.swarm).toBe('one');
    // A sleeping role appoints nobody.
    await rookery.fleet.update({ id: 'chief', status: 'suspended' });
    await rookery.fleet.update({ id: 'chief', status: 'active' });
    expect((await chief.roles.grant(validator)).role).toBe('validator');
    await rookery.roles.revoke({ agent: 'chief', role: 'coordinator', swarm: 'one' });
    expect((await errorOf(chief.roles.grant(validator))).code).toBe('FORBIDDEN');
  });

  it('is on record, replaced by a new time, listed to those it concerns, and verified', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    for (const id of ['a', 'b']) await rookery.fleet.register({ id, swarm: 'one' });
    await rookery.fleet.register({ id: 'z', swarm: 'two' });
    const first = await rookery.roles.grant({ agent: 'a', role: 'validator', reason: 'reviews' });
    expect(first).toMatchObject({ swarm: 'one', reason: 'reviews', expiresAt: null, revokedAt: null });
    expect(await rookery.roles.grant({ agent: 'a', role: 'validator' })).toEqual(first);
    clock.advance(1);
    const second = await rookery.roles.grant({ agent: 'a', role: 'validator', ttl: 5 });
    expect(second.id).not.toBe(first.id);
    const ids = async (view = rookery.as('b'), filter = {}) =>
      (await view.roles.list(filter)).roles.map(({ id }) => id);
    expect(await ids()).toEqual([second.id]);
    expect(await ids(undefined, { ended: true })).toEqual([first.id, second.id]);
    expect(await ids(rookery.as('z'))).toEqual([]);
    expect(await ids(rookery, { agent: 'a', limit: 1, ended: true })).toEqual([first.id]);
    clock.advance(5_000);
    expect(await ids()).toEqual([]);
    expect(await entries(rookery, 'roles.grant')).toHaveLength(2);
    expect(await entries(rookery, 'roles.revoke')).toHaveLength(1);
    const labels = await select(
      rookery,
      "SELECT action, entity_id, swarm_id, category FROM audit_log WHERE operation = 'roles.grant' ORDER BY seq LIMIT 1",
    );
    expect(labels).toEqual([{ action: 'role_grant', entity_id: 'a', swarm_id: 'one', category: 'access' }]);
    for (const input of [
      { agent: 'a', role: 'validator', ttl: 5, expiresAt: clock.now() + 1 },
      { agent: 'a', role: 'validator', expiresAt: clock.now() },
      { agent: 'a', role: 'king' },
      { agent: 'nobody', role: 'member' },
    ] as const)
      expect((await errorOf(rookery.roles.grant(input as never))).code).toBe('INVALID_INPUT');
    expect((await rookery.audit.verify()).ok).toBe(true);
    await execute(rookery, `UPDATE roles SET expires_at = NULL WHERE id = '${second.id}'`);
    const { findings } = await rookery.audit.verify();
    expect(findings).toMatchObject([{ kind: 'state-changed', subject: 'role validator of a in one' }]);
  });

  it('would notice an identity that is cached past the end of a membership [sabotage]', async () => {
    expect(await noticesTheEnd(harness, (keyring) => new Identities(keyring))).toBe(true);
    expect(await noticesTheEnd(harness, (keyring) => new EndlessIdentities(keyring))).toBe(false);
  });
}

/** Sabotage: memberships are looked at once an epoch, whatever the time. */
class EndlessIdentities extends Identities {
  readonly #found = new Map<string, Identity>();

  override *inTransaction(tx: Transaction, principal: Principal): Work<Identity> {
    const known = this.#found.get(principal.agent);
    if (known) return known;
    const identity = yield* super.inTransaction(tx, principal);
    this.#found.set(principal.agent, identity);
    return identity;
  }
}

async function noticesTheEnd(
  harness: Harness,
  identitiesOf: (keyring: Rookery['store']['keyring']) => Identities,
): Promise<boolean> {
  const clock = new ManualClock();
  const rookery = await harness.open({ clock });
  await rookery.roles.grant({ agent: 'a', role: 'system', swarm: 'one', ttl: 1 });
  const identities = identitiesOf(rookery.store.keyring);
  const principal: Principal = { project: 'default', agent: 'a', rights: new Set(['write']) };
  const ask = async () => {
    const { scopes } = await rookery.store.commits.submit({
      project: 'default',
      *run(tx) {
        return yield* identities.inTransaction(tx, principal);
      },
    });
    return scopes.includes('system');
  };
  expect([await ask(), await ask()]).toEqual([true, true]);
  clock.advance(1_000);
  return !(await ask().catch((error: unknown) => isRookeryError(error)));
}
