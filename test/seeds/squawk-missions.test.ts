import { expect, it } from 'vitest';
import { createClient } from '../../src/doors/client/index.ts';
import { type Answer, squawkServer } from '../support/squawk.ts';
import { begun, plain } from '../support/squawk-missions.ts';

it('takes a mission of four sorties to its end, with checkpoints and a recovery [SQ-C21, SQ-R26]', async () => {
  const server = await squawkServer();
  const { mission, start, complete } = await begun(server);
  const path = `/api/v1/missions/${mission.id}`;
  const shares: number[][] = [];
  for (let i = 0; i < 4; i++) {
    expect((await start(i)).body.sortie).toMatchObject({ status: 'in_progress', assigned_to: 'spec-a' });
    const early = await server.send('PATCH', path, { status: 'completed' });
    expect(plain(early)).toEqual([
      409,
      { error: 'Invalid status transition', from: 'in_progress', to: 'completed', open_sorties: 4 - i },
    ]);
    expect((await complete(i)).body.sortie).toMatchObject({
      status: 'completed',
      progress: 100,
      result: { ok: true },
    });
    const list = await server.get(`/api/v1/checkpoints?mission_id=${mission.id}`);
    shares.push(list.body.checkpoints.map((found: { progress_percent: number }) => found.progress_percent));
  }
  expect(shares).toEqual([[25], [50, 25], [75, 50, 25], [75, 50, 25]]);
  const done = await server.send('PATCH', path, { status: 'completed', result: 'shipped' });
  expect(done.body.mission).toMatchObject({
    status: 'completed',
    total_sorties: 4,
    completed_sorties: 4,
    result: 'shipped',
  });

  const { checkpoint } = (await server.get(`/api/v1/checkpoints/latest/${mission.id}`)).body;
  const recover = (body?: object) => server.post(`/api/v1/checkpoints/${checkpoint.id}/recover`, body);
  const events = async () => (await server.get('/api/v1/events?type=fleet_recovered')).body.events;
  const before = await server.get('/api/v1/events/statistics');
  const dry = await recover({ dry_run: true });
  expect(dry.body).toMatchObject({ success: true, restored: { sorties: 3, locks: 0, messages: 0 } });
  expect(plain(await server.get('/api/v1/events/statistics'))).toEqual(plain(before));
  expect((await server.get(`/api/v1/checkpoints/${checkpoint.id}`)).body.checkpoint.consumed_at).toBeNull();
  const real = await recover();
  expect(real.status).toBe(200);
  expect(real.body).toEqual({ ...dry.body, dry_run: false });
  expect(await events()).toMatchObject([
    {
      stream_type: 'mission',
      stream_id: mission.id,
      correlation_id: mission.id,
      data: { checkpoint_id: checkpoint.id },
    },
  ]);
  expect((await server.get(path)).body.mission.status).toBe('completed');
  const client = createClient({ url: server.url });
  expect(await client.missions.get({ id: mission.id })).toMatchObject({
    id: mission.id,
    completedSorties: 4,
  });
  expect(await client.checkpoints.latest({ missionId: mission.id })).toMatchObject({ progressPercent: 75 });
  expect(await client.sorties.get({ id: 'srt-none' })).toBeNull();
});

