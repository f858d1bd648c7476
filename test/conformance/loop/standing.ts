import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { type Agreement, agreement, report, result, ruling } from '../../support/loop.ts';
import { select } from '../../support/statements.ts';

const day = 86_400_000;
const tables = ['loop_confidences', 'loop_consensus', 'loop_votes', 'loop_decisions'];

/** Gates over what is stored, where the loop stands, and how long records live. */
export function loopStandingSuite(harness: Harness): void {
  it('weighs the newest iteration of a phase, and scores that are given', async () => {
    const { loop } = (await harness.open()).as('coder-1');
    expect(await loop.gate({ phase: 'auth' })).toMatchObject({ passed: false, overall: null });
    await loop.reportConfidence({ ...report, confidence: 0.1 });
    await loop.reportConfidence({ ...report, iteration: 2, confidence: 0.75 });
    expect(await loop.gate({ phase: 'auth' })).toEqual({
      ...{ passed: true, overall: 0.75, threshold: 0.75, below: [] },
      agents: [{ agent: 'coder-1', confidence: 0.75, passed: true }],
    });
    expect(await loop.gate({ phase: 'auth', threshold: 0.76 })).toMatchObject({
      passed: false,
      below: ['coder-1'],
    });
    const confidences = [
      { agent: 'a', confidence: 0.85 },
      { agent: 'b', confidence: 0.95 },
    ];
    expect(await loop.gate({ gate: 'consensus', confidences })).toMatchObject({ passed: true, overall: 0.9 });
    expect(await loop.gate({ gate: 'consensus', phase: 'auth' })).toMatchObject({
      passed: false,
      overall: null,
    });
    await loop.recordConsensus({ ...agreement, currentScore: 0.9 });
    expect(await loop.gate({ gate: 'consensus', phase: 'auth' })).toMatchObject({
      passed: true,
      threshold: 0.9,
    });
    await loop.recordConsensus({ ...agreement, id: 'c2', currentScore: 0.95, status: 'failed' });
    expect(await loop.gate({ gate: 'consensus', phase: 'auth' })).toMatchObject({ passed: false });
  });

  it('tells where the loop stands, to another process too', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const [coder, validator, owner] = ['coder-1', 'validator-1', 'product-owner'].map((id) => rookery.as(id));
    const standing = async () => {
      const { loop, action, context } = await (await harness.again())
        .as('coordinator-1')
        .loop.state({ phase: 'auth' });
      return [loop, action, context.iteration, context.completedValidators ?? context.completedAgents];
    };
    expect(await standing()).toEqual([3, 'start_fresh', 1, undefined]);
    await coder!.loop.reportConfidence(report);
    expect(await standing()).toEqual([3, 'resume_implementation', 1, ['coder-1']]);
    const pending: Agreement = {
      ...agreement,
      status: 'pending',
      currentScore: 0.4,
      validationResults: [result('v1')],
    };
    await validator!.loop.recordConsensus(pending);
    expect(await standing()).toEqual([2, 'resume_validation', 1, ['v1']]);
    await validator!.loop.recordConsensus({ ...agreement, validationResults: [result('v1'), result('v2')] });
    expect(await standing()).toEqual([4, 'await_product_owner_decision', 1, ['v1', 'v2']]);
    await owner!.loop.decide(ruling);
    expect(await standing()).toEqual([3, 'start_fresh', 2, undefined]);
  });

  it('keeps each class for its own period, is unreadable after, and erases it when asked [CF-C05, CF-R24]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const owner = rookery.as('product-owner');
    const start = clock.now();
    await owner.loop.reportConfidence({ ...report, ttl: 86_400 });
    await owner.loop.reportConfidence({ ...report, phase: 'long', ttl: 40 * 86_400 });
    await owner.loop.recordConsensus(agreement);
    await owner.loop.decide(ruling);
    const readable = async () => [
      (await owner.loop.confidences({ phase: 'auth' })).confidences.length,
      (await owner.loop.confidences({ phase: 'long' })).confidences.length,
      (await owner.loop.consensus({ phase: 'auth' })) === null ? 0 : 1,
      (await owner.loop.decisions({ phase: 'auth' })).decisions.length,
    ];
    const stored = async () => {
      const counts = tables.map((table) =>
        select<{ n: number }>(rookery, `SELECT count(*) AS n FROM ${table}`),
      );
      return (await Promise.all(counts)).map(([row]) => row!.n);
    };
    const at = (milliseconds: number) => clock.advance(start + milliseconds - clock.now());
    at(30 * day - 1);
    expect(await readable()).toEqual([1, 1, 1, 1]);
    at(30 * day);
    expect(await readable()).toEqual([0, 1, 1, 1]);
    at(40 * day);
    expect(await readable()).toEqual([0, 0, 1, 1]);
    expect(await stored()).toEqual([2, 1, 2, 1]);
    at(90 * day - 1);
    expect(await readable()).toEqual([0, 0, 1, 1]);
    at(90 * day);
    expect(await readable()).toEqual([0, 0, 0, 1]);
    at(364 * day);
    expect(await readable()).toEqual([0, 0, 0, 1]);
    expect((await owner.loop.state({ phase: 'auth' })).action).toBe('start_fresh');
    at(366 * day);
    expect(await readable()).toEqual([0, 0, 0, 0]);
    expect(await rookery.loop.prune({ limit: 2 })).toEqual({ pruned: 2 });
    expect(await rookery.loop.prune()).toEqual({ pruned: 2 });
    expect(await stored()).toEqual([0, 0, 0, 0]);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true });
    // What was erased may come again, as new.
    expect(await owner.loop.decide(ruling)).toMatchObject({ id: 'decision-1' });
  });

  it('is unreadable to a process whose clock is behind, and a late report begins anew [CF-R24]', async () => {
    const ahead = new ManualClock();
    const behind = new ManualClock(ahead.now() - 3_600_000);
    const one = (await harness.open({ clock: ahead })).as('coder-1');
    const two = (await harness.again({ clock: behind })).as('coder-1');
    await one.loop.reportConfidence(report);
    ahead.advance(30 * day);
    await one.memory.set({ key: 'other', value: 1 });
    expect(await two.loop.confidences({ phase: 'auth' })).toMatchObject({ confidences: [] });
    const late = await one.loop.reportConfidence(report);
    expect(late).toMatchObject({ revision: 1, createdAt: ahead.now() });
  });
}
