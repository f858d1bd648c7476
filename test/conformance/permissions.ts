import { expect, it } from 'vitest';
import type { Question } from '../../src/domains/fleet/rights/permission-model.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entries, errorOf } from '../support/ledger.ts';
import { execute, select } from '../support/statements.ts';
import { until } from '../support/until.ts';

type Given = Parameters<Rookery['fleet']['grantPermission']>[0];

const minute = 60_000;
const reading: Question = { agent: 'a', resourceType: 'metrics', act: 'read', level: 'swarm' };

/** Permissions: questions with an answer, which open nothing. */
export function permissionSuite(harness: Harness): void {
  it('answers yes to members of the audience with the act, by default or given; opens no data [CF-C22, CF-R08, CF-R15]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    await rookery.fleet.register({ id: 'a', type: 'backend-dev', capabilities: ['delete', 'admin'] });
    await rookery.as('b').memory.set({ key: 'k', value: 'closed', level: 'private' });
    const a = rookery.as('a');
    const ask = async (asked: Partial<Question>) => {
      const { allowed, because } = await a.fleet.hasPermission({ ...reading, ...asked });
      expect(await rookery.permissions.ask({ ...reading, ...asked })).toMatchObject({ allowed, because });
      return because;
    };
    expect(await ask({ resourceType: 'memory' })).toBe('default');
    expect(await ask({ resourceType: 'consensus', act: 'vote' })).toBe('default');
    expect(await ask({ resourceType: 'memory', act: 'delete' })).toBe('nothing');
    expect(await ask({ resourceType: 'memory', level: 'system' })).toBe('audience');
    expect(await ask({})).toBe('nothing');
    const metrics = { agent: 'a', resourceType: 'metrics', level: 'swarm' } as const;
    const given = await rookery.fleet.grantPermission({ ...metrics, acts: ['write', 'read'], ttl: 60 });
    expect(given).toMatchObject({ acts: ['read', 'write'], expiresAt: clock.now() + minute });
    expect(await ask({})).toBe('permission');
    expect(await ask({ act: 'execute' })).toBe('nothing');
    expect(await ask({ level: 'private' })).toBe('nothing');
    await rookery.fleet.grantPermission({ agent: 'a', resourceType: 'memory', level: 'system', acts: ['*'] });
    expect(await ask({ resourceType: 'memory', level: 'system' })).toBe('audience');
    await rookery.fleet.grantPermission({ agent: 'a', resourceType: 'memory', level: 'swarm', acts: ['*'] });
    expect(await ask({ resourceType: 'memory', act: 'anything' })).toBe('permission');
    const closed = { key: 'k', level: 'private', audience: 'b' } as const;
    expect(await a.memory.get(closed)).toBeNull();
    clock.pass(minute, rookery);
    expect(await ask({})).toBe('nothing');
    const last = await rookery.fleet.grantPermission({ ...metrics, acts: ['read'] });
    expect(await ask({})).toBe('permission');
    expect((await a.fleet.revokePermission({ id: last.id }))?.revokedAt).toBe(clock.now());
    expect(await ask({})).toBe('nothing');
    await rookery.fleet.update({ id: 'a', status: 'suspended' });
    expect(await rookery.fleet.hasPermission({ ...reading, resourceType: 'memory' })).toEqual({
      allowed: false,
      because: 'inactive',
    });
  });

  it('is given by administrators and who leads the swarm, asked by oneself, listed, shown to SQL and verified', async () => {
    const rookery = await harness.open();
    for (const id of ['a', 'chief', 'mate']) await rookery.fleet.register({ id, swarm: 'one' });
    await rookery.roles.grant({ agent: 'chief', role: 'coordinator', swarm: 'one' });
    const [chief, mate, a] = [rookery.as('chief'), rookery.as('mate'), rookery.as('a')];
    for (const { code } of await Promise.all(
      [
        mate.fleet.grantPermission({ agent: 'a', resourceType: 'metrics', level: 'swarm', acts: ['read'] }),
        a.fleet.grantPermission({ agent: 'a', resourceType: 'metrics', level: 'swarm', acts: ['read'] }),
        chief.fleet.grantPermission({
          agent: 'chief',
          resourceType: 'metrics',
          level: 'swarm',
          acts: ['read'],
        }),
        mate.fleet.hasPermission(reading),
        mate.fleet.permissions({ agent: 'a' }),
      ].map(errorOf),
    ))
      expect(code).toBe('FORBIDDEN');
    const { id } = await chief.fleet.grantPermission({
      agent: 'a',
      resourceType: 'metrics',
      level: 'swarm',
      acts: ['read'],
    });
    expect((await chief.fleet.hasPermission(reading)).allowed).toBe(true);
    expect((await a.fleet.permissions()).permissions.map((permission) => permission.id)).toEqual([id]);
    expect((await errorOf(mate.fleet.revokePermission({ id }))).code).toBe('FORBIDDEN');
    expect(
      await select(
        rookery,
        'SELECT entity_id, resource_type, permission_level, actions, is_active FROM permissions',
      ),
    ).toEqual([
      { entity_id: 'a', resource_type: 'metrics', permission_level: 3, actions: '["read"]', is_active: 1 },
    ]);
    expect(await entries(rookery, 'fleet.grantPermission')).toHaveLength(3 + 1);
    const unknown = {
      agent: 'nobody',
      resourceType: 'metrics',
      level: 'swarm',
      acts: ['read'],
    } satisfies Given;
    expect((await errorOf(rookery.fleet.grantPermission(unknown))).code).toBe('NOT_FOUND');
    expect((await errorOf(rookery.fleet.grantPermission({ ...unknown, agent: 'a', acts: [] }))).code).toBe(
      'INVALID_INPUT',
    );
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await execute(rookery, `UPDATE agent_permissions SET acts = '["*"]' WHERE id = '${id}'`);
    expect((await rookery.audit.verify()).findings).toMatchObject([{ kind: 'state-changed' }]);
  });

  if (harness.engine === 'sqlite') rememberedCases(harness);
}

