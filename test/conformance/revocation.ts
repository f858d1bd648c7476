import { expect, it } from 'vitest';
import { Identities } from '../../src/kernel/access/identity.ts';
import type { Identity, Principal } from '../../src/kernel/access/model.ts';
import { isRookeryError } from '../../src/kernel/errors.ts';
import type { Transaction } from '../../src/kernel/transaction.ts';
import type { Work } from '../../src/kernel/work.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { entries, errorOf } from '../support/ledger.ts';

/** What was taken away is gone for the very next call, in every process that has the store open. */
export function revocationSuite(harness: Harness): void {
  it('counts for the next call, whatever was taken away and wherever [S5]', async () => {
    const here = await harness.open();
    const there = await harness.again();
    for (let round = 0; round < 12; round++) {
      const agent = `agent-${round}`;
      const [admin, other] = round % 2 ? [here, there] : [there, here];
      await admin.fleet.register({ id: agent, team: `team-${round}` });
      await admin.as('owner').memory.set({ key: agent, value: 1, level: 'private' });
      await admin.as(`mate-${round}`).memory.set({ key: 'x', value: 1 });
      const { grants } = await admin
        .as('owner')
        .access.grant({ agent, acts: ['read', 'write'], resource: 'memory', ttl: 60 });
      const view = other.as(agent);
      const granted = { key: agent, level: 'private', audience: 'owner' } as const;
      const team = { key: 'k', level: 'team', audience: `team-${round}`, value: round } as const;

      expect((await view.memory.get(granted))?.value).toBe(1);
      await view.memory.set({ ...granted, value: 1 });
      await admin.as('owner').access.revoke({ id: grants[0]!.id });
      expect(await view.memory.get(granted)).toBeNull();
      await admin.as('owner').access.revoke({ id: grants[1]!.id });
      expect((await errorOf(view.memory.set({ ...granted, value: 2 }))).code).toBe('FORBIDDEN');

      await view.memory.set(team);
      await admin.fleet.update({ id: agent, team: null });
      expect((await errorOf(view.memory.set(team))).code).toBe('FORBIDDEN');

      await view.memory.set({ key: agent, value: round });
      await admin.fleet.update({ id: agent, status: 'suspended' });
      expect((await errorOf(view.memory.set({ key: agent, value: 0 }))).code).toBe('FORBIDDEN');
      expect(await view.memory.get({ key: agent })).toBeNull();
    }
  });

  it('takes effect in the order of the commits when everything is asked at once', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'a' });
    const view = rookery.as('a');
    const set = (n: number) =>
      view.memory.set({ key: `k${n}`, value: n }).then(
        () => 'ok',
        () => 'refused',
      );
    const before = Array.from({ length: 20 }, (_, i) => set(i));
    const suspended = rookery.fleet.update({ id: 'a', status: 'suspended' });
    const after = Array.from({ length: 20 }, (_, i) => set(20 + i));
    await suspended;
    expect(await Promise.all(before)).toEqual(Array(20).fill('ok'));
    expect(await Promise.all(after)).toEqual(Array(20).fill('refused'));
  });

  it('would notice identities that are cached by time [S5 sabotage]', async () => {
    const rookery = await harness.open();
    expect(await noticesSuspension(rookery, 'a', new Identities(rookery.store.keyring))).toBe(true);
    expect(await noticesSuspension(rookery, 'b', new TimedIdentities(rookery.store.keyring))).toBe(false);
  });

  it('ends the grants of who leaves the audience or is no longer active, one ledger entry each', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'red-1', team: 'red', system: true });
    const grantor = rookery.as('red-1');
    const give = async (more: Partial<Parameters<typeof grantor.access.grant>[0]>) => {
      const shared = { agent: 'guest', acts: ['read' as const], resource: 'memory' as const, ttl: 600 };
      return (await grantor.access.grant({ ...shared, ...more })).grants[0]!.id;
    };
    const ids = {
      own: await give({}),
      team: await give({ level: 'team' }),
      system: await give({ level: 'system' }),
      swarm: await give({ level: 'swarm' }),
    };
    const live = async () => {
      const { grants } = await rookery.access.grants();
      return new Set(grants.filter(({ revokedAt }) => revokedAt === null).map(({ id }) => id));
    };
    await rookery.fleet.update({ id: 'red-1', name: 'Red One' });
    expect((await live()).size).toBe(4);
    await rookery.fleet.update({ id: 'red-1', team: null });
    expect(await live()).toEqual(new Set([ids.own, ids.system, ids.swarm]));
    await rookery.fleet.update({ id: 'red-1', system: false });
    expect(await live()).toEqual(new Set([ids.own, ids.swarm]));
    await rookery.fleet.update({ id: 'red-1', status: 'terminated' });
    expect(await live()).toEqual(new Set());
    await rookery.fleet.update({ id: 'red-1', status: 'active', team: 'red' });
    expect(await live()).toEqual(new Set());
    const revocations = await entries(rookery, 'access.revoke');
    expect(revocations.map(({ scope }) => scope)).toEqual([
      'team:red',
      'system',
      expect.any(String),
      expect.any(String),
    ]);
  });
}

/** Sabotage: what was found once is believed for a minute. */
class TimedIdentities extends Identities {
  readonly #found = new Map<string, { identity: Identity; untilMs: number }>();

  override *inTransaction(tx: Transaction, principal: Principal): Work<Identity> {
    const known = this.#found.get(principal.agent);
    if (known && known.untilMs > performance.now()) return known.identity;
    const identity = yield* super.inTransaction(tx, principal);
    this.#found.set(principal.agent, { identity, untilMs: performance.now() + 60_000 });
    return identity;
  }
}

async function noticesSuspension(rookery: Rookery, agent: string, identities: Identities): Promise<boolean> {
  const principal: Principal = { project: 'default', agent, rights: new Set(['write']) };
  const ask = () =>
    rookery.store.commits.submit({
      project: 'default',
      *run(tx) {
        return yield* identities.inTransaction(tx, principal);
      },
    });
  await ask();
  await ask();
  await rookery.fleet.update({ id: agent, status: 'suspended' });
  return await ask().then(
    () => false,
    (error: unknown) => isRookeryError(error, 'FORBIDDEN'),
  );
}
