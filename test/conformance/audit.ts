import { expect, it } from 'vitest';
import { verifyExport, verifyGrowth, verifyReceipt } from '../../src/doors/verify/index.ts';
import { decodeEntry } from '../../src/kernel/ledger/entry.ts';
import { verifyConsistency, verifyInclusion } from '../../src/kernel/ledger/proof.ts';
import { consistencyPath, inclusionPath, rootAt } from '../../src/kernel/ledger/stored.ts';
import { leafHash } from '../../src/kernel/ledger/tree.ts';
import { verifyStore } from '../../src/kernel/ledger/verify-store.ts';
import type { Harness } from '../engines/index.ts';
import { ManualClock } from '../support/clock.ts';
import { ledgerOf } from '../support/statements.ts';
import { feedSuite } from './audit/feed.ts';
import { busyFleet, exported } from './audit/fleet.ts';

/** The contract of ledger, receipts and change feed, on any engine. */
export function auditSuite(harness: Harness): void {
  feedSuite(harness);

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