/** Answers from memory exist where the engine answers without a promise. */
function rememberedCases(harness: Harness): void {
  it('remembers an answer no longer than it is true: not past a revocation, an end, or five minutes', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const other = await harness.again({ clock });
    await rookery.fleet.register({ id: 'a' });
    const { permissions } = rookery;
    const give = () =>
      rookery.fleet.grantPermission({ agent: 'a', resourceType: 'metrics', level: 'swarm', acts: ['read'] });
    expect(permissions.check(reading).allowed).toBe(false);
    const { id } = await give();
    expect(permissions.check(reading).allowed).toBe(true);
    // Taken back in this process: at once. In another: within the look at the store, also by who never yields.
    await rookery.fleet.revokePermission({ id });
    expect(permissions.check(reading).allowed).toBe(false);
    const again = await give();
    expect(permissions.check(reading).allowed).toBe(true);
    await other.fleet.revokePermission({ id: again.id });
    const deadline = performance.now() + 1000;
    while (permissions.check(reading).allowed) expect(performance.now()).toBeLessThan(deadline);
    await give();
    expect(permissions.check(reading).allowed).toBe(true);
    await other.fleet.update({ id: 'a', status: 'suspended' });
    await until('the suspension counts', () => !permissions.check(reading).allowed);
    await other.fleet.update({ id: 'a', status: 'active' });
    await until('the agent is back', () => permissions.check(reading).allowed);
    // By plain SQL the policy changes behind the back of every cache: five minutes is the end of it.
    await execute(rookery, 'UPDATE agent_permissions SET revoked_at = 1');
    expect(permissions.check(reading).allowed).toBe(true);
    clock.pass(5 * minute, rookery);
    expect(permissions.check(reading).allowed).toBe(false);
    await rookery.roles.grant({ agent: 'a', role: 'system', swarm: 'one', ttl: 10 });
    const system: Question = { ...reading, resourceType: 'memory', level: 'system' };
    expect(permissions.check(system).allowed).toBe(true);
    clock.pass(10_000, rookery);
    expect(permissions.check(system)).toMatchObject({ allowed: false, because: 'audience' });
  });
}
