import { expect, it } from 'vitest';
import { operations } from '../../src/operations.ts';

it('takes a cursor that is a number as it was answered, and nothing else', () => {
  const { fleet, loop, messages, missions, signals, sorties } = operations;
  const lists = [
    fleet.handoffs.input,
    fleet.lifecycle.input.partial({ agent: true }),
    loop.confidences.input.partial({ phase: true }),
    messages.list.input,
    missions.list.input,
    missions.stalled.input,
    signals.list.input,
    sorties.list.input,
  ];
  for (const input of lists) {
    for (const cursor of ['', '12']) expect(input.safeParse({ cursor }).success).toBe(true);
    for (const cursor of ['abc', '-1', '1.5', '1e9', ' ', '9'.repeat(16)])
      expect(input.safeParse({ cursor }).error?.issues[0]?.path).toEqual(['cursor']);
  }
});
