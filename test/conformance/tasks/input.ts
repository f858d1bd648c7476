import { expect, it } from 'vitest';
import type { Harness } from '../../engines/index.ts';
import { entriesOf } from '../../support/statements.ts';

type Input = Record<string, unknown>;

const creations: [field: string, input: Input][] = [
  ['title', {}],
  ['title', { title: '' }],
  ['title', { title: 'a\nb' }],
  ['id', { title: 't', id: '..' }],
  ['priority', { title: 't', priority: 0 }],
  ['priority', { title: 't', priority: 11 }],
  ['priority', { title: 't', priority: 1.5 }],
  ['dependsOn.0.task', { title: 't', dependsOn: [{}] }],
  ['dependsOn.0.onFailure', { title: 't', dependsOn: [{ task: 'x', onFailure: 'retry' }] }],
  ['dependsOn', { title: 't', dependsOn: [{ task: 'x' }, { task: 'x' }] }],
  ['maxAttempts', { title: 't', maxAttempts: 0 }],
  ['maxAttempts', { title: 't', maxAttempts: 101 }],
  ['backoffMs', { title: 't', backoffMs: -1 }],
  ['timeLimitMs', { title: 't', timeLimitMs: 0 }],
  ['readyAt', { title: 't', readyAt: -1 }],
  ['payload', { title: 't', payload: Number.NaN }],
  ['metadata', { title: 't', metadata: [] }],
  ['level', { title: 't', level: 'all' }],
  ['audience', { title: 't', audience: 'red' }],
  ['capabilities.0', { title: 't', capabilities: [''] }],
  ['agent', { title: 't', agent: 'mallory' }],
];

const others: [verb: 'claim' | 'fail' | 'progress' | 'complete' | 'update', field: string, input: Input][] = [
  ['claim', 'leaseMs', { leaseMs: 0 }],
  ['claim', 'types.0', { types: [''] }],
  ['claim', 'waitMs', { waitMs: 600_001 }],
  ['fail', 'error', { task: 'x', token: 1 }],
  ['fail', 'token', { task: 'x', error: 'e' }],
  ['progress', 'percent', { task: 'x', token: 1, percent: 101 }],
  ['complete', 'artifacts.0.sha256', { task: 'x', token: 1, artifacts: [{ name: 'n', sha256: 'ff' }] }],
  ['complete', 'artifacts.0.type', { task: 'x', token: 1, artifacts: [{ name: 'n', type: 'poem' }] }],
  ['update', 'priority', { task: 'x', priority: 0 }],
];

export function taskInputSuite(harness: Harness): void {
  it('names the field that does not fit, and writes nothing', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    await a.tasks.create({ id: 'x', title: 'x' });
    const before = (await entriesOf(rookery)).length;
    for (const [field, input] of creations) {
      const refused = { code: 'INVALID_INPUT', details: { field } };
      await expect(a.tasks.create(input as never), JSON.stringify(input)).rejects.toMatchObject(refused);
    }
    for (const [verb, field, input] of others) {
      const call = a.tasks[verb](input as never);
      await expect(call, `${verb} ${JSON.stringify(input)}`).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        details: { field },
      });
    }
    const large = { title: 't', metadata: { a: 'x'.repeat(70_000) } };
    await expect(a.tasks.create(large)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    const missing = { title: 't', dependsOn: [{ task: 'none' }] };
    await expect(a.tasks.create(missing)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(a.tasks.createMany({ tasks: [{ title: 'fits' }, missing] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(
      a.tasks.createMany({
        tasks: [
          { id: 'y', title: 'y' },
          { id: 'y', title: 'y' },
        ],
      }),
    ).rejects.toMatchObject({ details: { field: 'tasks.1.id' } });
    await expect(a.tasks.create({ id: 'x', title: 'again' })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
    await expect(a.tasks.update({ task: 'x', title: 'y', expectedRevision: 2 })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
      details: { expected: 2, actual: 1 },
    });
    expect((await entriesOf(rookery)).length).toBe(before);
    expect((await a.tasks.list()).tasks).toHaveLength(1);
    expect(await a.tasks.update({ task: 'x', title: 'y', expectedRevision: 1 })).toMatchObject({
      revision: 2,
      title: 'y',
    });
    // The same request twice is one task.
    const once = await a.tasks.create({ title: 'once' }, { idempotencyKey: 'k' });
    expect(await a.tasks.create({ title: 'once' }, { idempotencyKey: 'k' })).toEqual(once);
  });
}
