import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { select } from '../support/statements.ts';

const conflict = { code: 'REVISION_CONFLICT' };

/** The contract of memory, on any engine. Ids in brackets are those of the published guarantees. */
export function memorySuite(harness: Harness): void {
  it('stores any JSON value and answers it as it was', async () => {
    const { memory } = await harness.open();
    const values = [null, true, 0, -1.5, '', 'ü\u0000\ud83d\ude00', [], [1, [2]], {}, { a: { b: [null] } }];
    for (const value of values) {
      const written = await memory.set({ key: 'k', value });
      expect(await memory.get({ key: 'k' })).toEqual({ ...written, value });
    }
    const big = { text: 'x'.repeat(100_000) };
    await memory.set({ key: 'k', value: big });
    expect((await memory.get({ key: 'k' }))?.value).toEqual(big);
  });

  it('describes an item: audience, owner, revision, position, times', async () => {
    const clock = new ManualClock();
    const a = (await harness.open({ clock })).as('a');
    const start = clock.now();
    const first = await a.memory.set({ namespace: 'n', key: 'k', value: 1, level: 'swarm', ttl: 60 });
    expect(first).toMatchObject({
      ...{ namespace: 'n', key: 'k', level: 'swarm', scope: 'swarm:default', owner: 'a', revision: 1 },
      ...{ createdAt: start, updatedAt: start, expiresAt: start + 60_000 },
    });
    clock.advance(1000);
    const second = await a.memory.set({ namespace: 'n', key: 'k', value: 2, level: 'swarm' });
    expect(second).toMatchObject({ revision: 2, createdAt: start, updatedAt: start + 1000, expiresAt: null });
    expect(second.seq).toBeGreaterThan(first.seq);
    expect(await a.memory.has({ namespace: 'n', key: 'k' })).toEqual({ exists: true });
    expect(await a.memory.has({ key: 'k' })).toEqual({ exists: false });
  });

  it('keeps namespaces apart whose names run into their keys', async () => {
    const { memory, audit } = await harness.open();
    await memory.set({ namespace: 'a/b', key: 'c', value: 1 });
    await memory.set({ namespace: 'a', key: 'b/c', value: 2 });
    await memory.set({ namespace: 'a/b', key: 'c', value: 3 });
    expect((await memory.get({ namespace: 'a', key: 'b/c' }))?.value).toBe(2);
    expect(await audit.verify()).toMatchObject({ ok: true, findings: [] });
  });

  it('keeps the first owner of a live item, and gives a deleted key to who brings it back', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.memory.set({ key: 'k', value: 1 });
    expect((await b.memory.set({ key: 'k', value: 2 })).owner).toBe('a');
    await b.memory.delete({ key: 'k' });
    expect((await b.memory.set({ key: 'k', value: 3 })).owner).toBe('b');
    const { revisions } = await a.memory.history({ key: 'k' });
    expect(revisions.map(({ author }) => author)).toEqual(['b', 'b', 'b', 'a']);
  });

  it('lets an agent delete what the project holds as the first thing that it does', async () => {
    const rookery = await harness.open();
    await rookery.memory.set({ key: 'k', value: 1 });
    expect(await rookery.as('newcomer').memory.delete({ key: 'k' })).toEqual({ deleted: true, revision: 2 });
  });

  it('writes over a revision only when it is the expected one, and one of many wins [KV2, KV-x1]', async () => {
    const one = await harness.open();
    const two = await harness.again();
    await expect(one.memory.set({ key: 'k', value: 1, expectedRevision: 1 })).rejects.toMatchObject(conflict);
    const race = (expectedRevision: number) =>
      Promise.allSettled(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 ? one : two).as(`agent-${i}`).memory.set({ key: 'k', value: i, expectedRevision }),
        ),
      );
    for (const expected of [0, 1]) {
      const outcomes = await race(expected);
      const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      expect(refused).toHaveLength(9);
      for (const { reason } of refused) {
        expect(reason).toMatchObject({ ...conflict, details: { expected, actual: expected + 1 } });
      }
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
      expect((await one.memory.get({ key: 'k' }))?.value).toBe(winner);
    }
    await expect(one.memory.delete({ key: 'k', expectedRevision: 1 })).rejects.toMatchObject(conflict);
    expect(await one.memory.delete({ key: 'k', expectedRevision: 2 })).toEqual({
      deleted: true,
      revision: 3,
    });
  });

  it('counts revisions on across deletion, expiry and return [KV3]', async () => {
    const clock = new ManualClock();
    const { memory } = await harness.open({ clock });
    const set = async (more: object = {}) => (await memory.set({ key: 'k', value: 1, ...more })).revision;
    expect(await set()).toBe(1);
    expect(await memory.delete({ key: 'k' })).toEqual({ deleted: true, revision: 2 });
    expect(await memory.delete({ key: 'k' })).toEqual({ deleted: false, revision: null });
    expect(await set({ expectedRevision: 0, ttl: 1 })).toBe(3);
    clock.advance(1000);
    expect(await set({ expectedRevision: 0 })).toBe(4);
    await memory.clear({ level: 'project' });
    expect(await set()).toBe(6);
  });

  it('loses no increment and no appended text, with many writers in two stores [KV4]', async () => {
    const stores = [await harness.open(), await harness.again()];
    const jobs = stores.flatMap((store, s) =>
      Array.from({ length: 20 }, (_, i) => [
        store.memory.incr({ key: 'n', by: 2 }),
        store.memory.decr({ key: 'n' }),
        store.memory.append({ key: 't', text: `<${s}-${i}>` }),
      ]),
    );
    await Promise.all(jobs.flat());
    expect((await stores[0]!.memory.get({ key: 'n' }))?.value).toBe(40);
    const text = String((await stores[1]!.memory.get({ key: 't' }))?.value);
    expect(text.match(/<\d+-\d+>/g)).toHaveLength(40);
    expect(new Set(text.match(/<\d+-\d+>/g)).size).toBe(40);
    expect(text).toHaveLength('<0-0>'.length * 20 + '<0-10>'.length * 20);
  });

  it('adds numbers and texts only to their own kind, and only exactly', async () => {
    const { memory } = await harness.open();
    expect(await memory.incr({ key: 'n' })).toEqual({ value: 1, revision: 1 });
    expect(await memory.decr({ key: 'n', by: 3.5 })).toEqual({ value: -2.5, revision: 2 });
    expect(await memory.append({ key: 't', text: 'ab' })).toEqual({ length: 2, revision: 1 });
    expect(await memory.append({ key: 't', text: 'c' })).toEqual({ length: 3, revision: 2 });
    await expect(memory.incr({ key: 't' })).rejects.toMatchObject({ code: 'NOT_A_NUMBER' });
    await expect(memory.append({ key: 'n', text: 'x' })).rejects.toMatchObject({ code: 'NOT_A_NUMBER' });
    await memory.set({ key: 'n', value: Number.MAX_SAFE_INTEGER });
    await expect(memory.incr({ key: 'n' })).rejects.toMatchObject({ details: { field: 'by' } });
    await memory.set({ key: 'n', value: Number.MAX_VALUE });
    await expect(memory.incr({ key: 'n', by: Number.MAX_VALUE })).rejects.toMatchObject({
      details: { field: 'by' },
    });
    expect((await memory.get({ key: 'n' }))?.value).toBe(Number.MAX_VALUE);
    await memory.set({ key: 't', value: 'x'.repeat(1_048_500) });
    await expect(memory.append({ key: 't', text: 'y'.repeat(100) })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { field: 'text' },
    });
  });

  it('answers the state after any commit [KV5]', async () => {
    const rookery = await harness.open();
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ act: fc.constant('set' as const), key, value: fc.nat() }),
      fc.record({ act: fc.constant('delete' as const), key }),
      fc.record({ act: fc.constant('append' as const), key }),
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 15 }), async (steps) => {
        const namespace = `round-${round++}`;
        const at = (name: string) => ({ namespace, key: name });
        const { memory } = rookery;
        const states: { seq: number; state: Map<string, unknown> }[] = [];
        let state = new Map<string, unknown>();
        for (const next of steps) {
          state = new Map(state);
          if (next.act === 'delete') {
            await memory.delete(at(next.key));
            state.delete(next.key);
          } else if (next.act === 'set') {
            await memory.set({ ...at(next.key), value: next.value });
            state.set(next.key, next.value);
          } else {
            if (typeof state.get(next.key) === 'number') continue;
            await memory.append({ ...at(next.key), text: 'x' });
            state.set(next.key, `${state.get(next.key) ?? ''}x`);
          }
          // Each ledger position has one state, and this is the newest one.
          const [head] = await select<{ seq: number }>(rookery, 'SELECT max(seq) AS seq FROM audit_log');
          states.push({ seq: head!.seq, state });
        }
        for (const { seq, state: then } of states) {
          for (const name of ['a', 'b', 'c']) {
            const item = await memory.get({ ...at(name), asOf: seq });
            expect(item?.value, `${name} at ${seq}`).toEqual(then.get(name));
          }
        }
      }),
      { numRuns: 4, seed: 7 },
    );
  });

  it('keeps a hundred superseded revisions, readable page by page', async () => {
    const { memory } = await harness.open();
    await memory.mset({ entries: Array.from({ length: 103 }, (_, i) => ({ key: 'k', value: i + 1 })) });
    const { revisions } = await memory.history({ key: 'k', limit: 1000 });
    expect(revisions.map(({ value }) => value)).toEqual(Array.from({ length: 101 }, (_, i) => 103 - i));
    const page = await memory.history({ key: 'k', before: 50, limit: 3 });
    expect(page.revisions.map(({ revision }) => revision)).toEqual([49, 48, 47]);
    await memory.delete({ key: 'k' });
    const [newest] = (await memory.history({ key: 'k', limit: 1 })).revisions;
    expect(newest).toMatchObject({ revision: 104, value: null, deleted: true, expired: false });
    expect(await memory.history({ key: 'never' })).toEqual({ revisions: [] });
  });

  it('writes several values or none', async () => {
    const { memory } = await harness.open();
    await memory.set({ key: 'b', value: 0 });
    const entries = [
      { key: 'a', value: 1 },
      { key: 'b', value: 1, expectedRevision: 0 },
    ];
    await expect(memory.mset({ entries })).rejects.toMatchObject({
      ...conflict,
      details: { field: 'entries.1.expectedRevision', actual: 1 },
    });
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    await expect(
      memory.mset({
        entries: [
          { key: 'a', value: 1 },
          { key: 'c', value: circular },
        ],
      }),
    ).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'entries.1.value' } });
    expect((await memory.mget({ keys: ['a', 'b', 'c'] })).values.map((item) => item?.value ?? null)).toEqual([
      ...[null, 0, null],
    ]);
    entries[1]!.expectedRevision = 1;
    const { items } = await memory.mset({ entries });
    expect(items.map(({ key, revision }) => [key, revision])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('reads several keys in one state, while another store writes them together', async () => {
    const [writer, reader] = [await harness.open(), await harness.again()];
    const keys = ['a', 'b', 'c'];
    let done = false;
    const write = async () => {
      for (let value = 1; value <= 20; value++) {
        await writer.memory.mset({ entries: keys.map((key) => ({ key, value })) });
      }
      done = true;
    };
    const seen: unknown[][] = [];
    const read = async () => {
      while (!done) {
        const { values } = await reader.memory.mget({ keys });
        seen.push(values.map((item) => item?.value ?? 0));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([write(), read()]);
    for (const values of seen) expect(new Set(values).size).toBe(1);
    expect((await reader.memory.mget({ keys: ['c', 'x', 'a'] })).values.map((item) => item?.value)).toEqual([
      ...[20, undefined, 20],
    ]);
  });

  it('clears one namespace at one audience', async () => {
    const a = (await harness.open()).as('a');
    await a.memory.set({ namespace: 'n', key: 'k', value: 1 });
    await a.memory.set({ namespace: 'n', key: 'k', value: 2, level: 'private' });
    await a.memory.set({ namespace: 'other', key: 'k', value: 3 });
    expect(await a.memory.clear({ namespace: 'n', level: 'project' })).toEqual({ deleted: 1, more: false });
    expect((await a.memory.get({ namespace: 'n', key: 'k' }))?.value).toBe(2);
    expect((await a.memory.get({ namespace: 'other', key: 'k' }))?.value).toBe(3);
  });

  it('takes a namespace as it is, and no part of one for the whole [KV-x4]', async () => {
    const { memory } = await harness.open();
    for (const namespace of ['acme', 'acme-corp', 'acme/x', 'ACME']) {
      await memory.set({ namespace, key: 'k', value: namespace });
    }
    expect((await memory.keys({ namespace: 'acme' })).keys).toHaveLength(1);
    await memory.clear({ namespace: 'acme', level: 'project' });
    const left = [];
    for (const namespace of ['acme', 'acme-corp', 'acme/x', 'ACME']) {
      left.push((await memory.get({ namespace, key: 'k' }))?.value);
    }
    expect(left).toEqual([undefined, 'acme-corp', 'acme/x', 'ACME']);
  });

  it('keeps projects apart', async () => {
    const rookery = await harness.open();
    const [p, q] = [rookery.as('a', { project: 'p' }), rookery.as('a', { project: 'q' })];
    await p.memory.set({ key: 'k', value: 'p', level: 'private' });
    expect(await q.memory.get({ key: 'k' })).toBeNull();
    expect((await q.memory.keys()).keys).toEqual([]);
  });
}
