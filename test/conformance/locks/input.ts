import { expect, it } from 'vitest';
import type { View } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { errorOf } from '../../support/ledger.ts';
import { entriesOf } from '../../support/statements.ts';

type Input = Record<string, unknown>;

const acquisitions: [field: string, input: Input][] = [
  ['paths', {}],
  ['paths', { paths: [] }],
  ['paths', { paths: 'x' }],
  ['paths.1', { paths: ['x', 5] }],
  ['paths.0', { paths: [{ path: 'x', mode: 'both' }] }],
  ['paths', { paths: Array.from({ length: 1001 }, (_, i) => `f${i}`) }],
  ['paths', { paths: Array.from({ length: 999 }, (_, i) => `f${i}`), names: ['a', 'b'] }],
  ['path', { path: '' }],
  ['path', { path: '../x' }],
  ['path', { path: 'a/../../x' }],
  ['path', { path: 'a\u0000b' }],
  ['path', { path: 'x'.repeat(1025) }],
  ['path', { path: 'x. ' }],
  ['paths.1', { paths: ['x', '.'] }],
  ['patterns.0', { patterns: ['[]'] }],
  ['patterns.0', { patterns: ['a{b'] }],
  ['patterns.1', { patterns: ['a', 'a/../b'] }],
  ['names.0', { names: [''] }],
  ['names.0', { names: ['x'.repeat(513)] }],
  ['mode', { path: 'x', mode: 'any' }],
  ['ttlMs', { path: 'x', ttlMs: -5 }],
  ['ttlMs', { path: 'x', ttlMs: 0.5 }],
  ['ttlMs', { path: 'x', ttlMs: 86_400_001 }],
  ['ttlMs', { path: 'x', ttlMs: '30000' }],
  ['waitMs', { path: 'x', waitMs: -1 }],
  ['waitMs', { path: 'x', waitMs: 600_001 }],
  ['urgency', { path: 'x', urgency: 10 }],
  ['urgency', { path: 'x', urgency: -1 }],
  ['purpose', { path: 'x', purpose: 'own' }],
  ['purpose', { path: 'x', purpose: 'read', mode: 'exclusive' }],
  ['purpose', { path: 'x', purpose: 'edit', mode: 'shared' }],
  ['checksum', { path: 'x', checksum: 'c'.repeat(513) }],
  ['metadata', { path: 'x', metadata: 'text' }],
  ['metadata', { path: 'x', metadata: { a: 'x'.repeat(70_000) } }],
  ['metadata', { path: 'x', metadata: { a: Number.NaN } }],
  ['onDeadlock', { path: 'x', onDeadlock: 'ignore' }],
  ['holder', { path: 'x', holder: 'somebody' }],
];

const others: [
  verb: 'renew' | 'release' | 'forceRelease' | 'check' | 'get' | 'cancel',
  field: string,
  input: Input,
][] = [
  ['renew', 'lease', {}],
  ['renew', 'lease', { lease: 5 }],
  ['renew', 'token', { lease: 'l', token: 1.5 }],
  ['renew', 'ttlMs', { lease: 'l', ttlMs: -1 }],
  ['release', 'lease', { lease: '' }],
  ['release', 'holder', { lease: 'l', holder: 'a' }],
  ['forceRelease', 'reason', { lease: 'l' }],
  ['check', 'token', { lease: 'l' }],
  ['get', 'id', {}],
  ['cancel', 'waiter', {}],
];

/** Bad input is refused by name, before anything is written. */
export function inputSuite(harness: Harness): void {
  it('refuses each bad field of an acquire by its name, and writes nothing', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    for (const [field, input] of acquisitions) {
      const error = await errorOf(a.locks.acquire(input as never));
      expect([error.code, error.details['field']], JSON.stringify(input).slice(0, 80)).toEqual([
        expect.stringMatching(/INVALID_INPUT|TOO_LARGE/),
        field,
      ]);
    }
    expect((await entriesOf(rookery)).filter(({ op }) => op.startsWith('locks.'))).toEqual([]);
    expect((await a.locks.list({ status: 'all' })).locks).toEqual([]);
  });

  it('refuses each bad field of the other operations by its name', async () => {
    const rookery = await harness.open();
    for (const [verb, field, input] of others) {
      const operation = rookery.locks[verb] as View['locks']['get'];
      const error = await errorOf(operation(input as never));
      expect([error.code, error.details['field']], `${verb} ${JSON.stringify(input)}`).toEqual([
        'INVALID_INPUT',
        field,
      ]);
    }
  });

  it('refuses a pattern over the limits, which is not the same as "no conflict" [GL-x5]', async () => {
    const a = (await harness.open()).as('a');
    const error = await errorOf(a.locks.acquire({ patterns: ['{a,b}'.repeat(7)] }));
    expect(error.code).toBe('PATTERN_TOO_COMPLEX');
    expect(error.details['field']).toBe('patterns.0');
  });
}
