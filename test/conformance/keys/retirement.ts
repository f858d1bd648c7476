import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';
import { kindsOf } from '../../support/tampering.ts';
import { dataKeys, rotated } from './rotation.ts';

const scope = 'private:ada';

export function retirementCases(harness: Harness): void {
  it('retires a key when no record is left under it, and still verifies by it', async () => {
    const rookery = await harness.open();
    const { memory } = rookery.as('ada');
    await memory.set({ key: 'k', value: 'old', level: 'private' });
    const [first] = await dataKeys(rookery, scope);
    const { id } = first!;
    await expect(rookery.keys.retire({ id })).rejects.toMatchObject({
      code: 'KEY_IN_USE',
      details: { state: 'primary' },
    });
    rookery.store.upkeep.wake = () => {};
    await rookery.keys.rotate({ scope });
    await expect(rookery.keys.retire({ id })).rejects.toMatchObject({
      code: 'KEY_IN_USE',
      message: '1 records are still sealed under the key',
    });
    const [sealed] = await select<{ sealed: Uint8Array }>(rookery, 'SELECT sealed FROM memory');
    await rookery.store.upkeep.finish('default');
    expect(await rookery.keys.retire({ id, reason: 'old' })).toMatchObject({ state: 'retired', records: 0 });
    expect(await rookery.keys.retire({ id })).toMatchObject({ state: 'retired', reason: 'old' });
    expect(await rookery.keys.retire({ id: '0123456789abcdef' })).toBeNull();
    const told = (await entriesOf(rookery)).filter(({ op }) => op === 'keys.retire');
    expect(told).toMatchObject([{ decision: 'allow', scope, risk: 'high' }]);
    // It tells what commitments were salted with, and opens nothing.
    expect((await rookery.audit.verify()).findings).toEqual([]);
    const hex = Buffer.from(sealed!.sealed).toString('hex');
    const bytes = harness.engine === 'sqlite' ? `x'${hex}'` : `'\\x${hex}'::bytea`;
    await execute(rookery, `UPDATE memory SET sealed = ${bytes}`);
    const again = await harness.again();
    await expect(again.as('ada').memory.get({ key: 'k' })).rejects.toMatchObject({
      code: 'TAMPERED',
      message: 'the key of this record is retired and opens nothing any more',
    });
    expect(kindsOf(await again.audit.verify())).toEqual(['state-unreadable']);
  });

  it('replaces a compromised key at once, seals its records anew, and keeps what it is [CF-R32]', async () => {
    const rookery = await harness.open();
    const { memory } = rookery.as('ada');
    for (const key of ['a', 'b']) await memory.set({ key, value: key, level: 'private' });
    const [first] = await dataKeys(rookery, scope);
    const { id } = first!;
    const condemned = await rookery.keys.retire({ id, compromised: true, reason: 'laptop stolen' });
    expect(condemned).toMatchObject({ state: 'compromised', records: 2, reason: 'laptop stolen' });
    await memory.set({ key: 'c', value: 'c', level: 'private' });
    await rookery.store.upkeep.finish('default');
    for (const key of ['a', 'b', 'c']) expect((await memory.get({ key }))?.value).toBe(key);
    const keys = await dataKeys(rookery, scope);
    const old = keys.find((key) => key.id === id)!;
    expect(old).toMatchObject({ state: 'compromised', records: 0, reason: 'laptop stolen' });
    expect(old.retiredAt).not.toBeNull();
    expect(keys.find(({ state }) => state === 'primary')!.records).toBe(3);
    expect(await rookery.keys.retire({ id })).toMatchObject({ state: 'compromised' });
    const told = (await entriesOf(rookery)).filter(
      ({ op, facts }) => op === 'keys.retire' && facts?.['state'] === 4,
    );
    expect(told.map(({ facts }) => facts)).toEqual([{ state: 4 }, { state: 4, retired: 1 }]);
    expect((await rookery.audit.verify()).findings).toEqual([]);
  });

  it('finds keys that were put back into use by plain SQL', async () => {
    const rookery = await harness.open();
    await rookery.as('ada').memory.set({ key: 'k', value: 0, level: 'private' });
    const [first] = await dataKeys(rookery, scope);
    await rotated(rookery, { scope });
    await rookery.keys.retire({ id: first!.id });
    const [second] = (await dataKeys(rookery, scope)).filter(({ state }) => state === 'primary');
    await rookery.keys.retire({ id: second!.id, compromised: true });
    await rookery.store.upkeep.finish('default');
    expect((await rookery.audit.verify()).ok).toBe(true);
    for (const [id, assignment, undo] of [
      [first!.id, "state = 'decrypt-only'", "state = 'retired'"],
      [first!.id, 'retired_at = NULL', 'retired_at = 1'],
      [first!.id, 'revision = 1', 'revision = 2'],
      [second!.id, "state = 'decrypt-only'", "state = 'compromised'"],
    ]) {
      await execute(rookery, `UPDATE keys SET ${assignment} WHERE id = '${id}'`);
      const { findings } = await rookery.audit.verify();
      expect(findings, assignment).toMatchObject([{ kind: 'state-changed' }]);
      expect(findings[0]!.subject).toContain(id);
      await execute(rookery, `UPDATE keys SET ${undo} WHERE id = '${id}'`);
    }
    expect((await rookery.audit.verify()).ok).toBe(true);
  });
}
