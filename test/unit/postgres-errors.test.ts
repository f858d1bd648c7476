import { describe, expect, it } from 'vitest';
import {
  ConnectionLost,
  cannotConnect,
  endsSession,
  isServerFailure,
  startsOver,
  translate,
} from '../../src/kernel/engines/postgres/errors.ts';
import { isRookeryError } from '../../src/kernel/errors.ts';

const failure = (code: string, severity = 'ERROR') =>
  Object.assign(new Error('as the server says'), { code, severity });

describe('failures of a Postgres server', () => {
  it.each([
    ['40001', 'BUSY'],
    ['40P01', 'BUSY'],
    ['55P03', 'BUSY'],
    ['57014', 'TIMEOUT'],
    ['53100', 'STORAGE_FULL'],
    ['53300', 'UNAVAILABLE'],
    ['57P03', 'UNAVAILABLE'],
    ['25006', 'UNAVAILABLE'],
    ['28P01', 'STORAGE_FAILED'],
    ['3D000', 'STORAGE_FAILED'],
    ['58030', 'STORAGE_FAILED'],
    ['XX001', 'STORAGE_FAILED'],
    ['42P07', 'STORE_INCOMPATIBLE'],
    ['22021', 'INVALID_INPUT'],
    ['54000', 'TOO_LARGE'],
  ])('%s is %s', (state, code) => {
    const error = translate(failure(state));
    expect(error).toMatchObject({ code, details: { sqlState: state } });
    expect(isRookeryError(error)).toBe(true);
  });

  it('passes on what is no such failure, and what would be a defect of ours', () => {
    for (const error of [
      new Error('x'),
      failure('42601'),
      Object.assign(new Error('x'), { code: 'EPIPE' }),
    ]) {
      expect(translate(error)).toBe(error);
    }
    expect(isServerFailure(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))).toBe(false);
  });

  it('starts over where the server gave up or the session ended, and nowhere else', () => {
    for (const error of [failure('40001'), failure('40P01'), new ConnectionLost(undefined)]) {
      expect(startsOver(error)).toBe(true);
    }
    for (const error of [failure('23505'), failure('53100'), new Error('x')])
      expect(startsOver(error)).toBe(false);
    expect(endsSession(failure('57P01', 'FATAL'))).toBe(true);
    expect(endsSession(failure('25P03', 'FATAL'))).toBe(true);
    expect(endsSession(failure('23505'))).toBe(false);
  });

  it('is unavailable without a connection, whatever the reason', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    for (const error of [refused, new AggregateError([refused, refused]), new ConnectionLost(refused)]) {
      expect(cannotConnect(error)).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    }
  });
});
