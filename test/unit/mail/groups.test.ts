import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backoffMs,
  deliveryIdFor,
  extendedDue,
  isExhausted,
  judge,
  positionOf,
  type Standing,
} from '../../../src/domains/mail/groups/model.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { SeededRandom } from '../../support/random.ts';

describe('the rest of a refused event', () => {
  it('is never nothing, never shrinks and is bounded [GR-x3]', () => {
    const rests = Array.from({ length: 100 }, (_, i) => backoffMs(i + 1));
    expect(rests.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
    expect(rests).toEqual(rests.toSorted((a, b) => a - b));
    expect(rests.at(-1)).toBe(300_000);
  });
});

describe('the verdict on a delivery', () => {
  const standing: Standing = { state: 'inflight', delivery_id: 'd', consumer: 'a', attempt: 1, due_at: 100 };
  const claim = { deliveryId: 'd', position: 3, consumer: 'a', now: 99, next: 4 };

  it('is current for its receiver until the deadline', () => {
    expect(judge(standing, claim)).toBe('current');
  });

  it.each<[string, Standing, Partial<typeof claim>]>([
    ['at its deadline, taken up by another or not', standing, { now: 100 }],
    ['of somebody else', standing, { consumer: 'b' }],
    ['that was followed by another one', standing, { deliveryId: 'earlier' }],
    ['that was given back', { ...standing, state: 'ready', delivery_id: '' }, {}],
    ['of what is dead', { ...standing, state: 'dead' }, {}],
  ])('is fenced for one %s [GR2, GR-x1]', (_, row, change) => {
    expect(judge(row, { ...claim, ...change })).toBe('fenced');
  });

  it('tells one that was settled from one that never was', () => {
    expect(judge(undefined, claim)).toBe('fenced');
    expect(judge(undefined, { ...claim, position: 4 })).toBe('unknown');
  });
});

it('keeps no delivery alive beyond what the group allows [GR-x8]', () => {
  const time = fc.integer({ min: 0, max: 10_000 });
  fc.assert(
    fc.property(time, time, time, time, (delivered, past, by, hold) => {
      const now = delivered + past;
      const due = extendedDue(now, by, delivered, hold);
      expect(due).toBeLessThanOrEqual(delivered + hold);
      expect(due).toBeLessThanOrEqual(now + by);
      expect([delivered + hold, now + by]).toContain(due);
    }),
  );
});

it('counts a delivery as the last when its number is the most there may be [GR4]', () => {
  expect([4, 5, 6].map((attempt) => isExhausted({ attempt }, 5))).toEqual([false, true, true]);
});

describe('a delivery id', () => {
  it('names its position', () => {
    const random = new SeededRandom('ids');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 49 }), fc.nat(), (position, now) => {
        expect(positionOf(deliveryIdFor(newId('dlv', now, random), position))).toBe(position);
      }),
    );
  });

  it.each([
    '',
    'dlv_',
    'dlv_x_1',
    `dlv_${'a'.repeat(36)}_`,
    `dlv_${'a'.repeat(36)}_1e3`,
    `evt_${'a'.repeat(36)}_1`,
  ])('is nothing else: %j', (text) => {
    expect(positionOf(text)).toBeUndefined();
  });
});
