import { expect, it } from 'vitest';
import { onRedis } from '../engines/redis.ts';
import { run, serve, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

onRedis('live copy at the doors', (server) => {
  it('is kept by a server, which says how it stands [CF-R21] [CF-R22]', async () => {
    const data = temporaryFolder();
    const { url, token, stderr } = await serve(data, '--redis', server().url, '--dual-write');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const set = (body: unknown) =>
      fetch(`${url}/api/v1/memory/default/k`, { method: 'PUT', headers, body: JSON.stringify(body) });
    const state = async () =>
      (await (await fetch(`${url}/api/v1/live`, { headers })).json()) as { state: string };
    await until('connected', async () => (await state()).state === 'connected');
    expect((await set({ value: 1 })).status).toBe(200);
    const client = server().client();
    expect(await client.get('rookery:default:memory:project:default/k')).toBe('1');
    expect(await state()).toMatchObject({
      lag: 0,
      endpoint: `127.0.0.1:${server().port}/0`,
      last_error: null,
    });
    const metrics = async () => await (await fetch(`${url}/metrics`)).text();
    expect(await metrics()).toMatch(/^rookery_live_connected 1$/m);
    expect(await metrics()).toMatch(/^rookery_live_lag_entries 0$/m);
    for (const name of ['sqlite', 'redis', 'rookery_dual'])
      expect(await metrics()).toMatch(new RegExp(`^${name}_write_latency_seconds_count 1$`, 'm'));
    await server().kill();
    await until('away', async () => (await state()).state === 'away');
    expect((await set({ value: 2 })).status).toBe(200);
    expect(await metrics()).toMatch(/^rookery_live_connected 0$/m);
    expect(await metrics()).toMatch(/^rookery_dual_write_failures_total 1$/m);
    expect(stderr()).toMatch(new RegExp(`"endpoint":"127.0.0.1:${server().port}/0".*"Redis is away"`));
    await server().restart();
  });

  it('is looked at by the doctor, who says what is wrong and no password', async () => {
    const data = temporaryFolder();
    await run('bin/rookery.js', ['memory', 'set', 'k', '1', '--data', data]);
    const away = { ROOKERY_REDIS_URL: 'redis://:hush-hush@127.0.0.1:1' };
    const bad = await run('bin/rookery.js', ['doctor', '--data', data], away);
    expect(bad.status).toBe(1);
    expect(bad.stdout).toMatch(/live copy.*problem.*127\.0\.0\.1:1.*cannot be reached/);
    expect(bad.stdout + bad.stderr).not.toContain('hush');
    const good = await run('bin/rookery.js', ['doctor', '--data', data], { ROOKERY_REDIS_URL: server().url });
    expect(good.stdout).toMatch(/live copy.*ok.*can be reached/);
    expect(good.status).toBe(0);
  });
});
