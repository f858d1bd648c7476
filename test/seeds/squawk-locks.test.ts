import { expect, it } from 'vitest';
import { serve, temporaryFolder } from '../support/processes.ts';
import { type SquawkServerUnderTest, squawkServer } from '../support/squawk.ts';
import { until } from '../support/until.ts';

const acquire = (server: SquawkServerUnderTest, file: string, specialist_id: string, more: object = {}) =>
  server.post('/api/v1/lock/acquire', { file, specialist_id, ...more });
const release = (server: SquawkServerUnderTest, lock_id: unknown, specialist_id?: string) =>
  server.post('/api/v1/lock/release', { lock_id, specialist_id });

it('locks a file for one specialist, under every spelling of its path [SQ-C15, SQ-R05, SQ-R11]', async () => {
  const server = await squawkServer();
  const first = await acquire(server, 'src/app.ts', 'spec-a');
  expect([first.status, first.body.renewed]).toEqual([200, false]);
  const { lock } = first.body;
  expect(lock).toEqual({
    id: expect.stringMatching(/^lock_[0-9a-z]{36}$/),
    file: 'src/app.ts',
    normalized_path: 'src/app.ts',
    reserved_by: 'spec-a',
    reserved_at: expect.any(String),
    released_at: null,
    purpose: 'edit',
    checksum: null,
    timeout_ms: 30_000,
    expires_at: expect.any(String),
    status: 'active',
    fencing_token: expect.any(Number),
    metadata: {},
  });
  expect(Date.parse(lock.expires_at) - Date.parse(lock.reserved_at)).toBe(30_000);
  expect(Number.isSafeInteger(lock.fencing_token)).toBe(true);
  for (const file of ['src/app.ts', './src//app.ts', 'src/x/../app.ts', 'src/app.ts/']) {
    const conflict = await acquire(server, file, 'spec-b');
    expect([file, conflict.status, conflict.body]).toEqual([
      file,
      409,
      { error: 'File already locked', lock },
    ]);
  }
  const renewed = await acquire(server, 'src/app.ts', 'spec-a', { timeout_ms: 60_000 });
  expect(renewed.body).toMatchObject({
    renewed: true,
    lock: { id: lock.id, fencing_token: lock.fencing_token, timeout_ms: 60_000 },
  });
  expect(Date.parse(renewed.body.lock.expires_at)).toBeGreaterThan(Date.parse(lock.expires_at));
});

it('gives a lock that ran out to whoever asks next, at once [SQ-C16, SQ-R06]', async () => {
  const server = await squawkServer();
  const { lock } = (await acquire(server, 'f', 'spec-a', { timeout_ms: 200 })).body;
  server.clock.advance(199);
  expect((await acquire(server, 'f', 'spec-b')).status).toBe(409);
  server.clock.advance(1);
  const next = await acquire(server, 'f', 'spec-b');
  expect(next.status).toBe(200);
  expect(next.body.lock.fencing_token).toBeGreaterThan(lock.fencing_token);
  const old = await server.get(`/api/v1/lock/${lock.id}`);
  expect(old.body.lock).toMatchObject({ status: 'expired', released_at: lock.expires_at });
  for (const path of ['release', 'renew']) {
    const lost = await server.post(`/api/v1/lock/${path}`, { lock_id: lock.id, specialist_id: 'spec-a' });
    expect([lost.status, lost.body]).toMatchObject([
      409,
      { error: 'Lock is no longer held', lock: { id: lock.id, status: 'expired' } },
    ]);
  }
});

it('lets the holder alone release, once and for good [SQ-C17, SQ-R09]', async () => {
  const server = await squawkServer();
  const { lock } = (await acquire(server, 'f', 'spec-a')).body;
  const wrong = [403, { error: 'Cannot release lock: wrong specialist' }];
  for (const specialist of ['spec-b', undefined]) {
    const answer = await release(server, lock.id, specialist);
    expect([answer.status, answer.body]).toEqual(wrong);
  }
  const unknown = await release(server, 'lock_none', 'spec-a');
  expect([unknown.status, unknown.body]).toEqual([404, { error: 'Lock not found' }]);
  const missing = await release(server, undefined, 'spec-a');
  expect([missing.status, missing.body]).toEqual([400, { error: 'lock_id is required' }]);
  server.clock.advance(10);
  const released = await release(server, lock.id, 'spec-a');
  expect([released.status, released.body.lock.status]).toEqual([200, 'released']);
  expect(released.body.lock.released_at).not.toBeNull();
  server.clock.advance(10);
  const again = await release(server, lock.id, 'spec-a');
  expect([again.status, again.body]).toEqual([200, released.body]);
  expect((await server.get('/api/v1/locks')).body).toEqual({ locks: [] });
  const renew = await server.post('/api/v1/lock/renew', { lock_id: lock.id, specialist_id: 'spec-a' });
  expect(renew.status).toBe(409);
  const gone = await server.get('/api/v1/lock/lock_none');
  expect([gone.status, gone.body]).toEqual([404, { error: 'Lock not found' }]);
});

