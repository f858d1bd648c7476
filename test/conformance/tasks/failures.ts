import { expect, it } from 'vitest';
import { z } from 'zod';
import { claimsOf, createTask, releaseTasksOf } from '../../../src/domains/tasks/operations.ts';
import { mutation } from '../../../src/kernel/operation.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { claim } from '../../support/tasks.ts';

export function failureSuite(harness: Harness): void {
  it('tries again after a rest that grows, then keeps a dead letter with its history [TK5]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    await a.tasks.create({ id: 'x', title: 'x' });
    const readyIn = async () => (await a.tasks.get({ task: 'x' }))!.readyAt! - clock.now();
    await a.tasks.fail({ ...(await claim(a)).held, error: 'first' });
    expect(await readyIn()).toBe(1000);
    expect(await a.tasks.claim()).toBeNull();
    clock.advance(1000);
    await a.tasks.fail({ ...(await claim(a)).held, error: 'second' });
    expect(await readyIn()).toBe(2000);
    clock.advance(2000);
    const last = await claim(a);
    expect(last.task).toMatchObject({ attempt: 3, failures: 2, error: 'second' });
    expect(await a.tasks.fail({ ...last.held, error: 'third' })).toMatchObject({
      status: 'failed',
      failures: 3,
      error: 'third',
      completedAt: clock.now(),
    });
    clock.advance(1_000_000);
    expect(await a.tasks.claim()).toBeNull();
    expect((await a.tasks.list({ status: 'failed' })).tasks.map(({ id }) => id)).toEqual(['x']);
    const dead = (await a.tasks.get({ task: 'x' }))!;
    expect(dead.attempts.map(({ error, outcome }) => `${outcome}: ${error}`)).toEqual([
      'failed: first',
      'failed: second',
      'failed: third',
    ]);

    await a.tasks.update({ task: 'x', payload: 'mended' });
    expect(await a.tasks.retry({ task: 'x' })).toMatchObject({
      status: 'pending',
      failures: 0,
      redrives: 1,
      completedAt: null,
    });
    const again = await claim(a);
    expect(again.task).toMatchObject({ attempt: 4, payload: 'mended' });
    expect(await a.tasks.complete({ ...again.held, result: 1 })).toMatchObject({ error: null, result: 1 });
    await expect(a.tasks.retry({ task: 'x' })).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });

    await a.tasks.create({ id: 'hopeless', title: 'h' });
    const hopeless = { ...(await claim(a)).held, error: 'never', retryable: false };
    expect(await a.tasks.fail(hopeless)).toMatchObject({ status: 'failed', failures: 1 });
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('counts a claim that ran out as one attempt, from the moment it did [TK-x3]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'x', title: 'x', maxAttempts: 2, backoffMs: 500 });
    const lost = await claim(a, { leaseMs: 1000 });
    clock.advance(999);
    expect(await b.tasks.claim()).toBeNull();
    clock.advance(1);
    await expect(a.tasks.complete(lost.held)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await b.tasks.get({ task: 'x' })).toMatchObject({ claim: { expired: true } });
    expect(await b.tasks.claim()).toBeNull();
    expect(await b.tasks.get({ task: 'x' })).toMatchObject({ status: 'pending', failures: 1, claim: null });
    clock.advance(500);
    const second = await claim(b, { leaseMs: 1000 });
    expect(second.task.attempt).toBe(2);
    // Nobody looks for an hour: the rest counts from the end of the claim, and there is no attempt left.
    clock.advance(3_600_000);
    expect(await a.tasks.sweep()).toEqual({ expired: 1, dead: 1, more: false });
    expect(await a.tasks.sweep()).toEqual({ expired: 0, dead: 0, more: false });
    const dead = (await b.tasks.get({ task: 'x' }))!;
    expect(dead).toMatchObject({ status: 'failed', failures: 2 });
    expect(dead.attempts.map(({ agent, endedAt }) => [agent, endedAt])).toEqual([
      ['a', lost.claim.expiresAt],
      ['b', second.claim.expiresAt],
    ]);
    await a.tasks.create({ id: 'y', title: 'y', backoffMs: 500 });
    await claim(a, { leaseMs: 1000 });
    clock.advance(60_000);
    expect((await claim(b)).task).toMatchObject({ id: 'y', attempt: 2, failures: 1 });
  });

  it('calls tasks off: a claim is void at once [TK3]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await a.tasks.create({ id: 'x', title: 'x' });
    const { held } = await claim(a);
    expect(await a.tasks.cancel({ task: 'x', reason: 'not needed' })).toMatchObject({
      status: 'cancelled',
      error: 'not needed',
    });
    for (const call of [a.tasks.complete(held), a.tasks.heartbeat(held)])
      await expect(call).rejects.toMatchObject({ code: 'FENCED', details: { status: 'cancelled' } });
    expect(await a.tasks.cancel({ task: 'x' })).toMatchObject({ error: 'not needed' });
    expect(await a.tasks.claim()).toBeNull();
    await a.tasks.create({ id: 'done', title: 'done' });
    const { held: done } = await claim(a);
    await expect(a.tasks.update({ task: 'done', title: 'other' })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
      details: { status: 'in_progress' },
    });
    await a.tasks.complete(done);
    await expect(a.tasks.cancel({ task: 'done' })).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
  });

  it('takes the claims from an agent that is gone, in the transaction that says so [TK-x3]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    for (const id of ['x', 'y', 'z'])
      await a.tasks.create({ id, title: id, maxAttempts: id === 'z' ? 1 : 3 });
    for (const _ of ['x', 'y', 'z']) await claim(rookery.as('gone'));
    const bury = mutation({
      ...{ name: 'tasks.bury', summary: 'as another domain would', access: 'write', route: null },
      input: z.strictObject({ keep: z.int() }),
      output: z.object({ held: z.array(z.string()), ended: z.int(), made: z.string() }),
      *run(context, { keep }) {
        const held = (yield* claimsOf(context, 'gone')).map(({ id }) => id);
        const ended = yield* releaseTasksOf(context, 'gone', { reason: 'it is dead', keep });
        const made = yield* createTask(context, { title: 'follow up', level: 'private' });
        return { held, ended, made: made.id };
      },
    });
    const run = async (keep: number) =>
      (await rookery.store.invoke(bury, a.principal, { keep })).output as z.output<typeof bury.output>;
    expect(await run(1)).toMatchObject({ held: ['x', 'y', 'z'], ended: 0 });
    expect(await run(2)).toMatchObject({ held: ['x', 'y', 'z'], ended: 3 });
    expect(await a.tasks.get({ task: 'x' })).toMatchObject({
      status: 'pending',
      failures: 1,
      attempts: [{ agent: 'gone', outcome: 'abandoned', error: 'it is dead' }],
    });
    expect(await a.tasks.get({ task: 'z' })).toMatchObject({ status: 'failed' });
    const { made } = await run(2);
    expect(await a.tasks.get({ task: made })).toMatchObject({ level: 'private', status: 'pending' });
    expect(await rookery.as('b').tasks.get({ task: made })).toBeNull();
  });
}
