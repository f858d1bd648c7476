import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { cli, ended, run, serve, temporaryFolder } from '../support/processes.ts';

it('starts from nothing: data folder, root key, admin token, all private', async () => {
  const data = join(temporaryFolder(), 'new', 'place');
  const server = await serve(data);
  expect(server.token).toMatch(/^rk_admin_/);
  for (const name of ['root.key', 'admin.token', 'rookery.db']) {
    expect(statSync(join(data, name)).mode & 0o777).toBe(0o600);
  }
  expect(statSync(data).mode & 0o777).toBe(0o700);
  const health = await (await fetch(`${server.url}/health`)).json();
  expect(health).toMatchObject({ status: 'healthy', open: false });
});

it('replaces an admin token file that is empty or whose token is dead', async () => {
  const data = temporaryFolder();
  const first = await serve(data);
  first.process.kill('SIGTERM');
  await ended(first.process);
  writeFileSync(join(data, 'admin.token'), 'rk_admin_nonsense\n');
  const second = await serve(data);
  expect(second.token).not.toBe(first.token);
  const headers = { Authorization: `Bearer ${second.token}` };
  expect((await fetch(`${second.url}/api/v1/memory/default`, { headers })).status).toBe(200);
});

it('works on the folder beside a running server, and on the server', async () => {
  const data = temporaryFolder();
  const server = await serve(data);
  expect((await cli('memory', 'set', 'plan', '{"step":1}', '--data', data)).json).toMatchObject({ ok: true });
  const headers = { Authorization: `Bearer ${server.token}` };
  expect(await (await fetch(`${server.url}/api/v1/memory/default/plan`, { headers })).json()).toMatchObject({
    value: { step: 1 },
  });
  const remote = await run('bin/rookery.js', ['memory', 'get', 'plan', '--url', server.url], {
    ROOKERY_TOKEN: server.token,
  });
  expect(remote).toMatchObject({ status: 0, stdout: '{"step":1}\n' });
});

it('ends with the documented status and one envelope on stdout', async () => {
  const data = temporaryFolder();
  const at = (...args: string[]) => cli(...args, '--data', data);
  expect(await at('memory', 'get', 'nothing')).toMatchObject({
    status: 3,
    json: { ok: false, error: { code: 'NOT_FOUND' } },
  });
  expect(await at('memory', 'set', 'k', '1', '--level', 'boss')).toMatchObject({
    status: 2,
    json: { error: { code: 'INVALID_INPUT', details: { field: 'level' } } },
  });
  await at('memory', 'set', 'k', '1');
  expect(await at('memory', 'set', 'k', '2', '--expected-revision', '9')).toMatchObject({ status: 4 });
  const nobody = await run('bin/rookery.js', ['token', 'create', '--agent', 'x', '--data', data], {
    ROOKERY_AGENT: 'nobody',
  });
  expect(nobody.status).toBe(5);
  expect(await at('token', 'create', '--agent', 'x')).toMatchObject({ json: { data: { agent: 'x' } } });
  expect(
    (
      await run('bin/rookery.js', ['memory', 'get', 'k', '--url', 'http://127.0.0.1:1'], {
        ROOKERY_TOKEN: 'x',
      })
    ).status,
  ).toBe(69);
  expect((await run('bin/rookery.js', ['nonsense'])).status).toBe(2);
  const help = await run('bin/rookery.js', ['--help']);
  expect(help.status).toBe(0);
  expect(help.stdout).toContain('75  timeout or busy');
});

it('makes no store where it only reads, refuses a typo in JSON, and shows an agent with empty lists', async () => {
  const data = join(temporaryFolder(), 'mistyped');
  expect(await cli('audit', 'verify', '--data', data)).toMatchObject({ status: 3, json: { ok: false } });
  expect(existsSync(data)).toBe(false);
  expect(await cli('memory', 'set', 'k', '{bad', '--data', data)).toMatchObject({ status: 2 });
  expect(await cli('memory', 'set', '..', '1', '--data', data)).toMatchObject({ status: 2 });
  const shown = await run('bin/rookery.js', ['fleet', 'get', 'local', '--data', data]);
  expect(shown.stdout).toContain('id\tlocal');
});

it('refuses a wrong root key, a missing one, and a foreign database', async () => {
  const data = temporaryFolder();
  await cli('memory', 'set', 'k', '1', '--data', data);
  const key = readFileSync(join(data, 'root.key'));
  writeFileSync(join(data, 'root.key'), `${Buffer.alloc(32, 1).toString('base64')}\n`);
  expect(await cli('memory', 'get', 'k', '--data', data)).toMatchObject({
    status: 78,
    json: { error: { code: 'WRONG_KEY' } },
  });
  writeFileSync(join(data, 'root.key'), key);
  expect(await cli('memory', 'get', 'k', '--data', data)).toMatchObject({ status: 0 });
  const foreign = temporaryFolder();
  const other = new DatabaseSync(join(foreign, 'rookery.db'));
  other.exec('CREATE TABLE theirs (a)');
  other.close();
  writeFileSync(join(foreign, 'root.key'), key);
  expect(await cli('memory', 'get', 'k', '--data', foreign)).toMatchObject({
    status: 78,
    json: { error: { code: 'STORE_INCOMPATIBLE' } },
  });
});

it('backs up a live store into one complete file', async () => {
  const data = temporaryFolder();
  await serve(data);
  await cli('memory', 'set', 'k', '"kept"', '--data', data);
  const file = join(temporaryFolder(), 'copy.db');
  expect(await cli('backup', file, '--data', data)).toMatchObject({ status: 0 });
  const copy = new DatabaseSync(file, { readOnly: true });
  expect(copy.prepare("SELECT value FROM memory WHERE key = 'k'").get()).toEqual({ value: '"kept"' });
  copy.close();
  expect(await cli('backup', file, '--data', data)).toMatchObject({ status: 2 });
});

it('checks a store with doctor', async () => {
  const data = temporaryFolder();
  expect(await cli('doctor', '--data', data)).toMatchObject({ status: 3 });
  await cli('memory', 'set', 'k', '1', '--data', data);
  expect(await cli('doctor', '--data', data)).toMatchObject({ status: 0, json: { data: { ok: true } } });
});

it('says why a port cannot be had, and where open mode may not be', async () => {
  const first = await serve(temporaryFolder());
  const port = new URL(first.url).port;
  expect(await cli('serve', '--port', port, '--data', temporaryFolder())).toMatchObject({
    status: 69,
    json: { error: { code: 'UNAVAILABLE' } },
  });
  expect(
    await cli('serve', '--open', '--host', '0.0.0.0', '--port', '0', '--data', temporaryFolder()),
  ).toMatchObject({
    status: 2,
  });
});
