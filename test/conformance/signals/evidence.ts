import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { crew } from '../../support/fleet.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';

/** What the ledger knows of signals, and that verification compares them with it. */
export function evidenceSuite(harness: Harness): void {
  it('records what seed 000 looks for, and no contents [SG6]', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const { a } = await crew(rookery, 'boss', 'a', 'b');
    const boss = rookery.as('boss', { swarm: 'default' });
    const { id } = await boss.signals.send({
      type: 't',
      targets: ['a', 'b'],
      timeoutMs: 10,
      payload: 'words',
    });
    await a.signals.acknowledge({ signal: id });
    clock.advance(10);
    await boss.signals.wait({ signal: id });
    await a.signals.remove({ id });
    const columns = 'action, entity_type, entity_id, risk_level, category, acl_level, changed_by, swarm_id';
    const rows = await select<Record<string, unknown>>(
      rookery,
      `SELECT ${columns} FROM audit_log WHERE entity_id = $1 ORDER BY seq`,
      id,
    );
    const common = { entity_type: 'event', entity_id: id, category: 'blocking-coordination', acl_level: 4 };
    expect(rows).toEqual([
      { ...common, action: 'signal_sent', risk_level: 'low', changed_by: 'boss', swarm_id: 'default' },
      { ...common, action: 'signal_ack_sent', risk_level: 'low', changed_by: 'a', swarm_id: null },
      { ...common, action: 'signal_timeout', risk_level: 'medium', changed_by: 'boss', swarm_id: 'default' },
    ]);
    const mine = (await entriesOf(rookery)).filter(({ op }) => op.startsWith('signals.'));
    expect(mine.map(({ op, level, risk }) => `${op} ${level} ${risk}`)).toEqual([
      'signals.send private low',
      'signals.acknowledge private low',
      'signals.timeout private medium',
      'signals.wait private low',
      'signals.remove private low',
    ]);
    expect(JSON.stringify(mine)).not.toContain(id);
    expect((await a.audit.feed({ operation: 'signals' })).events.map(({ operation }) => operation)).toEqual([
      'signals.acknowledge',
      'signals.remove',
    ]);
  });

  it('finds every change behind its back [A4]', async () => {
    const rookery = await harness.open();
    const { boss, a, b } = await crew(rookery, 'boss', 'a', 'b', 'c');
    const targets = ['a', 'b', 'c'];
    const { id } = await boss.signals.send({ id: 's', type: 't', targets, rule: 'any', payload: 'words' });
    await a.signals.acknowledge({ signal: id, metadata: 1 });
    await b.signals.acknowledge({ signal: id, refuse: 'late' });
    await boss.signals.send({ id: 'open', type: 't', targets });
    const edits: [table: string, change: string, where: string][] = [
      ['signals', "state = 'cancelled'", "id = 's'"],
      ['signals', "state = 'complete', ended_at = 1", "id = 'open'"],
      ['signals', "state = 'open', ended_at = NULL", "id = 's'"],
      ['signals', 'acked = 0', "id = 's'"],
      ['signals', 'needed = 2', "id = 's'"],
      ['signals', "issuer = 'c'", "id = 's'"],
      ['signals', 'deadline_ms = deadline_ms + 1', "id = 'open'"],
      ['signals', 'position = 1', "id = 'open'"],
      ['signals', 'sealed = NULL', "id = 's'"],
      ['signals', "type = 'u'", "id = 's'"],
      ['signal_targets', "agent_id = 'd'", "signal_id = 'open' AND agent_id = 'c'"],
      ['signal_targets', "answer = 'refused'", "signal_id = 's' AND agent_id = 'a'"],
      ['signal_targets', "answer = 'acked', awaited = 0", "signal_id = 'open' AND agent_id = 'a'"],
      ['signal_targets', 'late = 0', "signal_id = 's' AND agent_id = 'b'"],
      ['signal_targets', 'answered_at = answered_at - 1', "signal_id = 's' AND agent_id = 'b'"],
      ['signal_targets', 'sealed = NULL', "signal_id = 's' AND agent_id = 'a'"],
      ['signal_targets', "proof = 'x'", "signal_id = 's' AND agent_id = 'a'"],
      ['signal_targets', 'removed = 1', "signal_id = 's' AND agent_id = 'a'"],
      ['signal_targets', 'awaited = 0', "signal_id = 'open' AND agent_id = 'a'"],
      ['signal_targets', 'seq = 0', "signal_id = 's' AND agent_id = 'a'"],
      ['signal_targets', 'position = 1', "signal_id = 'open' AND agent_id = 'a'"],
    ];
    for (const [table, change, where] of edits) {
      const columns = change.replaceAll(/ = [^,]*/g, '').split(', ');
      const [before] = await select<Record<string, never>>(rookery, `SELECT * FROM ${table} WHERE ${where}`);
      await execute(rookery, `UPDATE ${table} SET ${change} WHERE ${where}`);
      const { ok, findings } = await rookery.audit.verify();
      expect(ok, `${table} ${change}`).toBe(false);
      expect(findings.length).toBeGreaterThan(0);
      const undo = columns.map((column, i) => `${column} = $${i + 1}`).join(', ');
      const place = where.replace(
        "agent_id = 'c'",
        change.startsWith('agent_id') ? "agent_id = 'd'" : "agent_id = 'c'",
      );
      await execute(
        rookery,
        `UPDATE ${table} SET ${undo} WHERE ${place}`,
        ...columns.map((column) => before![column]!),
      );
      expect(await rookery.audit.verify(), `undone ${change}`).toMatchObject({ ok: true });
    }
    await execute(rookery, "DELETE FROM signal_targets WHERE signal_id = 's' AND agent_id = 'a'");
    expect((await rookery.audit.verify()).findings.map(({ kind }) => kind)).toContain('state-missing');
  });
}