it('answers every row about missions and sorties as printed', async () => {
  const server = await squawkServer();
  expect(plain(await server.post('/api/v1/missions', {}))).toEqual([400, { error: 'title is required' }]);
  const made = await server.post('/api/v1/missions', {
    title: 'M',
    description: 'd',
    priority: 'high',
    metadata: { a: 1 },
  });
  expect(made.status).toBe(201);
  expect(made.body.mission).toMatchObject({
    id: expect.stringMatching(/^msn-[0-9a-z]+$/),
    title: 'M',
    description: 'd',
    status: 'pending',
    priority: 'high',
    created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    started_at: null,
    completed_at: null,
    total_sorties: 0,
    completed_sorties: 0,
    result: null,
    metadata: { a: 1 },
  });
  const { id } = made.body.mission;
  expect((await server.get(`/api/v1/missions/${id}`)).body).toEqual({ mission: made.body.mission });
  for (const missing of ['/api/v1/missions/none', '/api/v1/missions/%00'])
    expect(plain(await server.get(missing))).toEqual([404, { error: 'Mission not found' }]);
  expect(plain(await server.send('PATCH', '/api/v1/missions/none', { title: 'x' }))).toEqual([
    404,
    { error: 'Mission not found' },
  ]);
  await server.post('/api/v1/missions', { title: 'N' });
  const titles = async (query: string) =>
    (await server.get(`/api/v1/missions${query}`)).body.missions.map(({ title }: { title: string }) => title);
  expect([
    await titles(''),
    await titles('?limit=1'),
    await titles('?offset=1'),
    await titles('?status=completed'),
  ]).toEqual([['M', 'N'], ['M'], ['N'], []]);
  expect((await server.get('/api/v1/missions?limit=1')).body.total).toBe(2);
  expect((await server.get('/api/v1/missions?status=odd')).status).toBe(400);
  const wrong = await server.send('PATCH', `/api/v1/missions/${id}`, { status: 'review' });
  expect(plain(wrong)).toEqual([409, { error: 'Invalid status transition', from: 'pending', to: 'review' }]);

  expect(plain(await server.post('/api/v1/sorties', {}))).toEqual([400, { error: 'title is required' }]);
  const lost = await server.post('/api/v1/sorties', { title: 'S', mission_id: 'msn-none' });
  expect(plain(lost)).toEqual([404, { error: 'Mission not found' }]);
  const sortie = (await server.post('/api/v1/sorties', { title: 'S', mission_id: id, assigned_to: 'spec-a' }))
    .body.sortie;
  expect(sortie).toMatchObject({
    status: 'pending',
    mission_id: id,
    assigned_to: 'spec-a',
    files: [],
    progress: 0,
  });
  const at = (act: string) => `/api/v1/sorties/${sortie.id}/${act}`;
  const wrongOne = await server.post(at('start'), { specialist_id: 'spec-b' });
  expect(plain(wrongOne)).toEqual([403, { error: 'Only the assigned specialist can start this sortie' }]);
  const tooSoon = await server.post(at('complete'), {});
  expect(plain(tooSoon)).toEqual([
    409,
    { error: 'Invalid status transition', from: 'pending', to: 'completed' },
  ]);
  expect((await server.post(at('start'), { specialist_id: 'spec-a' })).body.sortie.status).toBe(
    'in_progress',
  );
  const twice = await server.post(at('start'), { specialist_id: 'spec-a' });
  expect(plain(twice)).toMatchObject([409, { error: 'Invalid status transition', from: 'in_progress' }]);
  for (const progress of [101, -1, 'x', undefined])
    expect(plain(await server.post(at('progress'), { progress }))).toEqual([
      400,
      { error: 'progress must be between 0 and 100' },
    ]);
  expect((await server.post(at('progress'), { progress: 50, notes: 'half' })).body.sortie).toMatchObject({
    progress: 50,
    progress_notes: 'half',
  });
  expect((await server.post(at('block'), {})).body).toEqual({ error: 'blocked_reason is required' });
  const blocked = await server.post(at('block'), {
    blocked_reason: 'key',
    blocked_by: 'ops',
    blocker_type: 'external',
  });
  expect(blocked.body.sortie).toMatchObject({ status: 'blocked', blocked_reason: 'key', blocked_by: 'ops' });
  const back = await server.send('PATCH', `/api/v1/sorties/${sortie.id}`, { status: 'in_progress' });
  expect(back.body.sortie).toMatchObject({ status: 'in_progress', blocked_reason: null });
  expect((await server.send('POST', at('complete'))).body.sortie.status).toBe('completed');
  expect(
    (await server.get(`/api/v1/sorties?mission_id=${id}&status=completed&assigned_to=spec-a`)).body,
  ).toMatchObject({
    total: 1,
    sorties: [{ id: sortie.id }],
  });
  for (const [method, path] of [
    ['GET', '/api/v1/sorties/none'],
    ['POST', '/api/v1/sorties/none/complete'],
    ['POST', '/api/v1/sorties/none/start'],
    ['PATCH', '/api/v1/sorties/none'],
  ])
    expect(
      plain(await server.send(method!, path!, method === 'GET' ? undefined : { specialist_id: 'x' })),
    ).toEqual([404, { error: 'Sortie not found' }]);
  const last = (await server.get('/api/v1/locks')).status;
  expect(last).toBe(200);
  await server.rookery.close();
  expect(plain(await server.get('/api/v1/missions'))).toEqual([500, { error: 'Failed to list missions' }]);
});

