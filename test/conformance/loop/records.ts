import { expect, it } from 'vitest';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { type Agreement, agreement, type Result, report, result, ruling } from '../../support/loop.ts';
import { select } from '../../support/statements.ts';

interface LabelRow {
  readonly action: string;
  readonly entity_id: string;
  readonly category: string;
  readonly risk_level: string;
  readonly acl_level: number;
  readonly changed_by: string;
  readonly swarm_id: string;
}

const labelled = (rookery: Rookery) =>
  select<LabelRow>(
    rookery,
    `SELECT action, entity_id, category, risk_level, acl_level, changed_by, swarm_id
     FROM audit_log WHERE category = 'cfn-loop' ORDER BY seq`,
  );

/** What is recorded, how it is answered, and what the audit log says of it. */
export function loopRecordSuite(harness: Harness): void {
  it('answers confidences, consensus and decisions as they were said, newest first', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const [coder, validator, owner] = ['coder-1', 'validator-1', 'product-owner'].map((id) => rookery.as(id));
    await coder!.loop.reportConfidence(report);
    await coder!.loop.reportConfidence({ ...report, iteration: 2, confidence: 0.9 });
    const { confidences } = await coder!.loop.confidences({ phase: 'auth' });
    expect(confidences.map(({ iteration }) => iteration)).toEqual([2, 1]);
    expect(confidences[1]).toMatchObject({
      ...{ ...report, agent: 'coder-1', level: 'private', revision: 1 },
      key: 'cfn/phase-auth/loop3/confidence/coder-1',
    });
    await validator!.loop.recordConsensus(agreement);
    await validator!.loop.recordConsensus({ ...agreement, id: 'consensus-2', currentScore: 0.95 });
    expect(await coder!.loop.consensus({ phase: 'auth' })).toMatchObject({
      ...{ ...agreement, id: 'consensus-2', currentScore: 0.95 },
      key: 'cfn/phase-auth/loop2/consensus/consensus-2',
    });
    expect(await coder!.loop.consensus({ phase: 'auth', id: 'consensus-1' })).toMatchObject(agreement);
    expect(await coder!.loop.consensus({ phase: 'other' })).toBeNull();
    const { validationResults: _, ...scoreless } = agreement;
    await validator!.loop.recordConsensus({ ...scoreless, id: 'consensus-3', status: 'failed' });
    const { consensuses, nextCursor } = await coder!.loop.consensuses({ phase: 'auth', limit: 2 });
    expect(consensuses.map(({ id }) => id)).toEqual(['consensus-3', 'consensus-2']);
    const rest = await coder!.loop.consensuses({ phase: 'auth', limit: 2, cursor: nextCursor! });
    expect(rest).toMatchObject({ consensuses: [{ id: 'consensus-1' }], nextCursor: null });
    await owner!.loop.decide(ruling);
    await owner!.loop.decide({ ...ruling, id: 'decision-2', decision: 'PROCEED', deferredIssues: [] });
    const { decisions } = await owner!.loop.decisions({ phase: 'auth' });
    expect(decisions.map(({ id }) => id)).toEqual(['decision-2', 'decision-1']);
    expect(decisions[1]).toMatchObject({ ...ruling, key: 'cfn/phase-auth/loop4/decision/decision-1' });
  });

  it('has an audit row for each record, with the action, risk and level of seed 000', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    await rookery.as('coder-1').loop.reportConfidence(report);
    const flawed: Result = {
      ...result('v2', 0.5),
      issues: [{ severity: 'high', description: 'open port' }],
    };
    const validator = rookery.as('validator-1');
    await validator.loop.recordConsensus({ ...agreement, validationResults: [result('v1'), flawed] });
    const owner = rookery.as('product-owner');
    await owner.loop.decide(ruling);
    await owner.loop.decide({ ...ruling, id: 'd2', decision: 'ESCALATE', escalationReason: 'no way on' });
    const rows = await labelled(rookery);
    expect(
      rows.map(({ action, risk_level, acl_level, changed_by }) => [
        action,
        risk_level,
        acl_level,
        changed_by,
      ]),
    ).toEqual([
      ['loop3_confidence', 'low', 1, 'coder-1'],
      ['loop2_consensus', 'low', 3, 'validator-1'],
      ['validator_vote', 'low', 3, 'validator-1'],
      ['validator_vote', 'medium', 3, 'validator-1'],
      ['loop4_decision', 'medium', 5, 'product-owner'],
      ['loop4_decision', 'high', 5, 'product-owner'],
    ]);
    expect(rows[0]).toMatchObject({
      entity_id: 'cfn/phase-auth/loop3/confidence/coder-1',
      swarm_id: 'default',
    });
  });

  it('stands in the view of seed 000, with its iteration, and without what is sealed', async () => {
    const rookery = await harness.open();
    const { loop } = rookery.as('validator-1');
    await loop.recordConsensus(agreement);
    await loop.recordConsensus({ ...agreement, id: 'sealed', encrypt: true });
    const columns =
      'id, type, target_type, target_id, loop_number, status, threshold, current_score, metadata';
    const seen = await select(rookery, `SELECT ${columns} FROM consensus ORDER BY id`);
    const common = { type: 'validation', target_type: 'phase', target_id: 'auth', loop_number: 2 };
    expect(seen).toMatchObject([
      { id: 'consensus-1', ...common, status: 'achieved', current_score: 0.92, metadata: '{"iteration":1}' },
      { id: 'sealed', ...common, threshold: null, current_score: null },
    ]);
  });

  it('replaces a report for the same iteration, and keeps each iteration', async () => {
    const clock = new ManualClock();
    const { loop } = (await harness.open({ clock })).as('coder-1');
    const first = await loop.reportConfidence(report);
    clock.advance(1000);
    const second = await loop.reportConfidence({ ...report, confidence: 0.9 });
    expect(second).toMatchObject({
      revision: 2,
      createdAt: first.createdAt,
      updatedAt: first.updatedAt + 1000,
    });
    expect(second.seq).toBeGreaterThan(first.seq);
    const { confidences } = await loop.confidences({ phase: 'auth' });
    expect(confidences).toEqual([second]);
  });

  it('adds votes to a pending consensus and changes none of them', async () => {
    const { loop } = (await harness.open()).as('validator-1');
    const pending: Agreement = {
      ...agreement,
      status: 'pending',
      currentScore: 0.5,
      validationResults: [result('v1')],
    };
    await loop.recordConsensus(pending);
    const more = { ...agreement, validationResults: [result('v1'), result('v2')] };
    for (const results of [[result('v1', 0.1), result('v2')], [result('v2')], []]) {
      const changed = loop.recordConsensus({ ...more, validationResults: results });
      await expect(changed).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
    }
    expect(await loop.consensus({ phase: 'auth' })).toMatchObject({ ...pending, revision: 1 });
    expect(await loop.recordConsensus(more)).toMatchObject({ ...more, revision: 2 });
  });

  it('leaves a final consensus and a decision as they are; the same again is no change', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const { loop } = rookery.as('product-owner');
    const final = { code: 'REVISION_CONFLICT' };
    const stored = await loop.recordConsensus(agreement);
    expect(await loop.recordConsensus(agreement)).toEqual(stored);
    for (const change of [{ currentScore: 0.99 }, { status: 'failed' as const }, { iteration: 2 }])
      await expect(loop.recordConsensus({ ...agreement, ...change })).rejects.toMatchObject(final);
    const third = [...agreement.validationResults!, result('v3')];
    await expect(loop.recordConsensus({ ...agreement, validationResults: third })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    const decided = await loop.decide(ruling);
    expect(await loop.decide(ruling)).toEqual(decided);
    for (const change of [{ decision: 'PROCEED' as const }, { reasoning: 'other' }, { iteration: 2 }])
      await expect(loop.decide({ ...ruling, ...change })).rejects.toMatchObject(final);
    expect((await labelled(rookery)).filter(({ action }) => action !== 'validator_vote')).toHaveLength(2);
  });

  it('refuses bad input by field, and writes nothing', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const { loop } = rookery.as('product-owner');
    const before = (await labelled(rookery)).length;
    const twice = [result('v1'), result('v1', 0.3)];
    const elsewhere = [{ ...result('v1'), phase: 'other' }];
    const refused: [call: () => Promise<unknown>, field: string][] = [
      ...[-0.01, 1.01, Number.NaN, Number.POSITIVE_INFINITY].map(
        (confidence): [() => Promise<unknown>, string] => [
          () => loop.reportConfidence({ ...report, confidence }),
          'confidence',
        ],
      ),
      [() => loop.reportConfidence({ ...report, confidence: '0.9' as never }), 'confidence'],
      [() => loop.reportConfidence({ ...report, phase: 'a/b' }), 'phase'],
      [() => loop.reportConfidence({ ...report, phase: 'a*' }), 'phase'],
      [() => loop.reportConfidence({ ...report, iteration: -1 }), 'iteration'],
      [() => loop.reportConfidence({ ...report, ttl: 0 }), 'ttl'],
      [() => loop.recordConsensus({ ...agreement, currentScore: 1.5 }), 'currentScore'],
      [() => loop.recordConsensus({ ...agreement, currentScore: 0.89 }), 'status'],
      [() => loop.recordConsensus({ ...agreement, validationResults: twice }), 'validationResults.1'],
      [
        () => loop.recordConsensus({ ...agreement, validationResults: elsewhere }),
        'validationResults.0.phase',
      ],
      [() => loop.decide({ ...ruling, decision: 'MAYBE' as never }), 'decision'],
      [() => loop.decide({ ...ruling, loop2Consensus: Number.NaN }), 'loop2Consensus'],
      [() => loop.gate({}), 'confidences'],
      [() => loop.gate({ confidences: [{ agent: 'a', confidence: 2 }] }), 'confidences.0.confidence'],
    ];
    for (const [call, field] of refused)
      await expect(call()).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field } });
    expect(await labelled(rookery)).toHaveLength(before);
  });

  it('makes one task of each deferred issue, in the transaction of the decision [CF-C05]', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'product-owner', system: true });
    const owner = rookery.as('product-owner');
    const { tasks: ids } = await owner.loop.decide(ruling);
    expect((await owner.loop.decide(ruling)).tasks).toEqual(ids);
    await owner.loop.decide({ ...ruling, id: 'd2', decision: 'PROCEED' });
    const { tasks } = await rookery.as('coder-1').tasks.list({ type: 'backlog' });
    expect(tasks.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const found = await Promise.all(ids.map((task) => rookery.as('coder-1').tasks.get({ task })));
    expect(found.map((task) => task!.description)).toEqual(ruling.deferredIssues);
    expect(found[0]).toMatchObject({ level: 'project', priority: 10, title: 'Deferred from auth, 1 of 3' });
    // A text that no task takes makes no decision either.
    const unfit = { ...ruling, id: 'd3', deferredIssues: ['fits', 'x'.repeat(1024 * 1024 + 1)] };
    await expect(owner.loop.decide(unfit)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect((await owner.loop.decisions({ phase: 'auth' })).decisions).toHaveLength(2);
    expect((await rookery.tasks.list({ type: 'backlog' })).tasks).toHaveLength(3);
  });
}
