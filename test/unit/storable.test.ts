import { expect, it } from 'vitest';
import { change, statement } from '../../src/kernel/work.ts';
import { openRookery } from '../../src/rookery.ts';

/** JavaScript reads no whole number back that is larger: one such row, and no list that it stands in is readable. */
const most = Number.MAX_SAFE_INTEGER;

it('stores no number that it could not read back', async () => {
  await using rookery = await openRookery({ path: ':memory:' });
  const { coordinators, tasks } = rookery.as('a');
  await expect(tasks.create({ title: 't', readyAt: most })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: { field: 'readyAt' },
  });
  const heartbeat = { id: 'c', sequence: most };
  await expect(coordinators.heartbeat(heartbeat)).rejects.toMatchObject({ details: { field: 'sequence' } });
  await coordinators.heartbeat({ ...heartbeat, sequence: 1_000_000_000_000_000 });
  await coordinators.heartbeat({ id: 'c' });
  expect((await coordinators.list()).coordinators).toMatchObject([{ sequence: 1_000_000_000_000_001 }]);
  const raise = statement('UPDATE coordinators SET sequence = $1');
  for (const number of [most + 1, -most - 1])
    await expect(rookery.store.engine.transact(() => change(raise, [number]))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  expect((await tasks.list()).tasks).toEqual([]);
  expect(await rookery.audit.verify()).toMatchObject({ ok: true });
});

it('keeps no text with a NUL character, which Postgres would refuse', async () => {
  await using rookery = await openRookery({ path: ':memory:' });
  const { tasks, artifacts } = rookery.as('a');
  const artifact = { name: 'a', type: 'code', path: 'src/\0.ts' } as const;
  await expect(artifacts.add(artifact)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: { field: 'path' },
  });
  expect((await artifacts.list()).artifacts).toEqual([]);
  await tasks.create({ id: 't', title: 't', payload: 'in \0 JSON' });
  expect((await tasks.get({ task: 't' }))?.payload).toBe('in \0 JSON');
  expect(await rookery.audit.verify()).toMatchObject({ ok: true });
});
