import { expect, it } from 'vitest';
import { ageingMs } from '../../../src/domains/tasks/model.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { claim, drain, finishAll } from '../../support/tasks.ts';

export function claimSuite(harness: Harness): void {
  it('hands each attempt to one agent, with a token that every further step needs [TK1] [TK3]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.createMany({ tasks: Array.from({ length: 20 }, (_, i) => ({ title: `t${i}` })) });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => rookery.as(`worker-${i % 5}`).tasks.claim()),
    );
    const won = answers.filter((answer) => answer !== null);
    expect(won).toHaveLength(20);
    expect(new Set(won.map(({ task }) => task.id)).size).toBe(20);
    expect(new Set(won.map(({ claim: { token } }) => token)).size).toBe(20);

    await a.tasks.create({ id: 'one', title: 'one', payload: { n: 1 } });
    const first = await claim(a, { leaseMs: 9000 });
    expect(first.task).toMatchObject({
      id: 'one',
      status: 'in_progress',
      attempt: 1,
      payload: { n: 1 },
      claim: { agent: 'a', expired: false },
    });
    expect(first.claim).toMatchObject({ heartbeatMs: 3000, attempt: 1 });
    const refused = { code: 'FENCED', details: { task: 'one', status: 'in_progress' } };
    for (const stale of [{ ...first.held, token: first.held.token - 1 }]) {
      await expect(a.tasks.heartbeat(stale)).rejects.toMatchObject(refused);
      await expect(a.tasks.progress({ ...stale, percent: 1 })).rejects.toMatchObject(refused);
      await expect(a.tasks.complete(stale)).rejects.toMatchObject(refused);
      await expect(a.tasks.fail({ ...stale, error: 'e' })).rejects.toMatchObject(refused);
      await expect(a.tasks.release(stale)).rejects.toMatchObject(refused);
    }
    // The token alone is not enough: it was given to somebody else.
    await expect(b.tasks.complete(first.held)).rejects.toMatchObject(refused);
    expect(await a.tasks.progress({ ...first.held, percent: 40, note: 'half way' })).toMatchObject({
      progress: 40,
    });
    expect(await b.tasks.get({ task: 'one' })).toMatchObject({ progress: 40, note: 'half way' });
    const done = await a.tasks.complete({ ...first.held, result: { ok: true } });
    expect(done).toMatchObject({ status: 'completed', progress: 100, result: { ok: true }, claim: null });
    await expect(a.tasks.complete(first.held)).rejects.toMatchObject({ code: 'FENCED' });
    await expect(a.tasks.heartbeat({ task: 'none', token: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('gives a task that is released to the next one, and the attempt does not count [TK1]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'x', title: 'x', maxAttempts: 1 });
    clock.advance(5);
    await a.tasks.create({ id: 'y', title: 'y' });
    const first = await claim(a);
    await a.tasks.release(first.held);
    const second = await claim(b);
    expect(second.task).toMatchObject({ id: 'x', attempt: 2, failures: 0 });
    expect(second.claim.token).toBeGreaterThan(first.claim.token);
    await expect(a.tasks.complete(first.held)).rejects.toMatchObject({ code: 'FENCED' });
    await b.tasks.release({ ...second.held, delayMs: 1000 });
    expect((await claim(b)).task.id).toBe('y');
    expect(await b.tasks.claim()).toBeNull();
    clock.advance(1000);
    expect((await claim(b)).task).toMatchObject({ id: 'x', attempt: 3 });
  });

  it('goes by priority, then by age, then by id, and lets nothing wait for ever [TK7]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const a = rookery.as('a');
    const make = (id: string, priority: number) => a.tasks.create({ id, title: id, priority });
    await make('old-9', 9);
    await make('b-5', 5);
    await make('a-5', 5);
    clock.advance(1);
    await make('young-1', 1);
    await make('young-5', 5);
    await a.tasks.create({ id: 'later', title: 'later', priority: 1, readyAt: clock.now() + 50 });
    expect(await finishAll(a)).toEqual(['young-1', 'a-5', 'b-5', 'young-5', 'old-9']);
    clock.advance(50);
    expect(await finishAll(a)).toEqual(['later']);

    await make('waits', 10);
    clock.advance(9 * ageingMs + 1);
    await make('first', 1);
    const waited = await claim(a);
    expect(waited.task.id).toBe('waits');
    await a.tasks.complete(waited.held);
    await make('second', 1);
    await make('low', 2);
    clock.advance(ageingMs + 1);
    await make('newest', 1);
    expect(await finishAll(a)).toEqual(['first', 'second', 'low', 'newest']);
    await make('raised', 9);
    await make('other', 5);
    await a.tasks.update({ task: 'raised', priority: 1 });
    expect(await finishAll(a)).toEqual(['raised', 'other']);
  });

  it('hands out only what the agent may take: type, capabilities, assignee', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await rookery.fleet.register({ id: 'b', capabilities: ['rust', 'gpu'] });
    const make = (id: string, more: object) => a.tasks.create({ id, title: id, ...more });
    await make('review', { type: 'review' });
    await make('build', { type: 'build' });
    await make('rust', { type: 'build', capabilities: ['rust'] });
    await make('both', { type: 'build', capabilities: ['gpu', 'rust', 'gpu'] });
    await make('mine', { assignee: 'b' });
    expect(await a.tasks.claim({ types: ['deploy'] })).toBeNull();
    expect(await drain(a, { types: ['build', 'build', 'none'] })).toEqual(['build']);
    expect(await drain(a, { capabilities: ['rust'] })).toEqual(['review', 'rust']);
    expect(await a.tasks.claim()).toBeNull();
    expect((await drain(b)).sort()).toEqual(['both', 'mine']);
    expect((await a.tasks.list({ assignee: 'b' })).tasks.map(({ id }) => id)).toEqual(['mine']);
    expect((await a.tasks.list({ holder: 'b' })).tasks.map(({ id }) => id)).toEqual(['both', 'mine']);
    expect((await a.tasks.list({ type: 'build', limit: 2 })).tasks.map(({ id }) => id)).toEqual([
      'both',
      'build',
    ]);
  });

  it('keeps a claim alive by heartbeats, up to the time limit and no further', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'x', title: 'x', timeLimitMs: 2500, maxAttempts: 1 });
    const start = clock.now();
    const { held, claim: given } = await claim(a, { leaseMs: 1000 });
    expect(given).toMatchObject({ expiresAt: start + 1000, limitAt: start + 2500 });
    clock.advance(999);
    expect(await a.tasks.heartbeat(held)).toMatchObject({ expiresAt: start + 1999 });
    clock.advance(999);
    expect(await a.tasks.heartbeat(held)).toMatchObject({ expiresAt: start + 2500 });
    expect(await a.tasks.heartbeat({ ...held, leaseMs: 1 })).toMatchObject({ expiresAt: start + 1999 });
    expect(await a.tasks.heartbeat({ ...held, leaseMs: 60_000 })).toMatchObject({ expiresAt: start + 2500 });
    clock.advance(502);
    await expect(a.tasks.heartbeat(held)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await b.tasks.claim()).toBeNull();
    expect(await a.tasks.get({ task: 'x' })).toMatchObject({
      status: 'failed',
      attempts: [{ outcome: 'expired', agent: 'a', error: 'it took longer than its time limit' }],
    });
  });
}
