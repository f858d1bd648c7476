import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { crew } from '../../support/fleet.ts';
import { until } from '../../support/until.ts';

/** Well below the second after which a waiter looks by itself, on a busy machine. */
const promptMs = 700;

/** Calls that wait for answers, or for something to answer. */
export function waitSuite(harness: Harness): void {
  it('wakes as answers arrive, in this and in another opening, and in the receivers too [WA1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { boss } = await crew(one, 'boss', 'a', 'b');
    const receivers = [one.as('a'), two.as('b')].map(async (view) => {
      const { signals } = await view.signals.receive({ waitMs: 60_000 });
      await view.signals.acknowledge({ signal: signals[0]!.id, metadata: signals[0]!.payload });
    });
    const started = performance.now();
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b'], payload: 7 });
    const waits = [one, two].map((at) => at.as('boss').signals.wait({ signal: id, waitMs: 60_000 }));
    const named = boss.signals.wait({ signal: id, agents: ['b'], waitMs: 60_000 });
    for (const answer of await Promise.all(waits)) {
      expect(answer).toMatchObject({ state: 'complete', missing: [] });
      expect(answer!.acks.map(({ agent, metadata }) => [agent, metadata])).toEqual([
        ['a', 7],
        ['b', 7],
      ]);
    }
    expect((await named)!.acks.map(({ agent }) => agent)).toEqual(['b']);
    await Promise.all(receivers);
    expect(performance.now() - started).toBeLessThan(3 * promptMs);
  });

  it('answers what has come, and who is missing, when the time is over', async () => {
    const rookery = await harness.open();
    const { boss, b } = await crew(rookery, 'boss', 'a', 'b', 'c');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b', 'c'] });
    await b.signals.acknowledge({ signal: id });
    const partial = await boss.signals.wait({ signal: id, waitMs: 30 });
    expect(partial).toMatchObject({ state: 'open', missing: ['a', 'c'] });
    expect(partial!.acks.map(({ agent }) => agent)).toEqual(['b']);
    expect(await boss.signals.wait({ signal: id })).toMatchObject({ state: 'open', missing: ['a', 'c'] });
    const named = await boss.signals.wait({ signal: id, agents: ['b'], waitMs: 60_000 });
    expect(named).toMatchObject({ state: 'open', missing: [] });
    expect(await boss.signals.wait({ signal: id, agents: ['c'], waitMs: 20 })).toMatchObject({
      missing: ['c'],
    });
    const gone = new AbortController();
    const call = boss.signals.wait({ signal: id, waitMs: 60_000 }, { signal: gone.signal });
    gone.abort();
    expect((await call)?.missing).toEqual(['a', 'c']);
    expect((await b.signals.receive({ waitMs: 20 })).signals).toEqual([]);
  });

  it('wakes at the deadline by itself, although nobody writes then [WA-x4]', async () => {
    const rookery = await harness.open();
    const { boss } = await crew(rookery, 'boss', 'a');
    const { id, deadlineAt } = await boss.signals.send({ type: 't', targets: ['a'], timeoutMs: 200 });
    const answer = await boss.signals.wait({ signal: id, waitMs: 60_000 });
    expect(answer).toMatchObject({ state: 'timed_out', missing: ['a'] });
    expect(answer!.now).toBeGreaterThanOrEqual(deadlineAt);
    expect(answer!.now - deadlineAt).toBeLessThan(promptMs);
  });

  it('returns within a tick when every hint is lost [WA3]', async () => {
    const rookery = await harness.open();
    const { boss, a } = await crew(rookery, 'boss', 'a');
    rookery.store.hints.publish = () => {};
    rookery.store.engine.watch = () => () => {};
    const receiving = a.signals.receive({ waitMs: 60_000 });
    const { id } = await boss.signals.send({ type: 't', targets: ['a'] });
    const waiting = boss.signals.wait({ signal: id, waitMs: 60_000 });
    expect((await receiving).signals).toHaveLength(1);
    let ended = false;
    void waiting.then(() => {
      ended = true;
    });
    await a.signals.acknowledge({ signal: id });
    await until('the waiter has looked again', () => ended);
    expect((await waiting)?.state).toBe('complete');
  });
}
