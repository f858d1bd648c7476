import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Keyring } from '../../../src/kernel/vault/keyring.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';
import { fillTables } from './sealed.ts';

type Keys = Awaited<ReturnType<Rookery['keys']['list']>>['keys'];

export async function dataKeys(rookery: Rookery, scope?: string): Promise<Keys> {
  const { keys } = await rookery.keys.list({ ...(scope !== undefined && { scope }) });
  return keys.filter(({ purpose }) => purpose === 'data');
}

export async function rotated(rookery: Rookery, input: Parameters<Rookery['keys']['rotate']>[0] = {}) {
  const answer = await rookery.keys.rotate(input);
  await rookery.store.upkeep.finish('default');
  return answer;
}

async function sound(rookery: Rookery): Promise<void> {
  expect((await rookery.audit.verify()).findings).toEqual([]);
}

/** Writes without a pause until told to stop; answers what each key must hold. */
function writing(rookery: Rookery, agent: string): () => Promise<Map<string, number>> {
  const written = new Map<string, number>();
  let go = true;
  const { memory } = rookery.as(agent);
  const work = (async () => {
    for (let n = 0; go; n++, await turn()) {
      const key = `${agent}-${n % 7}`;
      await memory.set({ key, value: n, level: 'private' });
      written.set(key, n);
      if ((await memory.get({ key }))?.value !== n) throw new Error(`${key} does not read back`);
    }
  })();
  return async () => {
    go = false;
    await work;
    return written;
  };
}

