import { expect, it } from 'vitest';
import { z } from 'zod';
import { adoptSignalsOf, loseTargetsOf } from '../../../src/domains/signals/operations.ts';
import { mutation } from '../../../src/kernel/operation.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { entries, errorOf } from '../../support/ledger.ts';
import { entriesOf } from '../../support/statements.ts';

const named = z.strictObject({ from: z.string(), to: z.string() });

/** What other domains do inside transactions of their own. */
const adopt = mutation({
  ...{ name: 'signals.test', summary: 'Pass signals on', access: 'write', route: null },
  input: named,
  output: z.int(),
  run: (context, { from, to }) => adoptSignalsOf(context, from, to),
});
const lose = mutation({
  ...{ name: 'signals.test', summary: 'Lose a target', access: 'write', route: null },
  input: named,
  output: z.int(),
  run: (context, { from }) => loseTargetsOf(context, from),
});
const ask = async (rookery: Rookery, operation: typeof adopt, from: string, to = '') =>
  (await rookery.store.invoke(operation, rookery.principal, { from, to })).output;

/** Issuers and targets that are gone. */
export function successionSuite(harness: Harness): void {
  it('passes the open signals of a dead issuer on to its successor, once [SG5]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { old, next, a, b } = await crew(one, 'old', 'next', 'a', 'b');
    const send = (payload: unknown) => old.signals.send({ type: 't', targets: ['a', 'b'], payload });
    const [open, over] = [await send('words'), await send('done')];
    await a.signals.acknowledge({ signal: open.id, metadata: 'mine' });
    await old.signals.cancel({ id: over.id });
    const orphan = old.signals.wait({ signal: open.id, waitMs: 1_000 });
    const moved = await Promise.all([one, two, one].map((at) => ask(at, adopt, 'old', 'next')));
    expect(moved.sort()).toEqual([0, 0, 1]);
    expect(await orphan).toBeNull();
    expect(await old.signals.get({ id: open.id })).toBeNull();
    expect((await errorOf(old.signals.cancel({ id: open.id }))).code).toBe('NOT_FOUND');
    expect((await old.signals.list()).signals.map(({ id }) => id)).toEqual([over.id]);
    expect(await next.signals.get({ id: open.id })).toMatchObject({
      issuer: 'next',
      payload: 'words',
      acked: 1,
    });
    const waiting = two.as('next').signals.wait({ signal: open.id, waitMs: 60_000 });
    await b.signals.acknowledge({ signal: open.id });
    const { state, acks } = (await waiting)!;
    expect([state, ...acks.map(({ metadata }) => metadata)]).toEqual(['complete', 'mine', null]);
    for (const agent of ['a', 'b'])
      expect(await next.signals.verify({ signal: open.id, agent })).toEqual({ valid: true });
    expect(await one.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('counts on a lost target no more, and takes its answer should it come back [SG-x3]', async () => {
    const rookery = await harness.open();
    const { boss, a, b } = await crew(rookery, 'boss', 'a', 'b');
    const [any, all] = [
      await boss.signals.send({ type: 't', targets: ['a', 'b'], rule: 'any' }),
      await boss.signals.send({ type: 't', targets: ['a', 'b'] }),
    ];
    const waiting = boss.signals.wait({ signal: all.id, waitMs: 60_000 });
    expect(await ask(rookery, lose, 'a')).toBe(2);
    expect(await ask(rookery, lose, 'a')).toBe(0);
    expect(await waiting).toMatchObject({ state: 'cannot_complete', missing: ['a', 'b'] });
    const seen = (await boss.signals.get({ id: any.id }))!;
    expect([seen.state, ...seen.targets.map(({ state }) => state)]).toEqual(['open', 'lost', 'pending']);
    await b.signals.acknowledge({ signal: any.id, refuse: 'no' });
    expect((await boss.signals.get({ id: any.id }))?.state).toBe('cannot_complete');
    const back = await boss.signals.send({ type: 't', targets: ['a', 'b'], rule: 'any' });
    await ask(rookery, lose, 'a');
    expect((await a.signals.receive()).signals.map(({ id }) => id)).toEqual([back.id]);
    expect((await a.signals.acknowledge({ signal: back.id })).late).toBe(false);
    expect((await boss.signals.get({ id: back.id }))?.state).toBe('complete');
    expect(await entries(rookery, 'signals.lose')).toHaveLength(3);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('ends in the commit that tells a death, where nobody else can complete it [SG-x3]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { boss, b } = await crew(rookery, 'boss', 'a', 'b');
    const timeoutMs = 3_600_000;
    const all = await boss.signals.send({ type: 't', targets: ['a', 'b'], timeoutMs });
    const any = await boss.signals.send({ type: 't', targets: ['a', 'b'], rule: 'any', timeoutMs });
    const waiting = boss.signals.wait({ signal: all.id, waitMs: 60_000 });
    clock.pass(600_000, rookery);
    for (const id of ['boss', 'b']) await rookery.fleet.heartbeat({ id });
    await rookery.fleet.sweep();
    expect(await waiting).toMatchObject({ state: 'cannot_complete', missing: ['a', 'b'] });
    const [death, ended] = await Promise.all([
      entriesOf(rookery).then((known) => known.find(({ op }) => op === 'fleet.death')!),
      entriesOf(rookery).then((known) => known.find(({ op }) => op === 'signals.fail')!),
    ]);
    expect(ended.unit).toBe(death.unit ?? death.seq);
    expect((await b.signals.acknowledge({ signal: any.id })).late).toBe(false);
    expect((await boss.signals.get({ id: any.id }))?.state).toBe('complete');
  });

  it('leaves nothing of an erased issuer, and no words of an erased target', async () => {
    const rookery = await harness.open();
    const { boss, a } = await crew(rookery, 'boss', 'a', 'b');
    const sent = await boss.signals.send({ type: 't', targets: ['a', 'b'], payload: 'words' });
    const kept = await a.signals.send({ type: 't', targets: ['boss', 'b'], payload: 'kept' });
    await a.signals.acknowledge({ signal: sent.id, metadata: 'mine' });
    await boss.signals.acknowledge({ signal: kept.id, metadata: 'erased' });
    expect(await rookery.keys.erase({ agent: 'boss', owned: true })).toMatchObject({ state: 'done' });
    expect(await a.signals.get({ id: sent.id })).toBeNull();
    const { acks, missing } = (await a.signals.wait({ signal: kept.id }))!;
    expect(acks.map(({ agent, metadata }) => [agent, metadata])).toEqual([['boss', null]]);
    expect(missing).toEqual(['b']);
    expect((await a.signals.get({ id: kept.id }))?.payload).toBe('kept');
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
  });
}
