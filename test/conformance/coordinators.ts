import { expect, it } from 'vitest';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entries, errorOf } from '../support/ledger.ts';
import { execute, select } from '../support/statements.ts';

const second = 1000;
const hour = 3600 * second;
const seed = { staleMs: 120 * second, maxWarnings: 3, intervalMs: 10 * second };

/** Coordinators: who is watched, who is dead, and who takes over. */
export function coordinatorSuite(harness: Harness): void {
  it('warns, buries and takes back once, however many monitors look [CF-R38, CF-R40, CF-R42]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const other = await harness.again({ clock });
    const stores = [rookery, other];
    await rookery.as('c1').coordinators.heartbeat({ id: 'coord-1', iteration: 1, phase: 'auth' });
    await rookery.as('c1').coordinators.heartbeat({ id: 'coord-10', iteration: 1 });
    await other.as('c2').coordinators.activity({ id: 'silent-2', iteration: 0 });
    /** Five monitors in two processes look at once, as their timers would. */
    const round = async () => {
      const looks = Array.from({ length: 5 }, (_, i) => stores[i % 2]!.coordinators.check());
      const all = await Promise.all(looks);
      return {
        warned: all.flatMap(({ warnings }) =>
          warnings.map((w) => `${w.id} ${w.consecutiveWarnings} ${w.health}`),
        ),
        died: all.flatMap(({ deaths }) => deaths.map(({ id }) => id)),
        back: all.flatMap(({ recoveries }) => recoveries.map((r) => `${r.id} ${r.previousWarnings}`)),
      };
    };
    const nothing = { warned: [], died: [], back: [] };
    clock.pass(seed.staleMs, ...stores);
    expect(await round()).toEqual(nothing);
    await rookery.as('c1').coordinators.heartbeat({ id: 'coord-10', iteration: 1 });
    clock.pass(1, ...stores);
    expect(await round()).toEqual({ ...nothing, warned: ['coord-1 1 warning', 'silent-2 1 warning'] });
    expect(await round()).toEqual(nothing);
    clock.pass(seed.intervalMs, ...stores);
    expect((await round()).warned).toEqual(['coord-1 2 critical', 'silent-2 2 critical']);
    // A heartbeat takes all of them back, and exactly one monitor hears how many they were.
    const beat = await rookery.as('c1').coordinators.heartbeat({ id: 'coord-1', iteration: 2 });
    expect(beat).toMatchObject({ health: 'healthy', sequence: 2, recovered: { previousWarnings: 2 } });
    clock.pass(seed.intervalMs, ...stores);
    expect(await round()).toEqual({ warned: ['silent-2 3 dead'], died: ['silent-2'], back: ['coord-1 2'] });
    expect(await round()).toEqual(nothing);
    expect(await entries(rookery, 'coordinators.death')).toHaveLength(1);
    expect(
      (await rookery.coordinators.list()).coordinators.map(({ id, health }) => `${id} ${health}`),
    ).toEqual(['coord-1 healthy', 'coord-10 healthy', 'silent-2 dead']);
    // One that was taken for dead comes back with the true count, too.
    expect(await other.as('c2').coordinators.heartbeat({ id: 'silent-2' })).toMatchObject({
      status: 'active',
      recovered: { previousWarnings: 3 },
    });
    expect(await round()).toEqual({ ...nothing, back: ['silent-2 3'] });
    const labels = await select(
      rookery,
      `SELECT action, entity_id, category FROM audit_log
       WHERE category = 'blocking-coordination' AND action = 'coordinator_dead' ORDER BY seq`,
    );
    expect(labels).toEqual([
      { action: 'coordinator_dead', entity_id: 'silent-2', category: 'blocking-coordination' },
    ]);
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await execute(rookery, "UPDATE coordinators SET warnings = 1 WHERE id = 'coord-10'");
    expect((await rookery.audit.verify()).findings).toMatchObject([
      { kind: 'state-changed', subject: 'coordinator coord-10' },
    ]);
  });

  it('lets nobody die, and nobody time out, of a clock that is set [PR-x1]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const strict = { staleMs: second, maxWarnings: 1, intervalMs: second };
    await rookery.coordinators.heartbeat({ id: 'c' });
    await rookery.coordinators.activity({ id: 'c' });
    for (const jump of [hour, -hour, hour]) {
      clock.advance(jump);
      expect(await rookery.coordinators.check(strict)).toEqual({ warnings: [], deaths: [], recoveries: [] });
      expect((await rookery.coordinators.timeouts({ thresholdMs: second })).incidents).toEqual([]);
    }
    clock.pass(2 * second, rookery);
    expect((await rookery.coordinators.timeouts({ thresholdMs: second })).incidents).toHaveLength(1);
    expect((await rookery.coordinators.check(strict)).deaths).toHaveLength(1);
  });

  it('times out once an incident, until there is activity again [CF-R40]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const c = rookery.as('c');
    await c.coordinators.activity({ id: 'c', iteration: 4, phase: 'build' });
    const look = async () => {
      const found = await Promise.all([1, 2, 3].map(() => rookery.coordinators.timeouts()));
      return found.flatMap(({ incidents }) => incidents);
    };
    clock.pass(300 * second, rookery);
    await c.coordinators.heartbeat({ id: 'c', iteration: 4 });
    expect(await look()).toEqual([]);
    clock.pass(1, rookery);
    expect(await look()).toMatchObject([{ id: 'c', timeoutMs: 300_001, iteration: 4, phase: 'build' }]);
    clock.pass(300 * second, rookery);
    expect(await look()).toEqual([]);
    expect(await c.coordinators.activity({ id: 'c', iteration: 5 })).toMatchObject({ timedOutAt: null });
    clock.pass(300 * second + 1, rookery);
    expect(await look()).toHaveLength(1);
  });

  it('notices heartbeats that were lost on the way, and takes them in any case', async () => {
    const { coordinators } = (await harness.open()).as('c');
    const beat = async (sequence?: number) => {
      const { sequence: last, violation } = await coordinators.heartbeat({ id: 'c', sequence });
      return [last, violation];
    };
    expect(await beat()).toEqual([1, null]);
    expect(await beat(2)).toEqual([2, null]);
    expect(await beat(5)).toEqual([5, { expectedSequence: 3, receivedSequence: 5, gap: 2 }]);
    expect(await beat(4)).toEqual([5, null]);
    expect(await beat()).toEqual([6, null]);
  });

  successionCases(harness);
}