it('renews for the time that is asked for', async () => {
  const server = await squawkServer();
  const { lock } = (await acquire(server, 'f', 'spec-a', { timeout_ms: 100 })).body;
  server.clock.advance(50);
  const renew = (fields: object) =>
    server.post('/api/v1/lock/renew', { lock_id: lock.id, specialist_id: 'spec-a', ...fields });
  const renewed = (await renew({ timeout_ms: 5000 })).body.lock;
  expect(Date.parse(renewed.expires_at)).toBe(server.clock.now() + 5000);
  expect(renewed.fencing_token).toBe(lock.fencing_token);
  expect((await renew({ specialist_id: 'spec-b' })).status).toBe(403);
  expect((await renew({ timeout_ms: -1 })).status).toBe(400);
});

it('takes timeouts from 1 ms to a day and three purposes [SQ-R12, SQ-R13]', async () => {
  const server = await squawkServer();
  for (const timeout_ms of [-5, 'abc', 1e15, 1.5, 86_400_001]) {
    const answer = await acquire(server, 'f', 'spec-a', { timeout_ms });
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: 'timeout_ms must be an integer between 1 and 86400000' },
    ]);
  }
  for (const timeout_ms of [undefined, null, 0]) {
    const answer = await acquire(server, 'f', 'spec-a', { timeout_ms });
    expect(answer.body.lock.timeout_ms).toBe(30_000);
  }
  const purpose = await acquire(server, 'g', 'spec-a', { purpose: 'sell' });
  expect([purpose.status, purpose.body]).toEqual([400, { error: 'purpose must be edit, read or delete' }]);
  const kept = await acquire(server, 'h', 'spec-a', {
    purpose: 'delete',
    checksum: 'abc123',
    metadata: { why: 'old' },
  });
  expect(kept.body.lock).toMatchObject({ purpose: 'delete', checksum: 'abc123', metadata: { why: 'old' } });
  for (const body of [{ file: 'x' }, { specialist_id: 'a' }, { file: '', specialist_id: 'a' }, { file: 1 }]) {
    const answer = await server.post('/api/v1/lock/acquire', body);
    expect([answer.status, answer.body]).toEqual([400, { error: 'file and specialist_id are required' }]);
  }
  expect((await acquire(server, '../../etc/passwd', 'spec-a')).status).toBe(400);
});

it('shares reading, and reading alone [SQ-R11]', async () => {
  const server = await squawkServer();
  const read = { purpose: 'read' };
  expect((await acquire(server, 'f', 'spec-a', read)).status).toBe(200);
  expect((await acquire(server, 'f', 'spec-b', read)).status).toBe(200);
  expect((await acquire(server, 'f', 'spec-c')).status).toBe(409);
  expect((await acquire(server, 'f', 'spec-c', { purpose: 'delete' })).status).toBe(409);
  expect((await acquire(server, 'g', 'spec-a')).status).toBe(200);
  expect((await acquire(server, 'g', 'spec-b', read)).status).toBe(409);
});

it('lists what is held now, the oldest first, and counts it [SQ-C20, SQ-R08]', async () => {
  const server = await squawkServer();
  await acquire(server, 'a', 'spec-a');
  server.clock.advance(1);
  await acquire(server, 'b', 'spec-b', { timeout_ms: 100 });
  await server.post('/api/v1/mailbox/append', { stream_id: 's', events: [] });
  const files = async () =>
    (await server.get('/api/v1/locks')).body.locks.map((lock: { file: string }) => lock.file);
  expect(await files()).toEqual(['a', 'b']);
  server.clock.advance(100);
  expect(await files()).toEqual(['a']);
  const status = await server.get('/api/v1/coordinator/status');
  expect(status.body).toEqual({ active_mailboxes: 1, active_locks: 1, timestamp: expect.any(String) });
  const { lock } = (await acquire(server, 'c', 'spec-c')).body;
  await server.rookery.locks.forceRelease({ lease: lock.id, reason: 'stuck' });
  expect(await files()).toEqual(['a']);
  const forced = await release(server, lock.id, 'spec-c');
  expect([forced.status, forced.body.lock.status]).toEqual([409, 'force_released']);
});

