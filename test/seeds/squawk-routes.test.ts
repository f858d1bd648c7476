import { expect, it } from 'vitest';
import { type SquawkServerUnderTest, squawkServer } from '../support/squawk.ts';

const event = (n: number) => ({ type: 'note', data: { n } });

async function streamOf(server: SquawkServerUnderTest, stream: string, events: number) {
  const batch = Array.from({ length: events }, (_, i) => event(i + 1));
  const answer = await server.post('/api/v1/mailbox/append', { stream_id: stream, events: batch });
  expect(answer.status).toBe(200);
}

it('appends to a mailbox and reads it under its encoded name [SQ-C10, SQ-R18, SQ-R19]', async () => {
  const server = await squawkServer();
  const first = await server.post('/api/v1/mailbox/append', {
    stream_id: 'builders/alpha one',
    events: [
      { type: 'built', data: { a: 1 }, correlation_id: 'c-1', causation_id: 'e-0', metadata: { m: 1 } },
    ],
  });
  expect(first.status).toBe(200);
  expect(first.headers.get('content-type')).toBe('application/json');
  expect(first.body.inserted).toBe(1);
  expect(first.body.mailbox.id).toBe('builders/alpha one');
  const [stored] = first.body.mailbox.events;
  expect(stored).toMatchObject({
    sequence_number: 1,
    event_type: 'built',
    type: 'built',
    stream_type: 'squawk',
    stream_id: 'builders/alpha one',
    mailbox_id: 'builders/alpha one',
    data: { a: 1 },
    correlation_id: 'c-1',
    causation_id: 'e-0',
    metadata: { m: 1 },
    schema_version: 1,
  });
  expect(stored.id).toBe(stored.event_id);
  expect(stored.event_id).toMatch(/^evt/);
  expect(stored.occurred_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  server.clock.advance(5);
  const second = await server.post('/api/v1/mailbox/append', {
    stream_id: 'builders/alpha one',
    events: [event(2), event(3)],
  });
  expect(second.body.mailbox.events.map((e: { sequence_number: number }) => e.sequence_number)).toEqual([
    1, 2, 3,
  ]);
  expect(Date.parse(second.body.mailbox.updated_at)).toBeGreaterThan(
    Date.parse(first.body.mailbox.updated_at),
  );
  const got = await server.get('/api/v1/mailbox/builders%2Falpha%20one');
  expect(got.status).toBe(200);
  expect(got.body).toEqual({ mailbox: second.body.mailbox, has_more: false, head: 3 });
});

it('refuses malformed appends and writes nothing of them [SQ-C11, SQ-R15]', async () => {
  const server = await squawkServer();
  const path = '/api/v1/mailbox/append';
  for (const body of [
    {},
    { stream_id: 'a' },
    { stream_id: 'a', events: 'x' },
    { stream_id: 5, events: [] },
    [],
  ]) {
    const answer = await server.post(path, body);
    expect([answer.status, answer.body]).toEqual([400, { error: 'stream_id and events array are required' }]);
  }
  for (const bad of [{ data: 1 }, { type: 7, data: 1 }, { type: 'x' }, 'text', null]) {
    const answer = await server.post(path, { stream_id: 'a', events: [event(1), bad] });
    expect([answer.status, answer.body]).toMatchObject([400, { error: 'Invalid event', index: 1 }]);
    expect(answer.body.details).toEqual(expect.any(String));
  }
  expect((await server.get('/api/v1/mailbox/a')).status).toBe(404);
  expect((await server.post(path, '{')).body).toEqual({ error: 'Invalid JSON' });
  expect((await server.post(path, '{')).status).toBe(400);
  for (const data of [0, false, '', null]) {
    const answer = await server.post(path, { stream_id: 'b', events: [{ type: 't', data }] });
    expect(answer.body.mailbox.events.at(-1).data).toBe(data);
  }
  const empty = await server.post(path, { stream_id: 'c', events: [] });
  expect([empty.status, empty.body.inserted, empty.body.mailbox.events]).toEqual([200, 0, []]);
  expect((await server.get('/api/v1/mailbox/c')).body).toMatchObject({ head: 0, has_more: false });
});

it('pages a mailbox [SQ-C12]', async () => {
  const server = await squawkServer();
  const missing = await server.get('/api/v1/mailbox/nobody');
  expect([missing.status, missing.body]).toEqual([404, { error: 'Mailbox not found' }]);
  await streamOf(server, 's', 3);
  const page = await server.get('/api/v1/mailbox/s?after=1&limit=1');
  expect(page.body.mailbox.events.map((e: { sequence_number: number }) => e.sequence_number)).toEqual([2]);
  expect(page.body).toMatchObject({ has_more: true, head: 3 });
  for (const query of [
    'after=-1',
    'after=x',
    'limit=0',
    'limit=1001',
    'limit=1.5',
    'after=9007199254740993',
  ]) {
    const answer = await server.get(`/api/v1/mailbox/s?${query}`);
    expect([query, answer.status, answer.body]).toEqual([query, 400, { error: 'Invalid paging' }]);
  }
  expect((await server.get('/api/v1/mailbox/s?after=4')).body).toEqual({ error: 'Invalid paging', head: 3 });
  for (const bad of ['', '%E0%A4%A', '%00', 'x'.repeat(513)]) {
    const answer = await server.get(`/api/v1/mailbox/${bad}`);
    expect([answer.status, answer.body]).toEqual([400, { error: 'Invalid stream ID' }]);
  }
});

it('moves cursors forward, within the stream, one per consumer [SQ-C13, SQ-R21]', async () => {
  const server = await squawkServer();
  await streamOf(server, 's', 5);
  const advance = (fields: object) => server.post('/api/v1/cursor/advance', { stream_id: 's', ...fields });
  expect((await advance({ position: 4 })).body).toMatchObject({
    cursor: { position: 4 },
    head: 5,
    moved: true,
  });
  expect((await advance({ position: 2 })).body).toMatchObject({ cursor: { position: 4 }, moved: false });
  const ahead = await advance({ position: 6 });
  expect([ahead.status, ahead.body]).toEqual([
    400,
    { error: 'position is beyond the head of the stream', head: 5 },
  ]);
  for (const position of [-1, 0.5]) {
    const answer = await advance({ position });
    expect([answer.status, answer.body]).toEqual([400, { error: 'position must be a non-negative integer' }]);
  }
  for (const fields of [{ position: '3' }, {}, { position: null }]) {
    const answer = await advance(fields);
    expect([answer.status, answer.body]).toEqual([400, { error: 'stream_id and position are required' }]);
  }
  const lost = await server.post('/api/v1/cursor/advance', { stream_id: 'nobody', position: 0 });
  expect([lost.status, lost.body]).toEqual([404, { error: 'Mailbox not found' }]);
  expect((await advance({ position: 1, consumer_id: 'b' })).body.cursor.position).toBe(1);
  expect((await server.get('/api/v1/cursor/s_cursor')).body.cursor.position).toBe(4);
  expect((await server.get('/api/v1/cursor?stream_id=s&consumer_id=b')).body.cursor).toMatchObject({
    position: 1,
    consumer_id: 'b',
  });
  expect((await advance({ position: 1, reset: true })).body).toMatchObject({
    cursor: { position: 1 },
    moved: true,
  });
  expect((await advance({ position: 6, reset: true })).status).toBe(400);
});

it('finds cursors by their ids [SQ-C14, SQ-R24]', async () => {
  const server = await squawkServer();
  await streamOf(server, 'team/x', 2);
  const moved = await server.post('/api/v1/cursor/advance', { stream_id: 'team/x', position: 2 });
  const got = await server.get('/api/v1/cursor/team%2Fx_cursor');
  expect([got.status, got.body]).toEqual([200, { cursor: moved.body.cursor }]);
  expect(got.body.cursor).toEqual({
    id: 'team/x_cursor',
    stream_type: 'squawk',
    stream_id: 'team/x',
    position: 2,
    consumer_id: 'default',
    created_at: expect.any(String),
    updated_at: expect.any(String),
  });
  const bare = await server.get('/api/v1/cursor/team%2Fx');
  expect([bare.status, bare.body]).toEqual([404, { error: 'Cursor not found' }]);
  const invalid = await server.get('/api/v1/cursor/');
  expect([invalid.status, invalid.body]).toEqual([400, { error: 'Invalid cursor ID' }]);
  expect((await server.get('/api/v1/cursor')).status).toBe(400);
});

it('does one append once for one idempotency key', async () => {
  const server = await squawkServer();
  const key = { 'Idempotency-Key': 'k-1' };
  const body = { stream_id: 's', events: [event(1)] };
  const first = await server.post('/api/v1/mailbox/append', body, key);
  await streamOf(server, 's', 1);
  const again = await server.post('/api/v1/mailbox/append', body, key);
  expect([again.status, again.body]).toEqual([200, first.body]);
  expect((await server.get('/api/v1/mailbox/s')).body.head).toBe(2);
  const other = await server.post('/api/v1/mailbox/append', { ...body, events: [event(2)] }, key);
  expect([other.status, other.body]).toEqual([409, { error: 'Idempotency key reused' }]);
});

it('lists at most the newest 1000 events after an append [SQ-R20]', async () => {
  const server = await squawkServer();
  await streamOf(server, 's', 1000);
  const answer = await server.post('/api/v1/mailbox/append', { stream_id: 's', events: [event(1001)] });
  expect(answer.body.mailbox.events).toHaveLength(1000);
  expect(answer.body.mailbox.events[0].sequence_number).toBe(2);
  expect(answer.body.mailbox.events.at(-1).sequence_number).toBe(1001);
});

it('answers every route of its own in the seed’s words [SQ-R23, SQ-R25]', async () => {
  const server = await squawkServer({ allowedOrigins: ['https://fleet.example'] });
  const json = (answer: { status: number; body: unknown }) => [answer.status, answer.body];
  const unknown = await server.get('/api/v1/nothing');
  expect(unknown.headers.get('content-type')).toBe('application/json');
  expect([unknown.status, unknown.body.error]).toEqual([404, 'Not found']);
  const wrong: [string, string][] = [
    ['GET', '/api/v1/mailbox/append'],
    ['PUT', '/api/v1/mailbox/append'],
    ['DELETE', '/api/v1/mailbox/s'],
    ['GET', '/api/v1/cursor/advance'],
    ['POST', '/api/v1/cursor/x'],
    ['GET', '/api/v1/lock/acquire'],
    ['POST', '/api/v1/locks'],
    ['DELETE', '/api/v1/coordinator/status'],
    ['POST', '/health'],
  ];
  for (const [method, path] of wrong)
    expect([path, ...json(await server.send(method, path))]).toEqual([
      path,
      405,
      { error: 'Method not allowed' },
    ]);
  const form = await server.post('/api/v1/lock/acquire', 'file=a', {
    'Content-Type': 'application/x-www-form-urlencoded',
  });
  expect(json(form)).toEqual([415, { error: 'Content-Type must be application/json' }]);
  const large = await server.post('/api/v1/mailbox/append', `"${'x'.repeat(1024 * 1024)}"`);
  expect(json(large)).toEqual([413, { error: 'Request too large' }]);

  const preflight = await server.send('OPTIONS', '/api/v1/lock/acquire', undefined, {
    Origin: 'https://fleet.example',
  });
  expect([preflight.status, preflight.text]).toEqual([200, '']);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('https://fleet.example');
  expect(preflight.headers.get('access-control-allow-methods')).toBe(
    'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  );
  expect(preflight.headers.get('access-control-allow-headers')).toBe(
    'Content-Type, Authorization, Idempotency-Key',
  );
  const plain = await server.send('OPTIONS', '/health');
  expect([plain.status, plain.text, plain.headers.get('access-control-allow-origin')]).toEqual([
    200,
    '',
    null,
  ]);
  const foreign = await server.get('/api/v1/locks', { Origin: 'https://elsewhere.example' });
  expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);

  const health = await server.get('/health');
  expect(health.body).toMatchObject({ status: 'healthy', service: 'squawk', timestamp: expect.any(String) });

  await server.rookery.close();
  for (const [path, error] of [
    ['/api/v1/mailbox/s', 'Failed to get mailbox'],
    ['/api/v1/cursor/s', 'Failed to get cursor'],
    ['/api/v1/locks', 'Failed to list locks'],
    ['/api/v1/coordinator/status', 'Failed to get status'],
  ])
    expect(json(await server.get(path!))).toEqual([500, { error }]);
  const append = await server.post('/api/v1/mailbox/append', { stream_id: 's', events: [] });
  expect(json(append)).toEqual([500, { error: 'Failed to append to mailbox' }]);
  expect(server.failures).toHaveLength(5);
  expect((await server.get('/health')).status).toBe(503);
});

it('registers specialists and hears their heartbeats', async () => {
  const server = await squawkServer();
  const register = (body: object) => server.post('/api/v1/specialists/register', body);
  expect((await register({})).body).toEqual({ error: 'name is required' });
  const made = await register({ name: 'Builder', capabilities: ['ts'], metadata: { a: 1 } });
  expect(made.status).toBe(201);
  expect(made.body.specialist.id).toMatch(/^spec-[0-9a-z]+$/);
  const own = await register({ specialist_id: 'Spec/7', name: 'Seven' });
  expect(own.body).toEqual({
    specialist: {
      id: 'Spec/7',
      name: 'Seven',
      status: 'active',
      capabilities: [],
      registered_at: expect.any(String),
      last_seen: expect.any(String),
      current_sortie: null,
      metadata: {},
    },
  });
  const again = await register({ specialist_id: 'Spec/7', name: 'Seven of nine', capabilities: ['x'] });
  expect(again.body.specialist).toMatchObject({ name: 'Seven of nine', capabilities: ['x'] });
  server.clock.advance(60_000);
  expect((await server.get('/api/v1/specialists/Spec%2F7')).body.specialist.status).toBe('inactive');
  const beat = await server.send('POST', '/api/v1/specialists/Spec%2F7/heartbeat');
  expect([beat.status, beat.body.specialist.status]).toEqual([200, 'active']);
  expect((await server.get('/api/v1/specialists')).body.specialists).toHaveLength(2);
  for (const answer of [
    await server.get('/api/v1/specialists/nobody'),
    await server.send('POST', '/api/v1/specialists/nobody/heartbeat'),
  ])
    expect([answer.status, answer.body]).toEqual([404, { error: 'Specialist not found' }]);
});
