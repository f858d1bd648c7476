import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeEntry, type Entry } from '../../../src/kernel/ledger/entry.ts';
import type { Harness } from '../../engines/index.ts';
import { busyFleet, exported, followed } from './fleet.ts';

/** The laws of the change feed, on any engine. */
export function feedSuite(harness: Harness): void {
  it('shows each agent exactly what it may see, in order and once [CF1, CF2, CF3, CF11]', async () => {
    const rookery = await harness.open();
    const views = await busyFleet(rookery);
    const entries = (await exported(rookery)).map(({ entry }) => decodeEntry(entry));
    for (const view of views) {
      const { agent } = view.principal;
      const team = agent === 'cyd' ? 'blue' : 'red';
      const scopes = [`private:${agent}`, `team:${team}`, 'swarm:default', 'project'];
      const allowed = ({ actor, scope }: Entry) => actor === agent || scopes.includes(scope);
      const { events } = await followed(view);
      expect(events.map(({ seq }) => seq)).toEqual(entries.filter(allowed).map(({ seq }) => seq));
      expect(events.length).toBeLessThan(entries.length);
    }
    const denied = (await followed(views[0]!)).events.find(({ decision }) => decision === 'deny');
    expect(denied).toMatchObject({ actor: 'cyd', scope: 'private:ada', operation: 'memory.get' });
  });

  it('goes on from any position without a gap or a repetition, and never splits an operation [CF4, CF5]', async () => {
    const rookery = await harness.open();
    const [view] = await busyFleet(rookery);
    const whole = (await followed(view!)).events;
    const units = new Set(whole.map(({ unit }) => unit)).size;
    for (const limit of [1, 2, 3, 5, 100]) {
      const { pages, events } = await followed(view!, { limit });
      expect(events).toEqual(whole);
      const parts = pages.flatMap((page) => [...new Set(page.map(({ unit }) => unit))]);
      expect(parts).toHaveLength(units);
    }
    for (const from of [0, 3, 9, whole.at(-1)!.seq]) {
      const { events } = await followed(view!, { from, limit: 4 });
      expect(events).toEqual(whole.filter(({ seq }) => seq > from));
    }
  });

  it('filters by operation and by noun, exactly [CF7]', async () => {
    const rookery = await harness.open();
    const [view] = await busyFleet(rookery);
    const whole = (await followed(view!)).events;
    const named = (test: (operation: string) => boolean) => whole.filter(({ operation }) => test(operation));
    for (const operation of ['memory.set', 'memory', 'fleet', 'memory.se', 'nothing'])
      expect((await followed(view!, { operation, limit: 3 })).events).toEqual(
        named((name) => name === operation || name.startsWith(`${operation}.`)),
      );
  });

  it('tells the revision before and after, 0 before what was created [CF8, CF9]', async () => {
    const { memory, audit } = (await harness.open()).as('a');
    for (const value of [1, 2]) await memory.set({ key: 'k', value });
    await memory.delete({ key: 'k' });
    const { events } = await audit.feed({ operation: 'memory' });
    expect(events.map(({ revision }) => revision)).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    expect(new Set(events.map(({ resource }) => resource)).size).toBe(1);
    expect(events.at(-1)!.facts).toEqual({ deleted: 1 });
  });

  it('makes the state of a snapshot and the events after it [CF10]', async () => {
    const view = (await harness.open()).as('a');
    const { memory, audit } = view;
    const keys = ['x', 'y', 'z'];
    const valueAt = async (key: string, asOf?: number) =>
      await memory.get({ key, level: 'project', ...(asOf !== undefined && { asOf }) });
    const writes = fc.array(fc.tuple(fc.constantFrom(...keys), fc.nat(9)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(writes, fc.nat(8), async (changes, at) => {
        const seqs = [(await audit.feed({ limit: 1 })).head];
        for (const [key, value] of changes) seqs.push((await memory.set({ key, value })).seq);
        const snapshot = seqs[Math.min(at, changes.length)]!;
        const state = new Map<string, unknown>();
        for (const key of keys) state.set(key, (await valueAt(key, snapshot))?.value);
        for (const { seq } of (await followed(view, { from: snapshot, operation: 'memory.set' })).events) {
          for (const key of keys) {
            const then = await valueAt(key, seq);
            if (then?.seq === seq) state.set(key, then.value);
          }
        }
        for (const key of keys) expect(state.get(key)).toBe((await valueAt(key))?.value);
      }),
      { numRuns: 5 },
    );
  });

  it('never answers something at or below a position it has passed [CF12]', async () => {
    const rookery = await harness.open();
    const [writer, reader] = [rookery.as('writer'), rookery.as('reader')];
    const rounds = harness.engine === 'pglite' ? 6 : 20;
    let writing = true;
    const writes = (async () => {
      for (let n = 0; n < rounds; n++) {
        await Promise.all([
          writer.memory.set({ key: 'hidden', value: n, level: 'private' }),
          writer.memory.mset({
            entries: [
              { key: 'a', value: n },
              { key: 'b', value: n },
            ],
          }),
        ]);
      }
      writing = false;
    })();
    const seen: number[] = [];
    let position = 0;
    for (let last = false; !last; ) {
      last = !writing;
      const { events, next, head } = await reader.audit.feed({ from: position, limit: 3 });
      for (const { seq } of events) expect(seq).toBeGreaterThan(position);
      seen.push(...events.map(({ seq }) => seq));
      position = next;
      last &&= next === head;
    }
    await writes;
    expect(seen).toEqual((await followed(reader)).events.map(({ seq }) => seq).slice(0, seen.length));
    expect(seen.length).toBeGreaterThanOrEqual(2 * rounds);
  });

  it('answers a waiting reader when something it may see commits, here or elsewhere [WA2]', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await a.memory.set({ key: 'k', value: 0 });
    await b.memory.set({ key: 'k', value: 0 });
    const { head: from } = await b.audit.feed();
    const here = b.audit.feed({ from, waitMs: 30_000 });
    await a.memory.set({ key: 'hidden', value: 1, level: 'private' });
    const { seq } = await a.memory.set({ key: 'k', value: 1 });
    const answer = await here;
    expect(answer.events.map((event) => event.seq)).toEqual([seq]);
    const elsewhere = b.audit.feed({ from: answer.next, waitMs: 30_000 });
    const other = (await harness.again()).as('a');
    const { seq: later } = await other.memory.set({ key: 'k', value: 2 });
    expect((await elsewhere).events.map((event) => event.seq)).toEqual([later]);
  });

  it('tells a waiting reader nothing of what it may not see, and moves past it', async () => {
    const rookery = await harness.open();
    const [a, b] = [rookery.as('a'), rookery.as('b')];
    await b.memory.set({ key: 'k', value: 0 });
    await a.memory.set({ key: 'k', value: 0 });
    const { head: from } = await b.audit.feed();
    const waiting = b.audit.feed({ from, waitMs: 300 });
    await a.memory.set({ key: 'hidden', value: 1, level: 'private' });
    const { events, next, head } = await waiting;
    expect(events).toEqual([]);
    expect(next).toBe(head);
    expect(next).toBeGreaterThan(from);
  });

  it('ends delivery with the membership', async () => {
    const rookery = await harness.open();
    const [ada, bob] = await busyFleet(rookery);
    const { head: from } = await ada!.audit.feed();
    await rookery.fleet.update({ id: 'ada', team: 'blue' });
    await bob!.memory.set({ key: 'of the red team', value: 1, level: 'team' });
    const { events } = await followed(ada!, { from });
    expect(events.filter(({ operation }) => operation === 'memory.set')).toEqual([]);
    await rookery.fleet.update({ id: 'ada', status: 'inactive' });
    expect((await ada!.audit.feed()).events).toEqual([]);
  });

  it('refuses a position past its end [CF-x1]', async () => {
    const { audit } = (await harness.open()).as('a');
    await expect(audit.feed({ from: 1000 })).rejects.toMatchObject({ code: 'CURSOR_AHEAD' });
  });
}
