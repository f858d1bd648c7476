import fc from 'fast-check';
import { expect, it } from 'vitest';
import { levels } from '../../../src/kernel/access/model.ts';
import { canonicalJson } from '../../../src/kernel/json.ts';
import { type Change, decodeEntry, encodeEntry, risks } from '../../../src/kernel/ledger/entry.ts';

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const natural = fc.nat({ max: Number.MAX_SAFE_INTEGER });

const change: fc.Arbitrary<Change> = fc.record({
  operation: text,
  resource: text,
  level: fc.constantFrom(...levels),
  scope: text,
  actor: text,
  via: maybe(text),
  token: maybe(text),
  request: maybe(text),
  decision: fc.constantFrom('allow', 'deny'),
  risk: fc.constantFrom(...risks),
  revision: maybe(fc.tuple(natural, natural)),
  commitment: maybe(text),
  facts: maybe(fc.dictionary(fc.stringMatching(/^[a-zA-Z]{1,8}$/), natural, { maxKeys: 5 })),
});
const place = fc.record({ log: text, seq: natural, time: natural, unit: natural });

it('writes every entry in its canonical form', () => {
  fc.assert(
    fc.property(place, change, (at, entry) => {
      const encoded = encodeEntry(at, entry);
      expect(encoded).toBe(canonicalJson(JSON.parse(encoded)));
    }),
    { numRuns: 500 },
  );
});

it('would notice members out of order [sabotage]', () => {
  const encoded = encodeEntry(
    { log: 'p', seq: 1, time: 1, unit: 1 },
    {
      operation: 'memory.set',
      resource: 'memory/x',
      level: 'project',
      scope: 'project',
      actor: 'a',
      decision: 'allow',
      risk: 'low',
    },
  );
  const { actor, ...rest } = JSON.parse(encoded);
  expect(JSON.stringify({ ...rest, actor })).not.toBe(canonicalJson(JSON.parse(encoded)));
});

it('names the first entry of an operation on all but itself', () => {
  const change: Change = {
    ...{ operation: 'memory.mset', resource: 'memory/x', level: 'project', scope: 'project' },
    ...{ actor: 'a', decision: 'allow', risk: 'low' },
  };
  const at = (seq: number) => decodeEntry(encodeEntry({ log: 'p', seq, time: 1, unit: 5 }, change));
  expect(at(5).unit).toBeUndefined();
  expect(at(6).unit).toBe(5);
});

it('refuses entries of a version it does not know', () => {
  expect(() => decodeEntry('{"v":2}')).toThrow('unknown version 2');
});