function successionCases(harness: Harness): void {
  it('has one successor, with a larger token and all the work; the former one is fenced off [SG5, SG-x5]', async () => {
    const rookery = await harness.open();
    const other = await harness.again();
    const old = rookery.as('old');
    await rookery.fleet.heartbeat();
    const { token } = await old.coordinators.heartbeat({ id: 'lead' });
    for (const item of ['a', 'b', 'c'])
      await old.coordinators.assign({ id: 'lead', item, payload: { item }, token });
    expect(await old.coordinators.finish({ id: 'lead', item: 'c', token })).toEqual({ finished: true });
    const { id: signal } = await old.signals.send({ type: 't', targets: ['local'], payload: 1 });
    const candidates = Array.from({ length: 6 }, (_, i) => (i % 2 ? rookery : other).as(`heir-${i}`));
    const bid = () => Promise.all(candidates.map((heir) => heir.coordinators.takeOver({ id: 'lead' })));
    expect(await bid()).toEqual(Array(6).fill(null));
    expect(await rookery.coordinators.markDead({ id: 'lead', reason: 'seen falling' })).toMatchObject({
      told: true,
      deathReason: 'seen falling',
    });
    expect((await rookery.coordinators.markDead({ id: 'lead', reason: 'again' }))?.told).toBe(false);
    expect(await rookery.coordinators.cleanup({ id: 'lead', replacedOnly: true })).toEqual({ removed: 0 });
    const outcomes = await bid();
    const winner = outcomes.findIndex((outcome) => outcome !== null);
    const won = outcomes[winner]!;
    expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1);
    expect(won).toMatchObject({ moved: 2, signals: 1, replaces: 'lead' });
    expect(won.token).toBeGreaterThan(token);
    expect(await bid()).toEqual(Array(6).fill(null));
    const heir = candidates[winner]!;
    const { work } = await heir.coordinators.work({ id: won.successor });
    expect(work).toMatchObject([
      { item: 'a', payload: { item: 'a' }, status: 'transferred', transferredFrom: 'lead' },
      { item: 'b', assignedTo: won.successor },
    ]);
    expect((await heir.signals.get({ id: signal }))?.issuer).toBe(`heir-${winner}`);
    // Whatever the former one still writes is refused, with its token or without.
    const fence = { lease: 'coordinator/lead', token };
    const late = [
      old.coordinators.heartbeat({ id: 'lead' }),
      old.coordinators.heartbeat({ id: 'lead', token }),
      old.coordinators.activity({ id: 'lead', token }),
      old.coordinators.assign({ id: 'lead', item: 'd', payload: 1, token }),
      old.coordinators.finish({ id: 'lead', item: 'a', token }),
      old.memory.set({ key: 'decision', value: 1 }, { fence }),
    ];
    for (const { code } of await Promise.all(late.map(errorOf))) expect(code).toBe('FENCED');
    const held = { lease: `coordinator/${won.successor}`, token: won.token };
    await heir.memory.set({ key: 'decision', value: 2 }, { fence: held });
    expect((await errorOf(old.memory.set({ key: 'decision', value: 3 }, { fence: held }))).code).toBe(
      'FORBIDDEN',
    );
    expect((await rookery.coordinators.get({ id: 'lead' }))?.successor).toBe(won.successor);
    // Exactly this one is forgotten, and a newcomer under its name gets another token.
    await old.coordinators.heartbeat({ id: 'lead2' });
    expect(await rookery.coordinators.cleanup({ id: 'lead', replacedOnly: true })).toEqual({ removed: 1 });
    expect(await rookery.coordinators.cleanup({ id: 'lead' })).toEqual({ removed: 0 });
    expect(await rookery.coordinators.get({ id: 'lead2' })).not.toBeNull();
    expect((await errorOf(old.coordinators.heartbeat({ id: 'lead', token }))).code).toBe('FENCED');
    expect((await old.coordinators.heartbeat({ id: 'lead' })).token).toBeGreaterThan(won.token);
    expect((await rookery.audit.verify()).findings).toEqual([]);
  });

  it('goes to a timed-out one’s chosen successor too, without losing work of the same name', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.coordinators.activity({ id: 'a' });
    await a.coordinators.assign({ id: 'a', item: 'same', payload: 'of a' });
    const before = await b.coordinators.heartbeat({ id: 'b' });
    await b.coordinators.assign({ id: 'b', item: 'same', payload: 'of b' });
    clock.pass(400 * second, rookery);
    await rookery.coordinators.timeouts();
    const won = await b.coordinators.takeOver({ id: 'a', successor: 'b' });
    expect(won).toMatchObject({ successor: 'b', moved: 1 });
    expect(won!.token).toBeGreaterThan(before.token);
    expect((await b.coordinators.work({ id: 'b' })).work.map(({ item, payload }) => [item, payload])).toEqual(
      [
        ['same', 'of b'],
        ['same@a', 'of a'],
      ],
    );
    expect((await errorOf(b.coordinators.heartbeat({ id: 'b', token: before.token }))).code).toBe('FENCED');
  });

  it('is its holder’s to keep, its swarm’s to watch strictly and to inherit', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    for (const [id, swarm] of [
      ['c', 'one'],
      ['mate', 'one'],
      ['chief', 'one'],
      ['far', 'two'],
    ] as const)
      await rookery.fleet.register({ id, swarm });
    const [c, mate, chief, far] = ['c', 'mate', 'chief', 'far'].map((id) => rookery.as(id)) as [
      View,
      View,
      View,
      View,
    ];
    await rookery.roles.grant({ agent: 'chief', role: 'coordinator', swarm: 'one' });
    await c.coordinators.heartbeat({ id: 'post' });
    await c.coordinators.assign({ id: 'post', item: 'plan', payload: 'p' });
    for (const { code } of await Promise.all(
      [
        mate.coordinators.heartbeat({ id: 'post' }),
        mate.coordinators.heartbeat({ id: 'c' }),
        mate.coordinators.assign({ id: 'post', item: 'x', payload: 1 }),
        mate.coordinators.markDead({ id: 'post', reason: 'envy' }),
        mate.coordinators.cleanup({ id: 'post' }),
      ].map(errorOf),
    ))
      expect(code).toBe('FORBIDDEN');
    expect((await mate.coordinators.work({ id: 'post' })).work).toHaveLength(1);
    expect((await far.coordinators.work({ id: 'post' })).work).toEqual([]);
    // Being strict with others is for who leads them.
    clock.pass(5 * second, rookery);
    const strict = { staleMs: second, maxWarnings: 1, intervalMs: second };
    expect((await mate.coordinators.check(strict)).deaths).toEqual([]);
    expect((await chief.coordinators.check(strict)).deaths).toMatchObject([{ id: 'post' }]);
    expect((await errorOf(far.coordinators.takeOver({ id: 'post' }))).code).toBe('FORBIDDEN');
    expect(await mate.coordinators.takeOver({ id: 'post' })).toMatchObject({ moved: 1 });
    for (const [call, field] of [
      [c.coordinators.heartbeat({ id: 'a/b' }), 'id'],
      [c.coordinators.heartbeat({ id: 'x'.repeat(65) }), 'id'],
      [c.coordinators.check({ staleMs: 0 }), 'staleMs'],
      [c.coordinators.heartbeat({ id: 'n', iteration: -1 }), 'iteration'],
    ] as const)
      expect((await errorOf(call)).details['field']).toBe(field);
    expect((await errorOf(c.coordinators.assign({ id: 'none', item: 'x', payload: 1 }))).code).toBe(
      'NOT_FOUND',
    );
  });
}

type View = ReturnType<Rookery['as']>;
