import { describe, expect, it } from 'vitest';
import { createClient } from '../../src/doors/client/index.ts';
import { httpApp, routes } from '../../src/doors/http/app.ts';
import { checkSource } from '../../src/doors/http/security.ts';
import { limits } from '../../src/kernel/limits.ts';
import { rawRequest, testServer } from '../support/server.ts';

describe('routes', () => {
  it('stores and reads a value in the published shape', async () => {
    const { call } = await testServer();
    const put = await call('PUT', '/api/v1/memory/plans/v1', { value: { step: 1 }, level: 'team', ttl: 60 });
    expect(put.status).toBe(200);
    expect(put.headers.get('etag')).toBe('"1"');
    const got = await call('GET', '/api/v1/memory/plans/v1');
    expect(got.body).toMatchObject({
      value: { step: 1 },
      level: 'team',
      revision: 1,
      namespace: 'plans',
      key: 'v1',
    });
    expect(Object.keys(got.body)).toContain('expires_at');
  });

  it('decodes names once, slashes and percent signs included', async () => {
    const { call } = await testServer();
    for (const key of ['a/b', 'a b', '100%', '%2F', 'ü', 'a?b#c']) {
      const path = `/api/v1/memory/default/${encodeURIComponent(key)}`;
      expect((await call('PUT', path, { value: key })).body.key).toBe(key);
      expect((await call('GET', path)).body.value).toBe(key);
    }
  });

  it('answers a miss and a forbidden read with the same bytes', async () => {
    const { call, rookery } = await testServer();
    await rookery.as('owner').memory.set({ key: 'secret', value: 1, level: 'private' });
    const query = '?level=private&audience=owner';
    const forbidden = await call('GET', `/api/v1/memory/default/secret${query}`);
    const missing = await call('GET', `/api/v1/memory/default/nothing${query}`);
    expect(forbidden.status).toBe(404);
    expect(forbidden.body).toEqual(missing.body);
  });

  it('honours If-Match and If-None-Match', async () => {
    const { call, adminToken } = await testServer();
    const path = '/api/v1/memory/default/k';
    const auth = { Authorization: `Bearer ${adminToken}` };
    expect((await call('PUT', path, { value: 1 }, { ...auth, 'If-None-Match': '*' })).status).toBe(200);
    expect((await call('PUT', path, { value: 2 }, { ...auth, 'If-None-Match': '*' })).status).toBe(409);
    expect((await call('PUT', path, { value: 2 }, { ...auth, 'If-Match': '"7"' })).status).toBe(412);
    expect((await call('PUT', path, { value: 2 }, { ...auth, 'If-Match': '"1"' })).body.revision).toBe(2);
    expect((await call('PUT', path, { value: 3, expected_revision: 1 })).body.code).toBe('REVISION_CONFLICT');
  });

  it('does the same key with the same request once, and refuses it for another', async () => {
    const { call, adminToken } = await testServer();
    const headers = { Authorization: `Bearer ${adminToken}`, 'Idempotency-Key': 'once' };
    const path = '/api/v1/memory/default/n/incr';
    const first = await call('POST', path, { by: 5 }, headers);
    const again = await call('POST', path, { by: 5 }, headers);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await call('POST', path, { by: 6 }, headers)).body.code).toBe('IDEMPOTENCY_CONFLICT');
    expect((await call('GET', '/api/v1/memory/default/n')).body.value).toBe(5);
  });

  it('writes under a lease only while it is in force [LK3]', async () => {
    const { call, adminToken } = await testServer();
    const first = await call('POST', '/api/v1/leases', { paths: ['src/a.ts'] });
    const fence = `${first.body.lease.id}:${first.body.lease.token}`;
    const headers = { Authorization: `Bearer ${adminToken}`, 'X-Rookery-Fence': fence };
    const path = '/api/v1/memory/default/guarded';
    expect((await call('PUT', path, { value: 1 }, headers)).status).toBe(200);
    await call('POST', `/api/v1/leases/${first.body.lease.id}/release`, {});
    expect(await call('PUT', path, { value: 2 }, headers)).toMatchObject({
      status: 409,
      body: { code: 'FENCED' },
    });
    expect(
      (await call('PUT', path, { value: 2 }, { ...headers, 'X-Rookery-Fence': 'nonsense' })).status,
    ).toBe(400);
    expect((await call('GET', path)).body.value).toBe(1);
  });

  it('describes every route in OpenAPI and on the docs page', async () => {
    const { call } = await testServer();
    const { body } = await call('GET', '/openapi.json', undefined, {});
    expect(body.openapi).toBe('3.1.0');
    for (const { path, method, operation } of routes) {
      expect(body.paths[path][method.toLowerCase()].operationId).toBe(operation.name);
    }
    const docs = await call('GET', '/docs', undefined, {});
    expect(docs.body).toContain('/api/v1/memory/{namespace}/{key}');
    expect(docs.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('offers health and metrics without a token and without contents', async () => {
    const { call, url } = await testServer();
    await call('PUT', '/api/v1/memory/default/canary-key', { value: 'canary-value' });
    const health = await call('GET', '/health', undefined, {});
    expect(health.body).toMatchObject({
      status: 'healthy',
      product: 'rookery',
      database: { engine: 'sqlite' },
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('rookery_http_requests_total');
    expect(metrics).not.toContain('canary');
  });
});

describe('bad input', () => {
  const cases: [title: string, method: string, path: string, body: unknown, status: number, field: string][] =
    [
      ['malformed JSON', 'PUT', '/api/v1/memory/default/k', '{', 400, 'body'],
      ['a body that is no object', 'PUT', '/api/v1/memory/default/k', '[1]', 400, 'body'],
      ['no value', 'PUT', '/api/v1/memory/default/k', {}, 400, 'value'],
      ['an unknown level', 'PUT', '/api/v1/memory/default/k', { value: 1, level: 'boss' }, 400, 'level'],
      ['a negative time to live', 'PUT', '/api/v1/memory/default/k', { value: 1, ttl: -1 }, 400, 'ttl'],
      ['an absurd time to live', 'PUT', '/api/v1/memory/default/k', { value: 1, ttl: 1e12 }, 400, 'ttl'],
      ['a fractional time to live', 'PUT', '/api/v1/memory/default/k', { value: 1, ttl: 1.5 }, 400, 'ttl'],
      ['an unknown field', 'PUT', '/api/v1/memory/default/k', { value: 1, colour: 'red' }, 400, 'colour'],
      ['a field given twice', 'PUT', '/api/v1/memory/default/k', { value: 1, key: 'other' }, 400, 'key'],
      ['a control character', 'PUT', '/api/v1/memory/default/a%00b', { value: 1 }, 400, 'key'],
      [
        'a key that is too long',
        'PUT',
        `/api/v1/memory/default/${'k'.repeat(513)}`,
        { value: 1 },
        400,
        'key',
      ],
      ['broken percent-encoding', 'PUT', '/api/v1/memory/default/%zz', { value: 1 }, 400, 'path'],
      ['a number that is none', 'GET', '/api/v1/memory/default?limit=many', undefined, 400, 'limit'],
      ['a limit over the page size', 'GET', '/api/v1/memory/default?limit=100000', undefined, 400, 'limit'],
    ];

  it.each(cases)('refuses %s and names the field', async (_, method, path, body, status, field) => {
    const { call, rookery } = await testServer();
    const answer = await call(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body.details.field).toBe(field);
    expect(answer.body.detail).toContain(field);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect((await rookery.memory.keys()).keys).toEqual([]);
  });

  it('refuses JSON nested too deeply, and values over the size limit with 413', async () => {
    const { call } = await testServer();
    const deep = `{"value": ${'['.repeat(limits.jsonDepth + 1)}${']'.repeat(limits.jsonDepth + 1)}}`;
    expect((await call('PUT', '/api/v1/memory/default/k', deep)).body.details.field).toBe('value');
    const large = { value: 'x'.repeat(limits.valueBytes) };
    expect((await call('PUT', '/api/v1/memory/default/k', large)).status).toBe(413);
    const huge = { value: 'x'.repeat(2 * limits.bodyBytes) };
    expect((await call('PUT', '/api/v1/memory/default/k', huge)).status).toBe(413);
  });

  it('takes JSON only', async () => {
    const { call, adminToken } = await testServer();
    const headers = { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'text/plain' };
    expect((await call('PUT', '/api/v1/memory/default/k', '{"value":1}', headers)).status).toBe(415);
  });

  it('answers unknown paths with 404 and wrong methods with 405', async () => {
    const { call } = await testServer();
    expect(await call('GET', '/api/v1/nothing')).toMatchObject({ status: 404, body: { error: 'Not found' } });
    const task = await call('GET', '/api/v1/tasks/none');
    expect(task).toMatchObject({ status: 404, body: { detail: 'task not found' } });
    expect((await call('OPTIONS', '/api/v1/nothing')).status).toBe(200);
    expect(await call('PATCH', '/api/v1/memory/default/k', {})).toMatchObject({
      status: 405,
      body: { error: 'Method not allowed' },
    });
  });
});

describe('who may ask', () => {
  it('wants a token, and tells nothing about a wrong one', async () => {
    const { call } = await testServer();
    const path = '/api/v1/memory/default/k';
    const none = await call('GET', path, undefined, {});
    expect(none).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(none.headers.get('www-authenticate')).toContain('Bearer');
    for (const token of ['nonsense', 'rk_admin_x_y_z']) {
      const wrong = await call('GET', path, undefined, { Authorization: `Bearer ${token}` });
      expect(wrong.status).toBe(401);
      expect(JSON.stringify(wrong.body)).not.toContain(token);
    }
  });

  it('takes the agent from the token, and another name only with act-as', async () => {
    const { call, adminToken } = await testServer();
    const created = await call('POST', '/api/v1/tokens', { agent: 'coder-1', rights: ['read', 'write'] });
    expect(created.status).toBe(200);
    const own = { Authorization: `Bearer ${created.body.token}` };
    const put = await call('PUT', '/api/v1/memory/default/k', { value: 1 }, own);
    expect(put.body.owner).toBe('coder-1');
    const asOther = await call('GET', '/api/v1/memory/default/k', undefined, {
      ...own,
      'X-Rookery-Agent': 'coder-2',
    });
    expect(asOther).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    const admin = { Authorization: `Bearer ${adminToken}`, 'X-Rookery-Agent': 'coder-2' };
    expect((await call('PUT', '/api/v1/memory/default/j', { value: 1 }, admin)).body.owner).toBe('coder-2');
  });

  it('does not let an identity in the body count', async () => {
    const { call } = await testServer();
    const answer = await call('PUT', '/api/v1/memory/default/k', {
      value: 1,
      agent: 'coder-9',
      owner: 'coder-9',
    });
    expect(answer.status).toBe(400);
  });

  it.each([
    ['a foreign host', { Host: 'evil.example' }, [403, 421]],
    ['a host with another port', { Host: '127.0.0.1:1' }, [403, 421]],
    ['a foreign origin', { Origin: 'http://evil.example' }, [403]],
    ['a null origin', { Origin: 'null' }, [403]],
  ])('refuses %s, also in open mode', async (_, headers, statuses) => {
    for (const open of [false, true]) {
      const { server, adminToken } = await testServer({ open });
      const host = { Host: `127.0.0.1:${server.port}`, Authorization: `Bearer ${adminToken}` };
      const answer = await rawRequest(server, 'GET', '/api/v1/memory/default', {
        ...host,
        ...(headers as object),
      });
      expect(statuses).toContain(answer.status);
      const plain = await rawRequest(server, 'GET', '/api/v1/memory/default', host);
      expect(plain.status).toBe(200);
    }
  });

  it('would let a rebound host in without the check (sabotage twin)', async () => {
    const exposure = { host: '127.0.0.1', port: 7665, open: false, allowedOrigins: [] };
    const rebound = new Request('http://evil.example:7665/', { headers: { Host: 'evil.example:7665' } });
    expect(() => checkSource(rebound, exposure)).toThrow(/host/);
    expect(() => checkSource(rebound, { ...exposure, host: '0.0.0.0' })).not.toThrow();
  });

  it('ends a live stream when its token is revoked, before anything newer is sent', async () => {
    const { call, url, rookery } = await testServer();
    const { body } = await call('POST', '/api/v1/tokens', { agent: 'reader', rights: ['read'] });
    await rookery.mail.append({ stream: 'news', events: [{ type: 'n', data: 'before' }] });
    const gone = new AbortController();
    const response = await fetch(`${url}/api/v1/mail/news/events`, {
      headers: { Authorization: `Bearer ${body.token}`, Accept: 'text/event-stream' },
      signal: gone.signal,
    });
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (!text.includes('before') || text.includes('event: error')) continue;
      await call('DELETE', `/api/v1/tokens/${body.id}`);
      await rookery.mail.append({ stream: 'news', events: [{ type: 'n', data: 'after' }] });
    }
    expect(text).toContain('UNAUTHENTICATED');
    expect(text).not.toContain('after');
  });

  it('does not let anybody without the right admin act for an administrator', async () => {
    const { call, adminToken, rookery } = await testServer();
    const { body } = await call('POST', '/api/v1/tokens', {
      agent: 'x',
      rights: ['read', 'write', 'act-as'],
    });
    const headers = { Authorization: `Bearer ${body.token}`, 'X-Rookery-Agent': 'admin' };
    const asAdmin = await call('PUT', '/api/v1/memory/default/k', { value: 1, level: 'system' }, headers);
    expect(asAdmin).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(
      (await call('PATCH', '/api/v1/fleet/agents/admin', { status: 'terminated' }, headers)).status,
    ).toBe(403);
    expect(
      (await call('GET', '/api/v1/memory/default', undefined, { Authorization: `Bearer ${adminToken}` }))
        .status,
    ).toBe(200);
    const open = await testServer({ open: true });
    expect(open.rookery).not.toBe(rookery);
    expect(
      (await open.call('PUT', '/api/v1/memory/default/k', { value: 1 }, { 'X-Rookery-Agent': 'admin' }))
        .status,
    ).toBe(403);
  });

  it('accepts requests without a token in open mode, on loopback only', async () => {
    const { call } = await testServer({ open: true });
    const headers = { 'X-Rookery-Agent': 'coder-7' };
    expect((await call('PUT', '/api/v1/memory/default/k', { value: 1 }, headers)).body.owner).toBe('coder-7');
    expect((await call('POST', '/api/v1/tokens', { agent: 'x' }, headers)).status).toBe(403);
    await expect(testServer({ open: true, host: '0.0.0.0' })).rejects.toThrow(/loopback/);
  });
});

describe('client', () => {
  it('has the methods, answers and errors of the library', async () => {
    const { url, adminToken } = await testServer();
    const fleet = createClient({ url, token: adminToken });
    const head = await fleet.memory.set({
      key: 'plan',
      value: { stepCount: 1, snake_case: 2 },
      level: 'team',
    });
    expect(head).toMatchObject({ revision: 1, level: 'team', expiresAt: null });
    expect((await fleet.memory.get({ key: 'plan' }))?.value).toEqual({ stepCount: 1, snake_case: 2 });
    expect(await fleet.memory.get({ key: 'nothing' })).toBeNull();
    await expect(
      fleet.memory.set({ key: 'plan', value: 2, expectedRevision: 9, level: 'team' }),
    ).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
      details: { actual: 1, expected: 9 },
    });
    await expect(createClient({ url: 'http://127.0.0.1:1', token: 'x' }).memory.keys()).rejects.toMatchObject(
      {
        code: 'UNAVAILABLE',
      },
    );
  });
});

it('mounts inside another program as a fetch function', async () => {
  const { rookery, adminToken } = await testServer();
  const { Metrics } = await import('../../src/doors/http/metrics.ts');
  const exposure = { host: '127.0.0.1', port: 80, open: false, allowedOrigins: [] };
  const app = httpApp({ store: rookery.store, exposure, metrics: new Metrics(), onFailure: () => {} });
  const response = await app.request('http://127.0.0.1/api/v1/memory/default', {
    headers: { Host: '127.0.0.1', Authorization: `Bearer ${adminToken}` },
  });
  expect(response.status).toBe(200);
});
