import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { serve, temporaryFolder } from '../support/processes.ts';
import { squawkServer } from '../support/squawk.ts';
import { begun, plain } from '../support/squawk-missions.ts';

it('answers every row about checkpoints as printed [SQ-R30]', async () => {
  const server = await squawkServer();
  const { mission, ids, start } = await begun(server, 2);
  expect(plain(await server.post('/api/v1/checkpoints', {}))).toEqual([
    400,
    { error: 'mission_id is required' },
  ]);
  expect(plain(await server.post('/api/v1/checkpoints', { mission_id: 'none' }))).toEqual([
    404,
    { error: 'Mission not found' },
  ]);
  expect(plain(await server.get('/api/v1/checkpoints'))).toEqual([
    400,
    { error: 'mission_id parameter is required' },
  ]);
  const nothing = await server.get(`/api/v1/checkpoints/latest/${mission.id}`);
  expect(plain(nothing)).toEqual([404, { error: 'No checkpoints found for mission' }]);
  await start(0);
  await server.post('/api/v1/lock/acquire', {
    file: 'src/0.ts',
    specialist_id: 'spec-a',
    timeout_ms: 60_000,
  });
  const made = await server.post('/api/v1/checkpoints', {
    mission_id: mission.id,
    ttl_hours: 1,
    trigger_details: 'lunch',
  });
  expect(made.status).toBe(201);
  const { checkpoint } = made.body;
  expect(made.body).toEqual({ checkpoint, success: true, data: checkpoint });
  expect(checkpoint).toMatchObject({
    id: expect.stringMatching(/^chk-[0-9a-z]+$/),
    mission_id: mission.id,
    trigger: 'manual',
    trigger_details: 'lunch',
    created_by: 'unknown',
    version: '1.0.0',
    consumed_at: null,
    sorties: [
      {
        id: ids[0],
        status: 'in_progress',
        assigned_to: 'spec-a',
        files: ['src/0.ts'],
        progress: 0,
        progress_notes: null,
      },
      { id: ids[1], status: 'pending' },
    ],
    active_locks: [{ file: 'src/0.ts', held_by: 'spec-a', purpose: 'edit', timeout_ms: 60_000 }],
    pending_messages: [],
    recovery_context: { next_steps: expect.any(Array), blockers: [], elapsed_time_ms: expect.any(Number) },
  });
  for (const [given, kept] of [
    ['auto', 'progress'],
    ['completion', 'progress'],
    ['error', 'error'],
    ['compaction', 'compaction'],
  ])
    expect(
      (await server.post('/api/v1/checkpoints', { mission_id: mission.id, trigger: given })).body.data
        .trigger,
    ).toBe(kept);
  const odd = await server.post('/api/v1/checkpoints', { mission_id: mission.id, trigger: 'lunch' });
  expect(plain(odd)).toEqual([400, { error: 'trigger must be progress, error, manual or compaction' }]);
  const list = (await server.get(`/api/v1/checkpoints?mission_id=${mission.id}&limit=2`)).body;
  expect(list).toMatchObject({ total: 5, count: 2, success: true });
  expect(list.data).toEqual(list.checkpoints);
  const got = await server.get(`/api/v1/checkpoints/${checkpoint.id}`);
  expect(plain(got)).toEqual([200, { checkpoint, success: true, data: checkpoint }]);
  for (const [method, path] of [
    ['GET', '/api/v1/checkpoints/none'],
    ['POST', '/api/v1/checkpoints/none/recover'],
    ['DELETE', '/api/v1/checkpoints/none'],
  ])
    expect(plain(await server.send(method!, path!))).toEqual([404, { error: 'Checkpoint not found' }]);

  const given = {
    mission_id: mission.id,
    created_by: 'spec-a',
    progress_percent: 10,
    sorties: [
      { id: ids[0], status: 'in_progress', assigned_to: 'spec-a', files: ['src/0.ts'], progress: 33 },
    ],
    active_locks: [],
    pending_messages: [{ id: 'msg-none', from: 'a', to: ['b'], subject: 's' }],
    recovery_context: { last_action: 'wrote a test', blockers: ['no key'] },
  };
  const own = (await server.post('/api/v1/checkpoints', given)).body.checkpoint;
  expect(own).toMatchObject({
    ...given,
    recovery_context: { last_action: 'wrote a test', blockers: ['no key'] },
  });
  const resumed = await server.post(`/api/v1/checkpoints/${own.id}/resume`, { dryRun: false, force: true });
  expect(plain(resumed)).toMatchObject([
    200,
    {
      success: true,
      restored: { sorties: 1, locks: 0, messages: 0 },
      errors: [],
      recovery_context: { last_action: 'wrote a test' },
    },
  ]);
  expect(resumed.body.warnings).toEqual(['Message msg-none does not exist any more']);
  expect((await server.get(`/api/v1/sorties/${ids[0]}`)).body.sortie.progress).toBe(33);
  const partial = { ...given, sorties: [{ id: 'srt-none', status: 'pending' }] };
  const broken = (await server.post('/api/v1/checkpoints', partial)).body.checkpoint;
  const failed = await server.post(`/api/v1/checkpoints/${broken.id}/recover`, { agent_id: 'spec-b' });
  expect(plain(failed)).toMatchObject([
    207,
    { success: false, errors: ['Sortie srt-none does not exist any more'] },
  ]);

  const gone = await server.send('DELETE', `/api/v1/checkpoints/${broken.id}`);
  expect([gone.status, gone.text]).toEqual([204, '']);
  server.clock.advance(8 * 86_400_000);
  const dry = await server.post('/api/v1/checkpoints/prune', { dry_run: true });
  expect(dry.body).toMatchObject({ deleted: 3, freed_bytes: expect.any(Number) });
  expect(dry.body.details).toContainEqual({ id: checkpoint.id, mission_id: mission.id });
  expect((await server.post('/api/v1/checkpoints/prune', {})).body).toEqual(dry.body);
  expect(
    (await server.post('/api/v1/checkpoints/prune', { keep_per_mission: 0, older_than_days: 0 })).body
      .deleted,
  ).toBe(3);
});

