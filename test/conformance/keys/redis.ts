import { expect, it } from 'vitest';
import { openRookery } from '../../../src/rookery.ts';
import type { RedisServer } from '../../engines/redis.ts';
import { temporaryFolder } from '../../support/processes.ts';
import { dumpOf } from '../../support/redis.ts';
import { select } from '../../support/statements.ts';

export function redisCases(server: () => RedisServer): void {
  it('takes what is erased out of Redis too, and calls the receipt final after that [A8]', async () => {
    const client = server().client();
    await client.flushall();
    const path = temporaryFolder();
    await using rookery = await openRookery({ path, redis: server().url, dualWrite: true });
    const ada = rookery.as('ada');
    for (let n = 0; n < 3; n++) await ada.memory.set({ key: `diary-${n}`, value: n, level: 'private' });
    await ada.memory.set({ key: 'notes', value: 'shared' });
    const hot = async () =>
      [...(await dumpOf(client)).keys()].filter((key) => key.startsWith('rookery:default:memory:'));
    expect(await hot()).toHaveLength(4);
    const receipt = await rookery.keys.erase({ agent: 'ada', waitMs: 30_000 });
    expect(receipt).toMatchObject({ state: 'done', records: { memory: 3 } });
    expect(receipt!.remains.join()).toContain('Redis');
    expect(await hot()).toEqual(['rookery:default:memory:project:default/notes']);
    expect(
      await select(rookery, "SELECT subjects FROM relay_subjects WHERE subjects LIKE '%private:ada%'"),
    ).toEqual([]);
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await server().kill();
    await ada.memory.set({ key: 'diary-4', value: 4, level: 'private' });
    expect(await rookery.keys.erase({ agent: 'ada', waitMs: 200 })).toMatchObject({ state: 'pending' });
    await server().restart();
    const { erasures } = await rookery.keys.status({ waitMs: 30_000 });
    expect(erasures.map(({ state }) => state)).toEqual(['done', 'done']);
  });
}
