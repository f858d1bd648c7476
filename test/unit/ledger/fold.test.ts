import { expect, it } from 'vitest';
import type { Entry } from '../../../src/kernel/ledger/entry.ts';
import { Fold } from '../../../src/kernel/ledger/fold.ts';

function entry(seq: number, facts?: Record<string, number>, more: Partial<Entry> = {}): Entry {
  return {
    ...{ actor: 'a', decision: 'allow', level: 'project', log: 'p', op: 'memory.set', risk: 'low', v: 1 },
    ...{ resource: 'memory/x', revision: [seq - 1, seq], scope: 'project', seq, time: 100 * seq },
    ...(facts && { facts }),
    ...more,
  };
}

function folded(...entries: Entry[]) {
  const fold = new Fold();
  for (const each of entries) fold.see(each);
  return fold;
}

it('keeps the last change and the one that made the thing', () => {
  const fold = folded(entry(1), entry(2), entry(3));
  expect(fold.meet('memory/x')).toEqual({ seq: 3, bornSeq: 1, deleted: false });
});

it('lets a thing be made again after deletion and after its time', () => {
  expect(folded(entry(1), entry(2, { deleted: 1 }), entry(3)).meet('memory/x')?.bornSeq).toBe(3);
  expect(folded(entry(1, { expiresAt: 150 }), entry(2)).meet('memory/x')?.bornSeq).toBe(2);
  expect(folded(entry(1, { expiresAt: 250 }), entry(2)).meet('memory/x')?.bornSeq).toBe(1);
  const pruned = folded(entry(1, { expiresAt: 150 }), entry(2, { deleted: 1 })).meet('memory/x');
  expect(pruned).toEqual({ seq: 2, bornSeq: 1, deleted: true });
});

it('passes over reads and denials', () => {
  const { revision: _, ...read } = entry(2, { reads: 3 });
  expect(folded(entry(1), read, entry(3, {}, { decision: 'deny' })).meet('memory/x')?.seq).toBe(1);
});

it('holds more than it had room for, and knows what was never met', () => {
  const fold = folded(
    ...Array.from({ length: 3000 }, (_, i) => entry(i + 1, undefined, { resource: `memory/${i}` })),
  );
  expect(fold.meet('memory/2999')?.seq).toBe(3000);
  fold.forget('memory/0');
  expect([...fold.unmet()]).toHaveLength(2998);
});
