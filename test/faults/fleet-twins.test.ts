import { expect, it } from 'vitest';
import { deadAfterMs } from '../../src/kernel/access/presence.ts';
import { isRookeryError } from '../../src/kernel/errors.ts';
import * as real from '../../src/rookery.ts';
import { ManualClock } from '../support/clock.ts';
import { entries } from '../support/ledger.ts';
import { temporaryFolder } from '../support/processes.ts';
import { sabotagedSource } from '../support/sabotage.ts';

interface Change {
  readonly in: string;
  readonly text: string;
  readonly by: string;
}

/**
 * What protects the fleet: each check passes with the protection and fails without it. All are taken out of one copy of
 * the source, because a copy takes a second to load; none of the checks touches what another's protection is about.
 */
const twins: readonly {
  readonly name: string;
  readonly changes: readonly Change[];
  holds(rookery: real.Rookery, clock: ManualClock): Promise<boolean>;
}[] = [
  {
    name: 'one death for each life [PR2]',
    changes: [
      { in: 'kernel/access/presence.ts', text: '.died_at IS NULL OR', by: '.last_seen IS NOT NULL OR' },
    ],
    async holds(rookery, clock) {
      await rookery.fleet.register({ id: 'a' });
      clock.pass(deadAfterMs, rookery);
      for (let i = 0; i < 3; i++) await rookery.fleet.sweep();
      const deaths = (await rookery.fleet.handoffs({ agent: 'a' })).handoffs;
      return deaths.length === 1;
    },
  },
  {
    name: 'nobody dies of a clock that is set [PR-x1]',
    changes: [
      { in: 'kernel/access/attention.ts', text: 'this.#resumedAt = wall;', by: 'this.#resumedAt = 0;' },
    ],
    async holds(rookery, clock) {
      await rookery.fleet.register({ id: 'a' });
      clock.advance(3_600_000);
      return (await rookery.fleet.sweep()).deaths.length === 0;
    },
  },
  {
    name: 'what a life held is free with its end',
    changes: [
      {
        in: 'domains/fleet/lives/lives.ts',
        text: 'yield* endLeasesOf(context, row.id, { reason, keep });',
        by: '',
      },
    ],
    async holds(rookery) {
      await rookery.as('a').locks.acquire({ path: 'f', ttlMs: null });
      await rookery.fleet.update({ id: 'a', status: 'suspended' });
      return await passes(rookery.locks.acquire({ path: 'f' }));
    },
  },
  {
    name: 'a handoff is claimed once [PR6]',
    changes: [
      {
        in: 'domains/fleet/lives/handoff-statements.ts',
        text: 'AND h.claimed_by IS NULL AND ($3 = 0',
        by: 'AND ($3 = 0',
      },
      {
        in: 'domains/fleet/lives/handoff-statements.ts',
        text: 'AND id = $2 AND claimed_by IS NULL',
        by: 'AND id = $2',
      },
    ],
    async holds(rookery) {
      await rookery.as('a').locks.acquire({ path: 'f' });
      await rookery.fleet.update({ id: 'a', status: 'suspended' });
      await rookery.fleet.claimHandoff({ agent: 'a' });
      const second = rookery.fleet.claimHandoff({ agent: 'a' });
      return (
        (await second.catch(() => null)) === null &&
        (await entries(rookery, 'fleet.claimHandoff')).length === 1
      );
    },
  },
  {
    name: 'roles end at their time',
    changes: [
      {
        in: 'kernel/access/statements.ts',
        text: '.expires_at IS NULL OR (',
        by: '.project_id IS NOT NULL OR (',
      },
    ],
    async holds(rookery, clock) {
      await rookery.memory.set({ key: 's', value: 1, level: 'system' });
      await rookery.roles.grant({ agent: 'a', role: 'system', swarm: 'one', ttl: 1 });
      clock.advance(1000);
      return (await rookery.as('a').memory.get({ key: 's' })) === null;
    },
  },
  {
    name: 'the token of a post that was taken over is refused [SG5]',
    changes: [
      {
        in: 'domains/fleet/coordinators/model.ts',
        text: "if (row.status !== 'replaced' && (token === undefined || token === row.fencing_token)) return;",
        by: 'if (row.status !== undefined) return;',
      },
    ],
    async holds(rookery) {
      const old = rookery.as('old');
      const { token } = await old.coordinators.heartbeat({ id: 'lead' });
      await rookery.coordinators.markDead({ id: 'lead', reason: 'gone' });
      await rookery.coordinators.takeOver({ id: 'lead' });
      const fence = { lease: 'coordinator/lead', token };
      const late = [
        old.coordinators.heartbeat({ id: 'lead', token }),
        old.memory.set({ key: 'k', value: 1 }, { fence }),
      ];
      return !(await Promise.all(late.map(passes))).some((passed) => passed);
    },
  },
  {
    name: 'a dead coordinator has one successor [SG5]',
    changes: [
      { in: 'domains/fleet/coordinators/operations.ts', text: "row.status === 'replaced' || ", by: '' },
    ],
    async holds(rookery) {
      await rookery.as('old').coordinators.activity({ id: 'lead' });
      await rookery.coordinators.markDead({ id: 'lead', reason: 'gone' });
      const bids = await Promise.all([1, 2].map(() => rookery.coordinators.takeOver({ id: 'lead' })));
      return bids.filter((bid) => bid !== null).length === 1;
    },
  },
  {
    name: 'a warning is given once an interval, however many look',
    changes: [
      { in: 'domains/fleet/coordinators/watch.ts', text: '|| now < soonest', by: '' },
      {
        in: 'domains/fleet/coordinators/statements.ts',
        text: '(warned_at IS NULL OR warned_at <= $4)',
        by: '$4 IS NOT NULL',
      },
    ],
    async holds(rookery, clock) {
      await rookery.coordinators.heartbeat({ id: 'c' });
      clock.pass(150_000, rookery);
      for (let i = 0; i < 3; i++) await rookery.coordinators.check({ intervalMs: 1 });
      return (await rookery.coordinators.get({ id: 'c' }))?.status === 'active';
    },
  },
  {
    name: 'nobody appoints itself',
    changes: [
      {
        in: 'domains/fleet/rights/roles.ts',
        text: "if (agent === context.agent) throw refuse('nobody appoints itself');",
        by: '',
      },
    ],
    async holds(rookery) {
      await rookery.fleet.register({ id: 'a', swarm: 'one' });
      await rookery.roles.grant({ agent: 'a', role: 'coordinator', swarm: 'one' });
      return !(await passes(rookery.as('a').roles.grant({ agent: 'a', role: 'system', swarm: 'one' })));
    },
  },
  {
    name: 'a remembered answer ends with the policy that it was given under',
    changes: [
      { in: 'domains/fleet/rights/permission-answers.ts', text: 'known.epoch === epoch && ', by: '' },
    ],
    async holds(rookery) {
      await rookery.fleet.register({ id: 'a' });
      const asked = { agent: 'a', resourceType: 'metrics', level: 'swarm' } as const;
      const { id } = await rookery.fleet.grantPermission({ ...asked, acts: ['read'] });
      const may = () => rookery.permissions.check({ ...asked, act: 'read' }).allowed;
      if (!may()) throw new Error('it was given');
      await rookery.fleet.revokePermission({ id });
      return !may();
    },
  },
];

const damaged = sabotagedSource<typeof real>('rookery.ts', ...twins.flatMap(({ changes }) => changes));

it.each(twins)('holds, and would notice the loss of: $name [sabotage]', async ({ holds }) => {
  expect(await judged(real, holds)).toBe(true);
  expect(await judged(await damaged, holds)).toBe(false);
});

async function judged(
  { openRookery }: typeof real,
  holds: (rookery: real.Rookery, clock: ManualClock) => Promise<boolean>,
): Promise<boolean> {
  const clock = new ManualClock();
  await using rookery = await openRookery({ path: temporaryFolder(), clock });
  return await holds(rookery, clock);
}

async function passes(call: Promise<unknown>): Promise<boolean> {
  return await call.then(
    () => true,
    (error: unknown) => {
      if (isRookeryError(error) || (error as { code?: unknown }).code !== undefined) return false;
      throw error;
    },
  );
}
