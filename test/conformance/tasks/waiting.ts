import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { claim } from '../../support/tasks.ts';

/** Well below the second after which a waiter looks by itself, on a busy machine. */
const promptMs = 700;

/** Calls that wait until there is something to do. */
export function taskWaitSuite(harness: Harness): void {
  it('wakes for a new task, for one set free, and for one given back; each goes to one [TK6] [WA1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const [a, b, c] = [one.as('a'), one.as('b'), two.as('c')];
    const calls = [
      a.tasks.claim({ waitMs: 60_000 }),
      b.tasks.claim({ waitMs: 60_000 }),
      c.tasks.claim({ waitMs: 60_000, types: ['task'] }),
    ];
    const other = one.as('d').tasks.claim({ waitMs: 60_000, types: ['other'] });
    const won = (claimed: Awaited<(typeof calls)[number]>) => claimed!.task.id;
    const started = performance.now();
    await a.tasks.createMany({
      tasks: [
        { id: 'x', title: 'x' },
        { id: 'y', title: 'y', dependsOn: [{ task: 'x' }] },
        { id: 'z', title: 'z', dependsOn: [{ task: 'x' }] },
      ],
    });
    const [index, first] = await Promise.race(calls.map(async (call, i) => [i, await call] as const));
    expect(won(first)).toBe('x');
    const holder = [a, b, c][index]!;
    await holder.tasks.complete({ task: 'x', token: first!.claim.token });
    const rest = await Promise.all(calls.filter((_, i) => i !== index));
    expect(rest.map(won).sort()).toEqual(['y', 'z']);
    expect(performance.now() - started).toBeLessThan(3 * promptMs);
    await a.tasks.create({ id: 'o', title: 'o', type: 'other' });
    expect(won(await other)).toBe('o');

    const key = { idempotencyKey: 'k' };
    const last = one.as('e').tasks.claim({ waitMs: 60_000 }, key);
    const given = rest[0]!;
    const owner = [a, b, c].find(({ principal }) => principal.agent === given.task.claim!.agent)!;
    await owner.tasks.release({ task: given.task.id, token: given.claim.token });
    expect(won(await last)).toBe(given.task.id);
    // A key stands for what the call has waited for.
    expect(await two.as('e').tasks.claim({ waitMs: 60_000 }, key)).toEqual(await last);
  });

  it('wakes when a rest is over and when a claim runs out, counted to the moment [WA-x4]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.tasks.create({ id: 'x', title: 'x', backoffMs: 150 });
    const { held } = await claim(a);
    const call = b.tasks.claim({ waitMs: 60_000 });
    const { readyAt } = await a.tasks.fail({ ...held, error: 'e' });
    const second = (await call)!;
    expect(second.task).toMatchObject({ id: 'x', attempt: 2 });
    expect(second.task.claim!.claimedAt).toBeGreaterThanOrEqual(readyAt!);
    expect(second.task.claim!.claimedAt - readyAt!).toBeLessThan(promptMs);
    await b.tasks.complete({ task: 'x', token: second.claim.token });

    await a.tasks.create({ id: 'y', title: 'y', backoffMs: 0 });
    const lost = await claim(a, { leaseMs: 200 });
    const { task } = (await b.tasks.claim({ waitMs: 60_000 }))!;
    expect(task).toMatchObject({ id: 'y', attempt: 2, failures: 1 });
    expect(task.claim!.claimedAt).toBeGreaterThanOrEqual(lost.claim.expiresAt);
    expect(task.claim!.claimedAt - lost.claim.expiresAt).toBeLessThan(promptMs);
  });

  it('answers with nothing when the time is over, and takes nothing for a caller that went away [WA6]', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    expect(await a.tasks.claim({ waitMs: 30 })).toBeNull();
    const leaving = new AbortController();
    const call = a.tasks.claim({ waitMs: 60_000 }, { signal: leaving.signal });
    leaving.abort();
    expect(await call).toBeNull();
    await a.tasks.create({ id: 'x', title: 'x' });
    expect((await claim(rookery.as('b'))).task.id).toBe('x');
  });

  it('finds a task when no hint of it reached the waiter [WA3]', async () => {
    const rookery = await harness.open();
    rookery.store.hints.publish = () => {};
    rookery.store.engine.watch = () => () => {};
    const call = rookery.as('a').tasks.claim({ waitMs: 60_000 });
    await rookery.as('b').tasks.create({ id: 'x', title: 'x' });
    expect((await call)!.task.id).toBe('x');
  });
}
