import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { crew } from '../../support/fleet.ts';
import { denials, entries, errorOf } from '../../support/ledger.ts';
import { execute, select } from '../../support/statements.ts';

/** Who answers, how often, and what is kept of it. */
export function answerSuite(harness: Harness): void {
  it('keeps one answer of each target, and answers it again [SG1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { boss, a, b } = await crew(one, 'boss', 'a', 'b');
    const payload = { task: 'auth', nested: [1, null] };
    const sent = await boss.signals.send({ type: 'completion', targets: ['b', 'a'], payload, iteration: 3 });
    expect(sent).toMatchObject({ issuer: 'boss', rule: 'all', needed: 2, acked: 0, state: 'open', payload });
    expect(sent.targets).toEqual(
      ['a', 'b'].map((agent) => ({ agent, state: 'pending', late: false, answeredAt: null })),
    );
    const words = { metadata: { phase: 'auth' }, signature: 'mine' };
    const ack = await a.signals.acknowledge({ signal: sent.id, ...words });
    expect(ack).toMatchObject({
      signal: sent.id,
      agent: 'a',
      state: 'acked',
      iteration: 3,
      late: false,
      ...words,
    });
    expect(ack.proof).toMatch(/^[0-9a-f]{64}$/);
    const again = [
      a.signals.acknowledge({ signal: sent.id, iteration: 9 }),
      two.as('a').signals.acknowledge({ signal: sent.id, refuse: 'no' }),
    ];
    expect(await Promise.all(again)).toEqual([ack, ack]);
    expect(await entries(one, 'signals.acknowledge')).toHaveLength(1);
    const refused = await b.signals.acknowledge({ signal: sent.id, refuse: 'busy', iteration: 4 });
    expect(refused).toMatchObject({ state: 'refused', reason: 'busy', iteration: 4, metadata: null });
    expect((await boss.signals.get({ id: sent.id }))?.targets.map(({ state }) => state)).toEqual([
      'acked',
      'refused',
    ]);
  });

  it('keeps one answer when it is given ten times at once, in two openings [SG1]', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const { boss } = await crew(one, 'boss', 'a', 'b');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b'] });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        [one, two][i % 2]!.as('a').signals.acknowledge({ signal: id, iteration: i }),
      ),
    );
    expect(new Set(answers.map(({ proof, seq }) => `${proof} ${seq}`)).size).toBe(1);
    expect(await entries(one, 'signals.acknowledge')).toHaveLength(1);
    expect((await boss.signals.get({ id }))?.acked).toBe(1);
  });

  it('lets nobody acknowledge but a target, as itself, and records who tried [SG2] [SG-x1]', async () => {
    const rookery = await harness.open();
    const { boss, a, eve } = await crew(rookery, 'boss', 'a', 'b', 'eve');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b'] });
    const forOther = await errorOf(a.signals.acknowledge({ signal: id, target: 'b' }));
    expect(forOther.code).toBe('FORBIDDEN');
    expect((await errorOf(boss.signals.acknowledge({ signal: id }))).code).toBe('FORBIDDEN');
    const hidden = await errorOf(eve.signals.acknowledge({ signal: id }));
    const absent = await errorOf(eve.signals.acknowledge({ signal: 'none' }));
    const shown = ({ code, message, details }: typeof hidden) => ({ code, message, details });
    expect(shown(hidden)).toEqual(shown(absent));
    expect(hidden.code).toBe('NOT_FOUND');
    expect((await errorOf(eve.signals.acknowledge({ signal: id, target: 'a' }))).code).toBe('NOT_FOUND');
    expect((await denials(rookery)).map(({ actor, op }) => `${op} ${actor}`)).toEqual([
      'signals.acknowledge a',
      'signals.acknowledge boss',
      'signals.acknowledge eve',
      'signals.acknowledge eve',
    ]);
    const own = await a.signals.acknowledge({ signal: id, target: 'a' });
    expect(own.agent).toBe('a');
    expect((await boss.signals.get({ id }))?.acked).toBe(1);
  });

  it('shows a signal to its issuer and its targets alone', async () => {
    const rookery = await harness.open();
    const { boss, a, eve } = await crew(rookery, 'boss', 'a', 'eve');
    const { id } = await boss.signals.send({ type: 't', targets: ['a'], payload: 'secret words' });
    expect((await a.signals.get({ id }))?.payload).toBe('secret words');
    expect(await eve.signals.get({ id })).toBeNull();
    expect(await eve.signals.wait({ signal: id, waitMs: 50 })).toBeNull();
    expect(await eve.signals.remove({ id })).toEqual({ removed: false });
    expect(await eve.signals.verify({ signal: id, agent: 'a' })).toEqual({ valid: false });
    expect((await errorOf(eve.signals.cancel({ id }))).code).toBe('NOT_FOUND');
    expect((await errorOf(a.signals.cancel({ id }))).code).toBe('FORBIDDEN');
    for (const box of ['issued', 'received'] as const)
      expect((await eve.signals.list({ box })).signals).toEqual([]);
    expect((await denials(rookery, 'eve')).map(({ op }) => op).sort()).toEqual(
      ['cancel', 'get', 'remove', 'verify', 'wait'].map((verb) => `signals.${verb}`),
    );
    await rookery.fleet.update({ id: 'a', status: 'suspended' });
    expect(await a.signals.get({ id })).toBeNull();
    expect((await a.signals.receive({ all: true })).signals).toEqual([]);
    expect((await errorOf(a.signals.acknowledge({ signal: id }))).code).toBe('FORBIDDEN');
  });

  it('makes proofs that only hold for the answer as it was given [SG-x1]', async () => {
    const rookery = await harness.open();
    const { boss, a, b } = await crew(rookery, 'boss', 'a', 'b', 'c');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b', 'c'] });
    const other = await boss.signals.send({ type: 't', targets: ['a', 'b'] });
    const acks = [await a.signals.acknowledge({ signal: id }), await b.signals.acknowledge({ signal: id })];
    acks.push(await a.signals.acknowledge({ signal: other.id }));
    expect(new Set(acks.map(({ proof }) => proof)).size).toBe(3);
    const verified = async (agent: string) => (await boss.signals.verify({ signal: id, agent })).valid;
    expect([await verified('a'), await verified('b'), await verified('c')]).toEqual([true, true, false]);
    const edits: [change: string, undo: string][] = [
      ['answered_at = answered_at + 1', 'answered_at = answered_at - 1'],
      ['iteration = iteration + 1', 'iteration = iteration - 1'],
      ["answer = 'refused'", "answer = 'acked'"],
      [`proof = '${acks[1]!.proof}'`, `proof = '${acks[0]!.proof}'`],
      [`proof = '${acks[2]!.proof}'`, `proof = '${acks[0]!.proof}'`],
    ];
    for (const [change, undo] of edits) {
      const set = (to: string) =>
        execute(rookery, `UPDATE signal_targets SET ${to} WHERE signal_id = $1 AND agent_id = 'a'`, id);
      await set(change);
      expect(await verified('a'), change).toBe(false);
      await set(undo);
      expect(await verified('a')).toBe(true);
    }
  });

  it('keeps payloads, reasons and metadata sealed', async () => {
    const rookery = await harness.open();
    const { boss, a, b } = await crew(rookery, 'boss', 'a', 'b');
    const { id } = await boss.signals.send({ type: 't', targets: ['a', 'b'], payload: 'plain-payload' });
    await a.signals.acknowledge({ signal: id, metadata: 'plain-metadata', signature: 'plain-signature' });
    await b.signals.acknowledge({ signal: id, refuse: 'plain-reason' });
    const rows = [
      ...(await select<object>(rookery, 'SELECT * FROM signals')),
      ...(await select<object>(rookery, 'SELECT * FROM signal_targets')),
      ...(await select<object>(rookery, 'SELECT * FROM audit_log')),
    ];
    const bytes = rows.flatMap((row) =>
      Object.values(row).map((cell) =>
        Buffer.from(cell?.valueOf() instanceof Uint8Array ? cell : String(cell)).toString('latin1'),
      ),
    );
    expect(bytes.filter((text) => text.includes('plain-'))).toEqual([]);
    const acks = (await boss.signals.wait({ signal: id }))!.acks;
    expect(acks.map(({ metadata, signature, reason }) => [metadata, signature, reason])).toEqual([
      ['plain-metadata', 'plain-signature', null],
      [null, null, 'plain-reason'],
    ]);
  });
}