export function rotationCases(harness: Harness): void {
  it('replaces keys while two processes write, and leaves nothing under the old ones [A7] [CF-R31]', async () => {
    const first = await harness.open();
    await fillTables(first);
    const second = await harness.again();
    const stops = [writing(first, 'ada'), writing(second, 'bob'), writing(second, 'ada2')];
    const { rotated: changes } = await rotated(first, { reason: 'a yearly habit' });
    expect(changes.map(({ scope }) => scope)).toContain('private:ada');
    for (const { from, to } of changes) expect(from).not.toBe(to);
    await rotated(second, { scope: 'private:ada' });
    for (const stop of stops) {
      for (const [key, value] of await stop()) {
        const agent = key.split('-')[0]!;
        for (const store of [first, second])
          expect((await store.as(agent).memory.get({ key }))?.value).toBe(value);
      }
    }
    expect((await second.as('ada').memory.get({ key: 'k' }))?.value).toBe('second');
    for (const { state, scope, records } of await dataKeys(first)) {
      if (scope === 'project') continue; // in clear; its key only salts commitments
      if (state === 'primary') expect(records).toBeGreaterThan(0);
      else expect([state, records]).toEqual(['decrypt-only', 0]);
    }
    const { rotation } = await second.keys.status();
    expect(rotation).toMatchObject({ state: 'done', round: 2, unreadable: 0 });
    expect(rotation!.done).toBeGreaterThanOrEqual(5);
    await sound(second);
  });

  it('would leave records behind, if a process kept writing under the key that it knows [A7 sabotage]', async () => {
    const first = await harness.open();
    await first.as('ada').memory.set({ key: 'k', value: 0, level: 'private' });
    const deaf = await harness.again();
    const { keyring } = deaf.store;
    const known: Keyring['primary'] = keyring.primary.bind(keyring);
    const remembered = new Map<string, unknown>();
    keyring.primary = function* (tx, scope) {
      if (!remembered.has(scope)) remembered.set(scope, yield* known(tx, scope));
      return remembered.get(scope) as never;
    };
    await deaf.as('ada').memory.set({ key: 'before', value: 1, level: 'private' });
    await rotated(first);
    await deaf.as('ada').memory.set({ key: 'after', value: 2, level: 'private' });
    const left = (await dataKeys(first)).filter(({ state }) => state === 'decrypt-only');
    expect(left.map(({ records }) => records)).toEqual([1]);
  });

  it('goes on with what an earlier process began, one at a time, and two at once do no harm [A7]', async () => {
    const first = await harness.open();
    const { memory } = first.as('ada');
    const entries = Array.from({ length: 200 }, (_, n) => ({ key: `k${n}`, value: `value ${n}` }));
    await memory.mset({ entries, level: 'private' });
    // As if the process had ended right after the commit that replaced the keys.
    const { upkeep } = first.store;
    const wake = upkeep.wake.bind(upkeep);
    upkeep.wake = () => {};
    await first.keys.rotate({});
    await execute(first, "UPDATE key_rotations SET holder = 'gone', held_until = 9007199254740991");
    expect((await first.keys.status()).rotation).toMatchObject({ state: 'running', done: 0, total: null });
    // Somebody else has it, for now.
    const second = await harness.again();
    const waiting = second.store.upkeep.finish('default');
    await second.memory.set({ key: 'others', value: 'go on' });
    expect((await first.keys.status()).rotation).toMatchObject({ state: 'running', done: 0 });
    await execute(first, 'UPDATE key_rotations SET held_until = 0');
    upkeep.wake = wake;
    // The lease is taken away in the middle, a few times.
    const done = Promise.all([waiting, upkeep.finish('default')]);
    for (let n = 0; n < 5; n++) {
      await first.keys.status({ waitMs: 20 });
      await execute(
        first,
        "UPDATE key_rotations SET holder = 'thief', held_until = 0 WHERE state = 'running'",
      );
    }
    await done;
    const { rotation } = await first.keys.status();
    expect(rotation).toMatchObject({ state: 'done', done: 200 });
    for (const { key, value } of entries) expect((await memory.get({ key }))?.value).toBe(value);
    const states = (await dataKeys(first, 'private:ada')).map(({ state, records }) => [state, records]);
    expect(states.sort()).toEqual([
      ['decrypt-only', 0],
      ['primary', 200],
    ]);
    const finishes = (await entriesOf(first)).filter(({ facts }) => facts?.['finished'] === 1);
    expect(finishes.map(({ op }) => op)).toEqual(['keys.rotate']);
    await sound(first);
  });

  it('goes on when somebody asks how far it is', async () => {
    const first = await harness.open();
    await first.as('ada').memory.set({ key: 'k', value: 0, level: 'private' });
    first.store.upkeep.wake = () => {};
    await first.keys.rotate();
    const second = await harness.again();
    expect((await first.keys.status({ waitMs: 50 })).rotation).toMatchObject({ state: 'running' });
    const { rotation, trouble } = await second.keys.status({ waitMs: 20_000 });
    expect({ trouble, ...rotation }).toMatchObject({ state: 'done', done: 1, trouble: null });
  });

  it('passes over what does not open, says so, and keeps its key from being retired', async () => {
    const rookery = await harness.open();
    const { memory } = rookery.as('ada');
    for (const key of ['good', 'bad', 'fine']) await memory.set({ key, value: key, level: 'private' });
    await execute(rookery, "UPDATE memory SET revision = 7 WHERE key = 'bad'");
    await rotated(rookery);
    expect((await rookery.keys.status()).rotation).toMatchObject({ state: 'done', done: 2, unreadable: 1 });
    const [old] = (await dataKeys(rookery)).filter(({ state }) => state === 'decrypt-only');
    expect(old!.records).toBe(1);
    await expect(rookery.keys.retire({ id: old!.id })).rejects.toMatchObject({
      code: 'KEY_IN_USE',
      details: { records: 1 },
    });
    await execute(rookery, "UPDATE memory SET revision = 1 WHERE key = 'bad'");
    expect((await memory.get({ key: 'bad' }))?.value).toBe('bad');
  });

  it('tells of keys and never what is in them', async () => {
    const rookery = await harness.open();
    await rookery.as('ada').memory.set({ key: 'k', value: 0, level: 'private' });
    await rotated(rookery);
    const shown = JSON.stringify(await rookery.keys.list());
    const rows = await select<{ wrapped: Uint8Array; commitment: Uint8Array }>(
      rookery,
      'SELECT wrapped, commitment FROM keys',
    );
    for (const secret of rows.flatMap(({ wrapped, commitment }) => [wrapped, commitment])) {
      for (const encoding of ['hex', 'base64'] as const)
        expect(shown).not.toContain(Buffer.from(secret).toString(encoding).slice(0, 20));
    }
    const { keys, nextCursor } = await rookery.keys.list({ limit: 2 });
    const rest = await rookery.keys.list({ cursor: nextCursor! });
    expect([...keys, ...rest.keys]).toEqual((await rookery.keys.list()).keys);
    await expect(rookery.as('ada').keys.list()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(rookery.as('ada').keys.rotate()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(rookery.keys.rotate({ scope: 'private:nobody' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
}