it('takes no lock that somebody else has, unless it is forced [SQ-R28]', async () => {
  const server = await squawkServer();
  const { mission, start } = await begun(server, 1);
  await start(0);
  const acquire = (specialist_id: string) =>
    server.post('/api/v1/lock/acquire', { file: 'src/0.ts', specialist_id, timeout_ms: 60_000 });
  const { lock } = (await acquire('spec-a')).body;
  const { checkpoint } = (await server.post('/api/v1/checkpoints', { mission_id: mission.id })).body;
  await server.post('/api/v1/lock/release', { lock_id: lock.id, specialist_id: 'spec-a' });
  await acquire('spec-b');
  const recover = (body: object) => server.post(`/api/v1/checkpoints/${checkpoint.id}/recover`, body);
  for (const body of [{ dry_run: true }, {}]) {
    const { body: found } = await recover(body);
    expect(found).toMatchObject({ success: true, restored: { sorties: 1, locks: 0 } });
    expect(found.recovery_context.blockers).toEqual(['Lock conflict on src/0.ts (held by spec-b)']);
  }
  expect((await server.get('/api/v1/locks')).body.locks).toMatchObject([{ reserved_by: 'spec-b' }]);
  expect((await recover({ force: true })).body).toMatchObject({ restored: { locks: 1 }, warnings: [] });
  expect((await server.get('/api/v1/locks')).body.locks).toMatchObject([{ reserved_by: 'spec-a' }]);
});

it('works through two servers on one file, which keep copies of checkpoints beside it', async () => {
  const folder = temporaryFolder();
  const [one, two] = await Promise.all([serve(folder, '--open'), serve(folder, '--open')]);
  let turn = 0;
  const ask = async (method: string, path: string, body?: object) => {
    const server = [one, two][turn++ % 2]!;
    const response = await fetch(server.url + path, {
      method,
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : null,
    });
    // biome-ignore lint/suspicious/noExplicitAny: answers of every route, read by tests
    return { status: response.status, body: (await response.json()) as any };
  };
  const { mission } = (await ask('POST', '/api/v1/missions', { title: 'Both' })).body;
  const ids = await Promise.all(
    Array.from(
      { length: 4 },
      async () =>
        (await ask('POST', '/api/v1/sorties', { title: 's', mission_id: mission.id })).body.sortie.id,
    ),
  );
  await Promise.all(
    ids.map(async (id) => {
      await ask('POST', `/api/v1/sorties/${id}/start`, { specialist_id: 'spec-a' });
      await ask('POST', `/api/v1/sorties/${id}/complete`, {});
    }),
  );
  expect(
    (await ask('PATCH', `/api/v1/missions/${mission.id}`, { status: 'completed' })).body.mission,
  ).toMatchObject({
    status: 'completed',
    completed_sorties: 4,
  });
  const { checkpoints } = (await ask('GET', `/api/v1/checkpoints?mission_id=${mission.id}`)).body;
  expect(checkpoints.map((found: { trigger_details: string }) => found.trigger_details)).toEqual([
    '75%',
    '50%',
    '25%',
  ]);
  const copies = join(folder, '.flightline', 'checkpoints', mission.id);
  for (const { id } of checkpoints) {
    expect(statSync(join(copies, `${id}.json`)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(copies, `${id}.json`), 'utf8'))).toMatchObject({
      id,
      mission_id: mission.id,
    });
  }
  expect(existsSync(join(copies, 'latest.json'))).toBe(true);
});
