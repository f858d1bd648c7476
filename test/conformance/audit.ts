import fc from 'fast-check';
import { expect, it } from 'vitest';
import { verifyExport, verifyGrowth, verifyReceipt } from '../../src/doors/verify/index.ts';
import { decodeEntry, type Entry } from '../../src/kernel/ledger/entry.ts';
import { verifyConsistency, verifyInclusion } from '../../src/kernel/ledger/proof.ts';
import { consistencyPath, inclusionPath, rootAt } from '../../src/kernel/ledger/stored.ts';
import { leafHash } from '../../src/kernel/ledger/tree.ts';
import { verifyStore } from '../../src/kernel/ledger/verify-store.ts';
import type { Rookery, View } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { ledgerOf } from '../support/statements.ts';

type Event = Awaited<ReturnType<View['audit']['feed']>>['events'][number];

/** Every entry there is, as an administrator exports it. */
async function exported(rookery: Rookery, limit = 1000): Promise<{ seq: number; entry: string }[]> {
  const entries: { seq: number; entry: string }[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const page: Awaited<ReturnType<Rookery['audit']['export']>> = await rookery.audit.export({ from, limit });
    entries.push(...page.entries);
    from = page.next;
  }
  return entries;
}

/** The feed from a position to its end, page by page. */
async function followed(view: View, options: { from?: number; limit?: number; operation?: string } = {}) {
  const pages: Event[][] = [];
  let { from = 0 } = options;
  for (;;) {
    const { events, next, head } = await view.audit.feed({ ...options, from });
    expect(next).toBeGreaterThanOrEqual(from);
    if (events.length > 0) pages.push(events);
    if (next >= head) return { pages, events: pages.flat(), next };
    expect(next).toBeGreaterThan(from);
    from = next;
  }
}

/** A fleet with two teams, each agent writing at every level. */
async function busyFleet(rookery: Rookery): Promise<View[]> {
  await rookery.fleet.createTeam({ id: 'red' });
  await rookery.fleet.createTeam({ id: 'blue' });
  for (const [id, team] of [
    ['ada', 'red'],
    ['bob', 'red'],
    ['cyd', 'blue'],
  ] as const)
    await rookery.fleet.register({ id, team });
  const views = ['ada', 'bob', 'cyd'].map((agent) => rookery.as(agent));
  await Promise.all(
    views.flatMap((view, i) =>
      (['private', 'team', 'swarm', 'project'] as const).map((level) =>
        view.memory.set({ key: `k${i}`, value: i, level }),
      ),
    ),
  );
  await views[0]!.memory.mset({
    level: 'project',
    entries: Array.from({ length: 7 }, (_, n) => ({ key: `many-${n}`, value: n })),
  });
  await views[2]!.memory.get({ key: 'k0', level: 'private', audience: 'ada' });
  return views;
}

