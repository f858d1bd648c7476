import { expect, it } from 'vitest';
import { migrations } from '../../src/kernel/migrations/index.ts';
import type { Harness } from '../engines/index.ts';
import { execute, select } from '../support/statements.ts';

/** What opening a store promises about its schema, on any engine. */
export function migrationSuite(harness: Harness): void {
  it('makes every step once, in order, when several open a new store at once', async () => {
    const stores = await Promise.all([
      harness.openFirst(),
      harness.again(),
      harness.again(),
      harness.again(),
    ]);
    const steps = await select(
      stores[0],
      'SELECT number, name, breaking FROM schema_migrations ORDER BY number',
    );
    expect(steps).toEqual(
      migrations.map(({ number, name, breaking }) => ({ number, name, breaking: breaking ? 1 : 0 })),
    );
    expect(steps.map((_, i) => migrations[i]!.number)).toEqual(migrations.map((_, i) => i + 1));
    await Promise.all(stores.map((store, i) => store.memory.set({ key: `k${i}`, value: i })));
    expect((await stores[0].memory.keys()).keys).toHaveLength(4);
  });

  it('changes nothing when it opens a store that is up to date', async () => {
    const rookery = await harness.open();
    const look = () => select(rookery, 'SELECT * FROM schema_migrations ORDER BY number');
    const before = await look();
    await harness.again();
    expect(await look()).toEqual(before);
  });

  it('refuses a store that a newer program changed in a way this one cannot follow', async () => {
    const rookery = await harness.open();
    await rookery.memory.set({ key: 'k', value: 1 });
    await step(rookery, 1);
    await expect(harness.again()).rejects.toMatchObject({
      code: 'STORE_INCOMPATIBLE',
      details: { step: 9999, name: 'later' },
    });
    expect((await rookery.memory.get({ key: 'k' }))?.value).toBe(1);
  });

  it('refuses a store whose step of the same number is another one', async () => {
    const rookery = await harness.open();
    await execute(rookery, "UPDATE schema_migrations SET name = 'other' WHERE number = 2");
    await expect(harness.again()).rejects.toMatchObject({ code: 'STORE_INCOMPATIBLE', details: { step: 2 } });
  });

  it('accepts a newer step that does not concern it', async () => {
    const rookery = await harness.open();
    await step(rookery, 0);
    const again = await harness.again();
    expect((await again.memory.set({ key: 'k', value: 1 })).revision).toBe(1);
  });

  it('refuses another root key before it writes anything', async () => {
    const rookery = await harness.open();
    const look = () => select(rookery, 'SELECT name, value FROM store ORDER BY name');
    const before = await look();
    await expect(harness.again({ masterKey: Buffer.alloc(32, 1) })).rejects.toMatchObject({
      code: 'WRONG_KEY',
    });
    expect(await look()).toEqual(before);
  });
}

function step(rookery: Parameters<typeof execute>[0], breaking: 0 | 1): Promise<number> {
  return execute(
    rookery,
    'INSERT INTO schema_migrations (number, name, breaking, applied_at) VALUES ($1, $2, $3, $4)',
    ...[9999, 'later', breaking, '2030-01-01T00:00:00.000Z'],
  );
}