it('sweeps expired locks at the start, and tells of it when there were any [SQ-C06, SQ-R07]', async () => {
  const server = await squawkServer();
  const { lock } = (await acquire(server, 'f', 'spec-a', { timeout_ms: 10 })).body;
  await server.restart();
  expect(server.swept).toEqual([]);
  server.clock.advance(11);
  await server.restart();
  await until('the sweep has run', () => server.swept.length > 0);
  expect(server.swept).toEqual([1]);
  await server.restart();
  const swept = (await server.get(`/api/v1/lock/${lock.id}`)).body.lock;
  expect(swept).toMatchObject({ status: 'expired', released_at: lock.expires_at });
  expect(server.swept).toEqual([1]);
});

it('reserves files for clients of CTK', async () => {
  const server = await squawkServer();
  const reserve = (body: object) => server.post('/api/v1/ctk/reserve', body);
  const made = await reserve({ file: 'src/a.ts', specialist_id: 'spec-a' });
  expect(made.status).toBe(201);
  const { reservation } = made.body;
  expect(reservation).toEqual({
    id: expect.stringMatching(/^lock/),
    file: 'src/a.ts',
    reserved_by: 'spec-a',
    reserved_at: expect.any(String),
    released_at: null,
    purpose: 'edit',
    checksum: null,
  });
  server.clock.advance(10 * 86_400_000);
  const conflict = await reserve({ file: 'src//a.ts', specialist_id: 'spec-b' });
  expect([conflict.status, conflict.body]).toMatchObject([
    409,
    { error: 'File already locked', lock: { reserved_by: 'spec-a', expires_at: null } },
  ]);
  expect((await server.get('/api/v1/ctk/reservations')).body).toEqual({ reservations: [reservation] });
  const letGo = (body: object) => server.post('/api/v1/ctk/release', body);
  expect((await letGo({})).body).toEqual({ error: 'reservation_id is required' });
  const unknown = await letGo({ reservation_id: 'lock_none' });
  expect([unknown.status, unknown.body]).toEqual([404, { error: 'Reservation not found' }]);
  const released = await letGo({ reservation_id: reservation.id });
  expect(released.status).toBe(200);
  expect(released.body.reservation.released_at).not.toBeNull();
  const bad = await reserve({ file: 'a' });
  expect([bad.status, bad.body]).toEqual([400, { error: 'file and specialist_id are required' }]);
});

interface Answered {
  readonly status: number;
  readonly body: { lock: { reserved_by: string }; mailbox: { events: { sequence_number: number }[] } };
}

async function post(url: string, body: unknown): Promise<Answered> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answered['body'] };
}

async function race(urls: readonly string[]): Promise<void> {
  const at = (i: number) => urls[i % urls.length]!;
  const acquired = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      post(`${at(i)}/api/v1/lock/acquire`, { file: 'contested', specialist_id: `spec-${i}` }),
    ),
  );
  const winners = acquired.filter(({ status }) => status === 200);
  expect(winners).toHaveLength(1);
  const losers = acquired.filter(({ status }) => status === 409);
  expect(losers).toHaveLength(39);
  const winner = winners[0]!.body.lock.reserved_by;
  expect(new Set(losers.map(({ body }) => body.lock.reserved_by))).toEqual(new Set([winner]));

  const appended = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      post(`${at(i)}/api/v1/mailbox/append`, { stream_id: 'busy', events: [{ type: 'n', data: i }] }),
    ),
  );
  expect(new Set(appended.map(({ status }) => status))).toEqual(new Set([200]));
  const own = appended.map(({ body }) => body.mailbox.events.at(-1)!.sequence_number);
  expect(own.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
}

it('grants a contested file once and numbers parallel appends without a gap [SQ-C18, SQ-R04, SQ-R14]', async () => {
  const server = await squawkServer();
  await race([server.url]);
});

it('does so through two server processes on one file as well [SQ-C18]', async () => {
  const folder = temporaryFolder();
  const [a, b] = await Promise.all([serve(folder, '--open'), serve(folder, '--open')]);
  await race([a.url, b.url]);
});
