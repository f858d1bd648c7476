import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Content, contentText } from '../../../src/domains/mail/events.ts';
import {
  assertHead,
  assertIncarnation,
  assertWithin,
  decideMove,
  inboxOf,
  inboxOwner,
} from '../../../src/domains/mail/model.ts';

describe('a cursor', () => {
  const position = fc.integer({ min: 0, max: 20 });

  it('goes forward, back only by a reset, and never beyond the head [CU1, CU2]', () => {
    fc.assert(
      fc.property(
        fc.record({
          current: fc.option(position, { nil: undefined }),
          head: fc.option(position, { nil: undefined }),
          position,
          expected: fc.option(position, { nil: undefined }),
          reset: fc.boolean(),
        }),
        (move) => {
          const from = move.current ?? 0;
          const ahead = move.head !== undefined && move.position > move.head;
          const elsewhere = move.expected !== undefined && move.expected !== from;
          if (ahead || elsewhere) {
            expect(() => decideMove(move)).toThrow(
              expect.objectContaining({ code: ahead ? 'CURSOR_AHEAD' : 'REVISION_CONFLICT' }),
            );
            return;
          }
          const moves =
            move.current === undefined || move.position > from || (move.reset && move.position < from);
          expect(decideMove(move)).toBe(moves ? 'move' : 'keep');
        },
      ),
    );
  });
});

describe('a position', () => {
  it('is refused beyond the head, naming the head', () => {
    expect(() => assertWithin(4, 3)).toThrow(
      expect.objectContaining({ code: 'CURSOR_AHEAD', details: { position: 4, head: 3 } }),
    );
    expect(() => assertWithin(3, 3)).not.toThrow();
  });

  it('is refused in a stream that came back after deletion [ST-x8]', () => {
    expect(() => assertIncarnation(7, 9)).toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }));
    expect(() => assertIncarnation(7, 7)).not.toThrow();
    expect(() => assertIncarnation(undefined, 9)).not.toThrow();
  });
});

it('tells the actual head to an appender who expected another [ST4]', () => {
  expect(() => assertHead(2, 5)).toThrow(
    expect.objectContaining({
      code: 'REVISION_CONFLICT',
      details: { field: 'expectedHead', expected: 2, actual: 5 },
    }),
  );
});

it('knows an inbox by its name, whatever the agent is called', () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), (agent) => inboxOwner(inboxOf(agent)) === agent));
  expect(inboxOwner('plans')).toBeUndefined();
  expect(inboxOwner('my/inbox/of/things')).toBeUndefined();
});

describe('the text that a ledger entry commits to', () => {
  const json = fc.json().map((text) => JSON.stringify(JSON.parse(text)));
  const nullable = fc.option(fc.string(), { nil: null });
  const content: fc.Arbitrary<Content> = fc.record({
    id: fc.string(),
    type: fc.string(),
    data: json,
    causationId: nullable,
    correlationId: nullable,
    metadata: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
    occurredAt: fc.string(),
  });

  it('is JSON that says all of each event', () => {
    fc.assert(
      fc.property(fc.array(content, { maxLength: 4 }), (events) => {
        const told = events.map((event) => [
          event.id,
          event.type,
          event.causationId,
          event.correlationId,
          JSON.parse(event.data),
          JSON.parse(event.metadata),
          event.occurredAt,
        ]);
        expect(JSON.parse(contentText(events))).toEqual(JSON.parse(JSON.stringify(told)));
      }),
    );
  });

  it('is another one when anything of any event is another', () => {
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 1, maxLength: 3 }),
        content,
        fc.nat(2),
        (events, other, at) => {
          const i = at % events.length;
          const changed = events.with(i, other);
          const same = JSON.stringify(events[i]) === JSON.stringify(other);
          expect(contentText(changed) === contentText(events)).toBe(same);
        },
      ),
    );
  });
});