/** The contract of ledger, receipts and change feed, on any engine. */
export function auditSuite(harness: Harness): void {
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

  it('exports every entry exactly as hashed, in order and without gaps, to administrators only', async () => {
    const rookery = await harness.open();
    await busyFleet(rookery);
    const rows = await ledgerOf(rookery);
    for (const limit of [1000, 7]) {
      const entries = await exported(rookery, limit);
      expect(entries.map(({ seq }) => seq)).toEqual(rows.map((_, i) => i + 1));
      for (const [i, { entry }] of entries.entries())
        expect(leafHash(entry)).toEqual(Buffer.from(rows[i]!.leaf));
    }
    expect(JSON.stringify(await exported(rookery))).not.toContain('many-');
    await expect(rookery.as('ada').audit.export()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(rookery.as('ada').audit.verify()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('signs one checkpoint for a size, and proves that a later one continues it', async () => {
    const rookery = await harness.open();
    const empty = await rookery.audit.checkpoint();
    expect(empty).toMatchObject({ size: 0, root: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' });
    await busyFleet(rookery);
    const older = await rookery.audit.checkpoint();
    expect(await rookery.audit.checkpoint()).toEqual(older);
    await rookery.as('ada').memory.set({ key: 'k', value: 'later' });
    const newer = await rookery.audit.checkpoint();
    expect(newer.size).toBeGreaterThan(older.size);
    const { verifierKey, origin } = await rookery.audit.key();
    expect(newer.origin).toBe(origin);
    const { path, oldRoot, root } = await rookery.audit.consistency({ oldSize: older.size });
    expect([oldRoot, root]).toEqual([older.root, newer.root]);
    const growth = { older: older.note, newer: newer.note, path, verifierKey };
    expect(verifyGrowth(growth)).toMatchObject({ valid: true, to: BigInt(newer.size) });
    const backwards = { ...growth, older: newer.note, newer: older.note };
    expect(verifyGrowth(backwards)).toMatchObject({ valid: false });
  });

  it('makes receipts that verify offline, and only for what the asker may see', async () => {
    const rookery = await harness.open();
    const [ada, , cyd] = await busyFleet(rookery);
    const { verifierKey, origin } = await rookery.audit.key();
    const { seq } = await ada!.memory.set({ key: 'k', value: 'mine', level: 'private' });
    const receipt = (await ada!.audit.proof({ seq }))!;
    const { entry, proof } = receipt;
    expect(decodeEntry(entry)).toMatchObject({ seq, actor: 'ada', op: 'memory.set' });
    expect(verifyReceipt({ entry, proof, verifierKey })).toMatchObject({
      ...{ valid: true, index: BigInt(seq - 1), size: BigInt(receipt.size), origin },
    });
    expect(verifyReceipt({ entry: entry.replace('ada', 'bob'), proof, verifierKey }).valid).toBe(false);
    expect(await cyd!.audit.proof({ seq })).toBeNull();
    expect((await rookery.audit.proof({ seq }))?.entry).toBe(entry);
    expect(await ada!.audit.proof({ seq: 100_000 })).toBeNull();
    expect((await ada!.audit.feed()).events.at(-1)).toMatchObject({ actor: 'cyd', decision: 'deny' });
  });

  it('lets an outsider recompute the signed root from an export', async () => {
    const rookery = await harness.open();
    await busyFleet(rookery);
    const { verifierKey } = await rookery.audit.key();
    const { note, size } = await rookery.audit.checkpoint();
    const lines = (await exported(rookery)).map((line) => JSON.stringify(line));
    expect(await verifyExport(lines, note, verifierKey)).toMatchObject({ valid: true, entries: size });
    expect(await verifyExport(lines.slice(1), note, verifierKey)).toMatchObject({ valid: false });
    expect(await verifyExport(lines.slice(0, -1), note, verifierKey)).toMatchObject({ valid: false });
    const swapped = [lines[1]!, lines[0]!, ...lines.slice(2)];
    expect(await verifyExport(swapped, note, verifierKey)).toMatchObject({ valid: false });
    const changed = lines.map((line, i) => (i === 4 ? line.replace('allow', 'deny') : line));
    expect(await verifyExport(changed, note, verifierKey)).toMatchObject({ valid: false });
  });

  const most = harness.engine === 'sqlite' ? 64 : 20;
  it(`proves every entry and every growth of all trees up to ${most} entries [A1]`, async () => {
    const rookery = await harness.open();
    const { memory } = rookery.as('a');
    await Promise.all(Array.from({ length: most }, (_, n) => memory.set({ key: `k${n}`, value: n })));
    const leaves = (await ledgerOf(rookery)).map(({ leaf }) => leaf);
    let proven = 0;
    await rookery.store.engine.read(function* () {
      const roots = [];
      for (let size = 0; size <= most; size++) roots.push(yield* rootAt('default', size));
      for (let size = 1; size <= most; size++) {
        for (let index = 0; index < size; index++) {
          const path = yield* inclusionPath('default', index, size);
          const at = { index: BigInt(index), size: BigInt(size), leaf: leaves[index]!, root: roots[size]! };
          if (verifyInclusion({ ...at, path })) proven++;
          const oldSize = index + 1;
          const grown = yield* consistencyPath('default', oldSize, size);
          const sizes = { oldSize: BigInt(oldSize), size: BigInt(size) };
          if (verifyConsistency({ ...sizes, path: grown, oldRoot: roots[oldSize]!, root: roots[size]! }))
            proven++;
        }
      }
    });
    expect(proven).toBe(most * (most + 1));
  });

  it('proves across kept subtree hashes', async () => {
    const rookery = await harness.open();
    const { memory, audit } = rookery.as('a');
    const entries = (n: number) => Array.from({ length: 200 }, (_, i) => ({ key: `k${n}-${i}`, value: i }));
    for (let n = 0; n < 4; n++) await memory.mset({ entries: entries(n) });
    const { verifierKey } = await audit.key();
    await audit.checkpoint();
    for (const seq of [1, 2, 255, 256, 257, 511, 512, 513, 700, 801]) {
      const { entry, proof } = (await audit.proof({ seq }))!;
      expect(verifyReceipt({ entry, proof, verifierKey }).valid).toBe(true);
    }
    const { path, root, oldRoot } = await audit.consistency({ oldSize: 300, size: 801 });
    const hashes = [...path, root, oldRoot].map((hash) => Buffer.from(hash, 'base64'));
    const [newRoot, olderRoot] = [hashes.at(-2)!, hashes.at(-1)!];
    const growth = { oldSize: 300n, size: 801n, path: hashes.slice(0, -2) };
    expect(verifyConsistency({ ...growth, oldRoot: olderRoot, root: newRoot })).toBe(true);
    expect(await verifyStore(rookery.store)).toMatchObject({ ok: true, findings: [] });
  });

  it('verifies a store in which everything was done', async () => {
    const clock = new ManualClock();
    const rookery = await harness.open({ clock });
    const [ada, bob] = await busyFleet(rookery);
    await ada!.memory.set({ key: 'short', value: 'lived', ttl: 10 });
    await ada!.memory.set({ key: 'k0', value: 'x'.repeat(5000), level: 'private' });
    await ada!.memory.set({ key: 'clear', value: 'y'.repeat(5000) });
    await bob!.memory.incr({ key: 'count' });
    await bob!.memory.incr({ key: 'count' });
    await bob!.memory.delete({ key: 'clear' });
    clock.advance(20_000);
    await bob!.memory.set({ key: 'short', value: 'again', ttl: 10 });
    clock.advance(20_000);
    await rookery.memory.prune();
    await bob!.memory.set({ key: 'clear', value: 'back' });
    await ada!.mail.create({ stream: 'news' });
    await ada!.mail.append({
      stream: 'news',
      events: [
        { type: 'a', data: 1 },
        { type: 'b', data: 2 },
      ],
    });
    await rookery.audit.checkpoint();
    await rookery.as('other', { project: 'elsewhere' }).memory.set({ key: 'k', value: 1 });
    const verified = await verifyStore(rookery.store);
    expect(verified).toMatchObject({ ok: true, findings: [], unsealed: 0 });
    expect(verified.entries).toBe((await exported(rookery)).length + 2);
    expect(verified.records).toBeGreaterThan(25);
    const { note } = await rookery.audit.checkpoint();
    expect(await rookery.audit.verify({ checkpoint: note })).toMatchObject({ ok: true });
  });

  it('verifies while others write', async () => {
    const rookery = await harness.open();
    const { memory } = rookery.as('a');
    const [before, atOnce] = harness.engine === 'pglite' ? [5, 4] : [30, 50];
    const write = async (n: number) => {
      const entries = Array.from({ length: atOnce }, (_, i) => ({ key: `k${(n * 37 + i) % 300}`, value: n }));
      await memory.mset({ entries });
      await memory.delete({ key: `k${n % 300}` });
    };
    for (let n = 0; n < before; n++) await write(n);
    let verifying = true;
    const writes = (async () => {
      for (let n = before; verifying; n++) await write(n);
    })();
    const found = [];
    for (let i = 0; i < 2; i++) found.push(await verifyStore(rookery.store));
    verifying = false;
    await writes;
    expect(found.flatMap(({ findings }) => findings)).toEqual([]);
  });
}