it('shows events of all streams in one order, by stream, by correlation and in numbers', async () => {
  const server = await squawkServer();
  const { mission, start } = await begun(server, 1);
  await start(0);
  await server.post('/api/v1/mailbox/append', {
    stream_id: 's',
    events: [{ type: 'note', data: 1, correlation_id: mission.id }],
  });
  const { lock } = (
    await server.post('/api/v1/lock/acquire', { file: './src//a b.ts', specialist_id: 'spec-a' })
  ).body;
  await server.post('/api/v1/lock/acquire', { file: 'src/a b.ts', specialist_id: 'spec-b' });
  await server.post('/api/v1/lock/release', { lock_id: lock.id, specialist_id: 'spec-a' });
  const types = (answer: Answer) =>
    answer.body.events.map(({ event_type }: { event_type: string }) => event_type);
  const all = await server.get('/api/v1/events');
  expect(types(all)).toEqual([
    ...[
      'specialist_registered',
      'mission_created',
      'sortie_created',
      'sortie_started',
      'mission_started',
      'note',
    ],
    ...['ctk_reserved', 'ctk_conflict', 'ctk_released'],
  ]);
  const paged: string[] = [];
  for (let after = 0; ; ) {
    const page = await server.get(`/api/v1/events?limit=2&after=${after}`);
    paged.push(...types(page));
    after = page.body.next_after;
    if (page.body.events.length === 0) break;
  }
  expect(paged).toEqual(types(all));
  const path = '/api/v1/events/stream/ctk/src%2Fa%20b.ts';
  expect(types(await server.get(path))).toEqual(['ctk_reserved', 'ctk_conflict', 'ctk_released']);
  const [, conflict, released] = (await server.get(path)).body.events;
  expect(conflict.data).toMatchObject({
    conflict_type: 'concurrent_edit',
    specialist_id: 'spec-b',
    reserved_by: 'spec-a',
  });
  expect(released).toMatchObject({
    sequence_number: 3,
    data: { release_reason: 'explicit', lock_id: lock.id },
  });
  expect(types(await server.get(`${path}?after=2`))).toEqual(['ctk_released']);
  expect(types(await server.get('/api/v1/events/stream/squawk/s'))).toEqual(['note']);
  expect(types(await server.get(`/api/v1/events/correlation/${mission.id}`))).toEqual([
    ...['mission_created', 'sortie_created', 'sortie_started', 'mission_started', 'note'],
  ]);
  expect(types(await server.get('/api/v1/events?stream_type=ctk&type=ctk_conflict'))).toEqual([
    'ctk_conflict',
  ]);
  const [first] = all.body.events;
  expect((await server.get(`/api/v1/events/${first.event_id}`)).body).toEqual({ event: first });
  expect(plain(await server.get('/api/v1/events/evt_none'))).toEqual([404, { error: 'Event not found' }]);
  expect((await server.get('/api/v1/events/statistics')).body).toEqual({
    total_events: 9,
    by_type: expect.objectContaining({ note: 1, ctk_reserved: 1 }),
    by_stream_type: { specialist: 1, mission: 2, sortie: 2, squawk: 1, ctk: 3 },
    first_at: first.recorded_at,
    last_at: expect.any(String),
  });
  server.clock.advance(60_000);
  await server.post('/api/v1/lock/acquire', { file: 'src/t.ts', specialist_id: 'spec-a', timeout_ms: 10 });
  server.clock.advance(11);
  await server.post('/api/v1/lock/acquire', { file: 'src/t.ts', specialist_id: 'spec-b' });
  const turn = (await server.get('/api/v1/events/stream/ctk/src%2Ft.ts')).body.events;
  expect(turn.map((event: { data: { release_reason?: string } }) => event.data.release_reason)).toEqual([
    undefined,
    'timeout',
    undefined,
  ]);
  await server.post('/api/v1/specialists/register', { specialist_id: 'spec-b', name: 'B' });
  const ended = await server.post('/api/v1/specialists/spec-b/heartbeat', { status: 'completed' });
  expect(ended.body.specialist.status).toBe('completed');
  expect((await server.get('/api/v1/locks')).body.locks).toEqual([]);
});

it('keeps to who a token is', async () => {
  const server = await squawkServer({ open: false });
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const admin = bearer(server.adminToken);
  const register = async (specialist_id: string) =>
    bearer(
      (await server.post('/api/v1/specialists/register', { specialist_id, name: specialist_id }, admin)).body
        .token,
    );
  const [a, b] = [await register('spec-a'), await register('spec-b')];
  expect((await server.post('/api/v1/missions', { title: 'x' })).status).toBe(401);
  const { mission } = (await server.post('/api/v1/missions', { title: 'x' }, a)).body;
  const { sortie } = (
    await server.post('/api/v1/sorties', { title: 's', mission_id: mission.id, assigned_to: 'spec-a' }, a)
  ).body;
  const start = (headers: Record<string, string>, specialist_id: string) =>
    server.post(`/api/v1/sorties/${sortie.id}/start`, { specialist_id }, headers);
  expect((await start(b, 'spec-a')).status).toBe(403);
  expect((await start(b, 'spec-b')).status).toBe(403);
  expect((await start(a, 'spec-a')).status).toBe(200);
  await server.post('/api/v1/lock/acquire', { file: 'f', specialist_id: 'spec-a', timeout_ms: 60_000 }, a);
  const { checkpoint } = (await server.post('/api/v1/checkpoints', { mission_id: mission.id }, a)).body;
  const { locks } = (await server.get('/api/v1/locks', a)).body;
  await server.post('/api/v1/lock/release', { lock_id: locks[0].id, specialist_id: 'spec-a' }, a);
  const recover = (headers: Record<string, string>, body: object) =>
    server.post(`/api/v1/checkpoints/${checkpoint.id}/recover`, body, headers);
  expect((await recover(b, {})).status).toBe(207);
  expect((await recover(b, { force: true })).status).toBe(403);
  expect((await recover(a, {})).body).toMatchObject({ success: true, restored: { locks: 1 } });
});
