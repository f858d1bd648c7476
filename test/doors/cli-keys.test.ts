import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openRookery } from '../../src/rookery.ts';
import { cli, run, serve, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

interface Listed {
  readonly keys: { id: string; purpose: string; state: string; records: number }[];
}

async function fill(path: string, values: number): Promise<void> {
  await using rookery = await openRookery({ path });
  const entries = Array.from({ length: values }, (_, n) => ({ key: `k${n}`, value: n }));
  await rookery.as('ada').memory.mset({ entries, level: 'private' });
}

it('rotates, retires and erases from the command line, and shows how far it is', async () => {
  const data = temporaryFolder();
  await fill(data, 300);
  const rotated = await run('bin/rookery.js', ['keys', 'rotate', '--data', data, '--reason', 'spring']);
  expect(rotated).toMatchObject({ status: 0 });
  expect(rotated.stdout).toContain('"done":300');
  expect(rotated.stderr).toContain('300 records sealed anew');
  const { keys } = (await cli('keys', 'list', '--data', data)).json.data as Listed;
  const old = keys.find(({ state }) => state === 'decrypt-only')!;
  expect(old.records).toBe(0);
  const current = keys.find(({ state, purpose }) => state === 'primary' && purpose === 'data')!;
  expect((await cli('keys', 'retire', current.id, '--data', data)).json).toMatchObject({
    ok: false,
    error: { code: 'KEY_IN_USE' },
  });
  expect((await cli('keys', 'retire', old.id, '--data', data)).json.data).toMatchObject({
    state: 'retired',
  });
  const before = readFileSync(join(data, 'root.key'), 'utf8');
  const kept = join(data, 'old-root.key');
  const root = await cli('keys', 'rotate', '--root', '--keep-old', kept, '--data', data);
  expect(root.json).toMatchObject({ ok: true, data: { root: true }, warnings: [] });
  expect(readFileSync(kept, 'utf8')).toBe(before);
  expect(readFileSync(join(data, 'root.key'), 'utf8')).not.toBe(before);
  const erased = await cli('keys', 'erase', 'ada', '--data', data);
  expect(erased.json.data).toMatchObject({ state: 'done', keys: 2, records: { memory: 300 } });
  expect((await cli('audit', 'verify', '--data', data)).json.data).toMatchObject({ ok: true });
});

it('goes on with the server, and lets no token replace the root key', async () => {
  const data = temporaryFolder();
  await fill(data, 300);
  {
    await using rookery = await openRookery({ path: data });
    rookery.store.upkeep.wake = () => {};
    await rookery.keys.rotate();
  }
  const server = await serve(data);
  const ask = async (path: string, body?: unknown) => {
    const headers = { Authorization: `Bearer ${server.token}`, 'Content-Type': 'application/json' };
    const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return (await fetch(server.url + path, { headers, ...post })).json();
  };
  await using rookery = await openRookery({ path: data });
  rookery.store.upkeep.wake = () => {};
  await until('sealed anew', async () => (await rookery.keys.status()).rotation?.state === 'done');
  expect(await ask('/api/v1/keys/status')).toMatchObject({ rotation: { state: 'done', done: 300 } });
  expect(await ask('/api/v1/keys/rotate', { root: true })).toMatchObject({ code: 'FORBIDDEN' });
  expect(await ask('/api/v1/keys/rotate', { scope: 'private:ada' })).toMatchObject({
    rotated: [{ scope: 'private:ada' }],
  });
});
