import { expect, it } from 'vitest';
import { deadAfterMs, suspectAfterMs } from '../../src/kernel/access/presence.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { entries, errorOf } from '../support/ledger.ts';
import { execute } from '../support/statements.ts';

const hour = 3_600_000;

/** Deaths, told once for each life, and what they leave behind. */
export function livesSuite(harness: Harness): void {
  it('tells a death once, whoever and how many look, and hands over once [PR2, PR6]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const other = await harness.again({ clock });
    await rookery.fleet.register({ id: 'a', team: 'red' });
    await rookery.fleet.register({ id: 'b', team: 'red' });
    await rookery.fleet.register({ id: 'z' });
    const [a, b] = [rookery.as('a'), other.as('b')];
    const held = await a.locks.acquire({ paths: ['src/x.ts', 'src/y.ts'], ttlMs: null });
    await a.mail.append({ stream: 'work', events: [{ type: 'n', data: 1 }] });
    await a.mail.append({ stream: 'work', events: [{ type: 'n', data: 2 }] });
    await a.mail.advance({ stream: 'work', consumer: 'a', position: 1 });
    await b.mail.send({ to: 'a', type: 'hello', data: 'secret words' });
    await a.fleet.leaveNotes({ notes: { next: 'finish x.ts' } });
    await rookery.tasks.create({ id: 'task-1', title: 'Finish', backoffMs: 1 });
    const claim = (await a.tasks.claim({ leaseMs: 600_000 }))!.claim;
    const monitors = Array.from({ length: 3 }, (_, i) => (i % 2 ? rookery : other).as(`m${i}`));
    const alive = ['local', 'b', 'z', ...monitors.map((_, i) => `m${i}`)];
    await passTime(clock, deadAfterMs - 1, [rookery, other], alive);
    expect((await rookery.fleet.sweep()).deaths).toEqual([]);
    const { next: after } = await rookery.fleet.waitDeath();
    const heard = monitors.map((monitor) => monitor.fleet.waitDeath({ after, waitMs: 30_000 }));
    const waiting = b.locks.acquire({ path: 'src/x.ts', waitMs: 60_000 });
    await Promise.all([rookery, other].map(({ fleet }) => fleet.heartbeat()));
    clock.pass(1, rookery, other);
    await Promise.all([...monitors, rookery, other].map(({ fleet }) => fleet.sweep()));
    for (const { deaths } of await Promise.all(heard))
      expect(deaths).toMatchObject([{ agent: 'a', incarnation: 1, cause: 'death' }]);
    expect(await entries(rookery, 'fleet.death')).toHaveLength(1);
    // What it held is free in the same commit, and it is no longer who it was.
    expect((await waiting).lease.token).toBeGreaterThan(held.lease.token);
    expect(await a.locks.check({ lease: held.lease.id, token: held.lease.token })).toMatchObject({
      valid: false,
    });
    expect((await errorOf(a.tasks.complete({ task: 'task-1', token: claim.token }))).code).toBe('FENCED');
    expect(await rookery.tasks.get({ task: 'task-1' })).toMatchObject({ status: 'pending', claim: null });
    expect((await errorOf(a.fleet.heartbeat({ incarnation: 1 }))).code).toBe('FENCED');
    const under = { fence: { lease: 'agent/a', token: 1 } };
    expect((await errorOf(a.memory.set({ key: 'k', value: 1 }, under))).code).toBe('FENCED');

    expect(
      (await errorOf(rookery.as('stranger', { swarm: 'far' }).fleet.claimHandoff({ agent: 'a' }))).code,
    ).toBe('FORBIDDEN');
    const claims = await Promise.all(
      [b, rookery, other, b].map(({ fleet }) => fleet.claimHandoff({ agent: 'a' })),
    );
    const [bundle, ...more] = claims.filter((claim) => claim !== null);
    expect(more).toEqual([]);
    expect(bundle).toMatchObject({
      notes: { next: 'finish x.ts' },
      bundle: {
        leases: [{ token: held.lease.token, resources: [{ path: 'src/x.ts' }, { path: 'src/y.ts' }] }],
        tasks: [{ task: 'task-1', attempt: 1 }],
        mail: expect.arrayContaining([
          { stream: 'work', position: 1, head: 2 },
          { stream: 'inbox/a', position: 0, head: 1 },
        ]),
      },
    });
    expect(JSON.stringify(bundle)).not.toContain('secret words');
    expect((await rookery.fleet.handoffs({ agent: 'a' })).handoffs).toMatchObject([
      { agent: 'a', claimedBy: bundle!.claimedBy },
    ]);
    // A sign of life begins another life, which has a death of its own.
    await a.fleet.heartbeat();
    expect(await rookery.fleet.get({ id: 'a' })).toMatchObject({ presence: 'alive', incarnation: 2 });
    await passTime(clock, deadAfterMs, [rookery, other], alive);
    const again = (await rookery.fleet.sweep()).deaths.filter(({ agent }) => agent === 'a');
    expect(again).toMatchObject([{ incarnation: 2 }]);
    expect((await rookery.fleet.sweep()).deaths).toEqual([]);
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await execute(rookery, "UPDATE handoffs SET claimed_by = 'eve' WHERE agent_id = 'a' AND incarnation = 1");
    expect((await rookery.audit.verify()).findings).toMatchObject([
      { kind: 'state-changed', subject: 'handoff of a, life 1' },
    ]);
  });

  it('lets nobody die of a clock that is set forward, of a sleep or of a stopped process [PR-x1]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const other = await harness.again({ clock });
    await rookery.fleet.register({ id: 'a' });
    await rookery.fleet.register({ id: 'b' });
    const isDead = async () => (await other.fleet.get({ id: 'a' }))?.presence === 'dead';
    clock.advance(hour);
    expect(await isDead()).toBe(false);
    // The first sign of life after the jump is somebody else's: that must not make the others look dead.
    await rookery.as('b').fleet.heartbeat();
    expect((await other.fleet.sweep()).deaths).toEqual([]);
    expect((await rookery.fleet.cleanup({ inactiveMs: hour })).agents).toEqual([]);
    // A process stopped for a minute has heard nobody either.
    clock.pass(suspectAfterMs, rookery, other);
    stop(clock, 2 * suspectAfterMs);
    await rookery.as('b').fleet.heartbeat();
    expect((await rookery.fleet.sweep()).deaths).toEqual([]);
    expect(await isDead()).toBe(false);
    // Who opens the store afterwards is told.
    const late = await harness.again({ clock });
    expect((await late.fleet.sweep()).deaths).toEqual([]);
    clock.advance(-hour);
    expect((await late.fleet.sweep()).deaths).toEqual([]);
    clock.advance(hour);
    await passTime(clock, deadAfterMs, [rookery, other, late], ['b']);
    expect((await late.fleet.sweep()).deaths.map(({ agent }) => agent)).toContain('a');
    expect(await isDead()).toBe(true);
  });

  it('ends the life and the leases of who is suspended, terminated, inactive or started again, at once', async () => {
    const rookery = await harness.open();
    for (const [id, end, cause] of [
      ['s', () => rookery.fleet.update({ id: 's', status: 'suspended' }), 'suspended'],
      ['t', () => rookery.fleet.terminate({ agent: 't', reason: 'done' }), 'terminated'],
      ['i', () => rookery.fleet.update({ id: 'i', status: 'inactive' }), 'inactive'],
      ['r', () => rookery.fleet.register({ id: 'r', restart: true }), 'restart'],
    ] as const) {
      const agent = rookery.as(id);
      const { lease } = await agent.locks.acquire({ path: `file-of-${id}`, ttlMs: null });
      expect((await end())?.incarnation).toBe(2);
      expect(await rookery.locks.get({ id: lease.id })).toMatchObject({ status: 'force_released' });
      expect((await rookery.locks.acquire({ path: `file-of-${id}` })).state).toBe('granted');
      const [handoff] = (await rookery.fleet.handoffs({ agent: id })).handoffs;
      expect(handoff).toMatchObject({ cause, incarnation: 1, claimedBy: null });
    }
    // A restart that leaves nothing behind leaves no handoff, and a change that ends no life ends no lease.
    await rookery.fleet.register({ id: 'q' });
    await rookery.fleet.register({ id: 'q', restart: true });
    expect((await rookery.fleet.handoffs({ agent: 'q' })).handoffs).toEqual([]);
    const { lease } = await rookery.as('q').locks.acquire({ path: 'q' });
    await rookery.fleet.update({ id: 'q', name: 'Q', team: 'red' });
    expect(await rookery.locks.get({ id: lease.id })).toMatchObject({ status: 'active' });
  });

  it('seals notes, and gives them to the one who takes over', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    expect(await a.fleet.leaveNotes({ notes: 'first' })).toEqual({ agent: 'a', revision: 1 });
    await a.fleet.leaveNotes({ notes: 'strictly for the successor' });
    await a.locks.acquire({ path: 'f' });
    await a.fleet.register({ id: 'a', restart: true });
    expect((await a.fleet.claimHandoff({ agent: 'a' }))?.notes).toBe('strictly for the successor');
    expect(await a.fleet.claimHandoff({ agent: 'a' })).toBeNull();
    expect(await rookery.fleet.claimHandoff({ agent: 'nobody' })).toBeNull();
    expect((await errorOf(a.fleet.leaveNotes({ notes: 'x'.repeat(70_000) }))).code).toBe('TOO_LARGE');
    expect((await rookery.audit.verify()).findings).toEqual([]);
  });
}

/** Lets time pass while some agents give signs of life. */
async function passTime(
  clock: ManualClock,
  milliseconds: number,
  stores: readonly Rookery[],
  alive: readonly string[],
): Promise<void> {
  const stepMs = 20_000;
  for (let left = milliseconds; left > 0; left -= stepMs) {
    clock.pass(Math.min(left, stepMs), ...stores);
    await Promise.all(alive.map((id) => stores[0]!.as(id).fleet.heartbeat()));
  }
}

/** Time passes, and no store pays attention. */
function stop(clock: ManualClock, milliseconds: number): void {
  clock.pass(milliseconds);
}
