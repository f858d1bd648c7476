import { expect, it } from 'vitest';
import { levels } from '../../src/kernel/access/model.ts';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { everything } from '../support/disk-contents.ts';
import { execute, select } from '../support/statements.ts';

interface Row {
  readonly key: string;
  readonly value: string | null;
  readonly sealed: Uint8Array | null;
}

const rowsOf = (rookery: Rookery, table = 'memory') =>
  select<Row>(rookery, `SELECT key, value, sealed FROM ${table} ORDER BY key`);

const secret = 'a-secret-that-must-not-be-found';
const inHex = Buffer.from(secret).toString('hex');

/** What lies on disk: encryption at rest, and what happens to who tampers with it. */
export function memorySecrecySuite(harness: Harness): void {
  it('leaves no plaintext of private, team and system values anywhere', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'owner', team: 'red', system: true });
    const owner = rookery.as('owner');
    for (const level of ['private', 'team', 'system'] as const) {
      await owner.memory.set({ key: level, value: { secret }, level }, { idempotencyKey: level });
      await owner.memory.set({ key: level, value: [secret, 'x'.repeat(5000)], level });
      await owner.memory.append({ key: `${level}-text`, text: secret, level });
    }
    for (const table of ['memory', 'memory_history']) {
      const rows = await rowsOf(rookery, table);
      expect(rows.length).toBeGreaterThanOrEqual(3);
      for (const { value, sealed } of rows) {
        expect(value).toBeNull();
        expect(sealed?.length).toBeGreaterThan(20);
      }
    }
    const disk = await everything(rookery, harness.engine);
    expect(disk.includes(secret)).toBe(false);
    expect(disk.includes(inHex)).toBe(false);
    // The search does find what is in clear.
    await owner.memory.set({ key: 'open', value: secret });
    expect((await everything(rookery, harness.engine)).includes(secret)).toBe(true);
  });

  it('encrypts swarm and project values on request, and they stay so when they change', async () => {
    const { memory, ...rookery } = await harness.open();
    for (const level of ['swarm', 'project'] as const) {
      const key = `k-${level}`;
      await memory.set({ key, value: 1, level, encrypt: true });
      await memory.incr({ key, level });
      await memory.expire({ key, level, ttl: 60 });
      expect((await memory.get({ key }))?.value).toBe(2);
    }
    await memory.set({ key: 't', value: 'x', encrypt: true });
    await memory.append({ key: 't', text: secret });
    for (const { value } of await rowsOf(rookery as Rookery)) expect(value).toBeNull();
    expect((await everything(rookery as Rookery, harness.engine)).includes(secret)).toBe(false);
    await memory.set({ key: 't', value: 'open' });
    expect((await rowsOf(rookery as Rookery)).find(({ key }) => key === 't')?.value).toBe('"open"');
  });

  it('compresses large values, which does not encrypt them', async () => {
    const rookery = await harness.open();
    const value = { text: 'again and '.repeat(1000) };
    await rookery.memory.set({ key: 'k', value });
    const [before] = await rowsOf(rookery);
    expect(before).toMatchObject({ value: null });
    expect(before!.sealed!.length).toBeLessThan(500);
    await rookery.memory.expire({ key: 'k', ttl: 60 });
    const [after] = await rowsOf(rookery);
    // A clear envelope is the same each time; an encrypted one never is.
    expect(after!.sealed).toEqual(before!.sealed);
    expect((await rookery.memory.get({ key: 'k' }))?.value).toEqual(value);
  });

  it('always encrypts the closed levels', async () => {
    const rookery = await harness.open();
    await rookery.fleet.register({ id: 'owner', system: true });
    const owner = rookery.as('owner');
    for (const level of levels) {
      const written = owner.memory.set({ key: 'k', value: 1, level, encrypt: false });
      if (level === 'swarm' || level === 'project') await written;
      else
        await expect(written).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'encrypt' } });
    }
  });

  it('refuses a sealed value that was moved or changed by SQL', async () => {
    const rookery = await harness.open();
    const a = rookery.as('a');
    const changes: Record<string, string> = {
      'moved to another key': "key = 'other'",
      'given to another agent': "scope = 'private:b', owner = 'b'",
      'lowered to the project': "scope = 'project', level = 'project'",
      'given another revision': 'revision = 7',
      'put in another namespace': "namespace = 'elsewhere'",
      'put in place of a newer one':
        'sealed = (SELECT h.sealed FROM memory_history h WHERE h.key = memory.key)',
    };
    for (const [change, assignment] of Object.entries(changes)) {
      const key = change.replaceAll(' ', '-');
      await a.memory.set({ key, value: 1, level: 'private' });
      await a.memory.set({ key, value: 2, level: 'private' });
      expect((await a.memory.get({ key }))?.value).toBe(2);
      await execute(rookery, `UPDATE memory SET ${assignment} WHERE key = $1`, key);
      const reads = [
        a.memory.get({ key }),
        a.memory.get({ key: 'other' }),
        a.memory.get({ namespace: 'elsewhere', key }),
        rookery.as('b').memory.get({ key }),
      ];
      const answers = (await Promise.allSettled(reads)).map((answer) =>
        answer.status === 'rejected' ? (answer.reason as { code: string }).code : answer.value,
      );
      expect(new Set(answers.filter((answer) => answer !== null)), change).toEqual(new Set(['TAMPERED']));
      await execute(rookery, 'DELETE FROM memory');
    }
  });
}
