import { describe, expect, it } from 'vitest';
import { describeVectors, tally } from '../support/vectors.ts';
import { check, checkEach, type Model, type Performed } from './checker.ts';
import { type RegisterAnswer, type RegisterCall, register, text } from './models.ts';
import { etcdHistory, kvHistories, labelled } from './published.ts';

/** A checker that asks nothing of an answer. */
function blind<State, Call, Answer>(model: Model<State, Call, Answer>): Model<State, Call, Answer> {
  return { ...model, step: (state) => state };
}

function etcd(model: typeof register) {
  return tally(labelled('etcd'), {
    name: ({ name }) => name,
    expected: ({ linearizable }) => linearizable,
    judge: ({ name }) => isLinearizable(check(model, etcdHistory(name)).kind),
  });
}

function keyValue(model: typeof text) {
  return tally(labelled('kv'), {
    name: ({ name }) => name,
    expected: ({ linearizable }) => linearizable,
    judge: ({ name }) => isLinearizable(checkEach(model, kvHistories(name)).kind),
  });
}

function isLinearizable(kind: ReturnType<typeof check>['kind']): boolean {
  if (kind === 'timed out') throw new Error('the search did not end');
  return kind === 'linearizable';
}

describeVectors('labelled histories (porcupine)', () => {
  it('judges 102 histories of etcd as published: 23 linearizable, 79 not [C1]', () => {
    expect(etcd(register)).toEqual({ accepted: 23, rejected: 79, wrong: [] });
  });

  it('judges 4 key-value histories as published [C1]', () => {
    expect(keyValue(text)).toEqual({ accepted: 2, rejected: 2, wrong: [] });
  });

  it('a model that accepts everything is wrong about all 81 bad ones', () => {
    const wrong = [...etcd(blind(register)).wrong, ...keyValue(blind(text)).wrong];
    expect(wrong).toHaveLength(81);
  });
});

type Step = Performed<RegisterCall, RegisterAnswer>;

const read = (answer: number | null, calledAt: number, returnedAt: number): Step => ({
  ...{ process: calledAt, call: { f: 'read', value: null }, calledAt },
  outcome: { answer, returnedAt },
});
const write = (value: number, calledAt: number, returnedAt?: number): Step => ({
  ...{ process: calledAt, call: { f: 'write', value }, calledAt },
  outcome: returnedAt === undefined ? undefined : { answer: null, returnedAt },
});

describe('the checker', () => {
  it('lets operations that overlap take effect in either order, and others in theirs alone', () => {
    expect(check(register, [write(1, 0, 10), write(2, 5, 15), read(1, 20, 30)]).kind).toBe('linearizable');
    const stale = [write(1, 0, 10), write(2, 11, 15), read(1, 20, 30)];
    expect(check(register, stale)).toEqual({ kind: 'violation', explained: stale.slice(0, 2) });
  });

  it('lets what nobody knows the outcome of take effect at any later time, or never, and once', () => {
    const lost = write(1, 5);
    expect(check(register, [lost, read(null, 10, 20)]).kind).toBe('linearizable');
    expect(check(register, [lost, read(null, 10, 20), read(1, 30, 40)]).kind).toBe('linearizable');
    expect(check(register, [lost, read(1, 1, 4)]).kind).toBe('violation');
    const again = [lost, read(1, 10, 20), write(2, 21, 22), read(1, 30, 40)];
    expect(check(register, again).kind).toBe('violation');
  });

  it('says so when its time is over, and does not call that a pass', () => {
    const writes = Array.from({ length: 40 }, (_, i) => write(i, i, 1000));
    expect(check(register, [...writes, read(-1, 2000, 2001)], 0)).toEqual({ kind: 'timed out' });
  });
});
