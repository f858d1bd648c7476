import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { enqueue } from '../../support/locks.ts';
import { entriesOf, execute } from '../../support/statements.ts';

/** What the ledger knows of leases, and that verification compares them with it. */
export function evidenceSuite(harness: Harness): void {
  it('records each change of a lease once, and who brought it about', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    const { lease } = await a.locks.acquire({ paths: ['x', 'y'] });
    await a.locks.acquire({ paths: ['y', 'x'] });
    await a.locks.renew({ lease: lease.id });
    await enqueue(rookery, b, { path: 'x' });
    await a.locks.release({ lease: lease.id });
    await a.locks.release({ lease: lease.id });
    clock.advance(60_000);
    await a.locks.releaseExpired();
    const entries = (await entriesOf(rookery)).filter(({ op }) => op.startsWith('locks.'));
    expect(entries.map(({ op, actor }) => `${op} by ${actor}`)).toEqual([
      'locks.acquire by a',
      'locks.renew by a',
      'locks.renew by a',
      'locks.wait by b',
      'locks.release by a',
      'locks.grant by a',
      'locks.expire by a',
    ]);
    expect(entries[0]).toMatchObject({ level: 'project', facts: { token: lease.token } });
    expect(JSON.stringify(entries)).not.toContain(lease.id);
  });

  it('finds every change behind its back', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    const { lease } = await a.locks.acquire({ paths: ['f', 'g'] });
    await a.locks.renew({ lease: lease.id });
    await a.locks.release({ lease: lease.id });
    const set = (change: string) => execute(rookery, `UPDATE locks SET ${change} WHERE id = $1`, lease.id);
    for (const [change, undo] of [
      ["reserved_by = 'mallory'", "reserved_by = 'a'"],
      ["normalized_path = 'elsewhere'", "normalized_path = 'f'"],
      ['fencing_token = fencing_token + 1', 'fencing_token = fencing_token - 1'],
      ['expires_at_ms = expires_at_ms + 1', 'expires_at_ms = expires_at_ms - 1'],
      ['shared = 1', 'shared = 0'],
      ["status = 'active', released_at = NULL", ''],
    ] as const) {
      expect(await rookery.audit.verify()).toMatchObject({ ok: true });
      await set(change);
      const { findings } = await rookery.audit.verify();
      expect(new Set(findings.map(({ kind }) => kind)), change).toEqual(new Set(['state-changed']));
      if (undo !== '') await set(undo);
    }
  });

  it('finds a lease that was removed behind its back', async () => {
    const rookery = await harness.open();
    const { lease } = await rookery.as('a').locks.acquire({ path: 'f' });
    await execute(rookery, 'DELETE FROM locks WHERE id = $1', lease.id);
    const { findings } = await rookery.audit.verify();
    expect(findings.map(({ kind }) => kind)).toEqual(['state-missing']);
  });
}
