import { expect, it } from 'vitest';
import { type SquawkServerUnderTest, squawkServer } from '../support/squawk.ts';

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

async function guarded() {
  const server = await squawkServer({ open: false });
  const register = async (specialist_id: string) => {
    const body = { specialist_id, name: specialist_id };
    const answer = await server.post('/api/v1/specialists/register', body, bearer(server.adminToken));
    expect(answer.status).toBe(201);
    return bearer(answer.body.token);
  };
  return { server, a: await register('spec-a'), b: await register('spec-b') };
}

const acquire = (
  server: SquawkServerUnderTest,
  specialist_id: string | undefined,
  headers: Record<string, string>,
) => server.post('/api/v1/lock/acquire', { file: 'f', specialist_id }, headers);

it('answers nobody without a token [SQ-R10]', async () => {
  const { server } = await guarded();
  for (const headers of [{}, bearer('wrong'), { Authorization: 'Basic eDp5' }]) {
    const answer = await server.get('/api/v1/locks', headers);
    expect([answer.status, answer.body]).toEqual([401, { error: 'Unauthorized' }]);
    expect((await acquire(server, 'spec-a', headers)).status).toBe(401);
  }
});

it('lets a token act for its own specialist alone [SQ-R10]', async () => {
  const { server, a, b } = await guarded();
  const { lock } = (await acquire(server, 'spec-a', a)).body;
  expect(lock.reserved_by).toBe('spec-a');
  expect((await acquire(server, 'spec-a', b)).status).toBe(403);
  const pretending = await server.post(
    '/api/v1/lock/release',
    { lock_id: lock.id, specialist_id: 'spec-a' },
    b,
  );
  expect([pretending.status, pretending.body]).toEqual([
    403,
    { error: 'Cannot release lock: wrong specialist' },
  ]);
  const reservation = await server.post('/api/v1/ctk/release', { reservation_id: lock.id }, b);
  expect(reservation.status).toBe(403);
  const unnamed = await server.post('/api/v1/lock/release', { lock_id: lock.id }, a);
  expect(unnamed.status).toBe(403);
  expect((await server.get(`/api/v1/lock/${lock.id}`, a)).body.lock.status).toBe('active');
  const own = await server.post('/api/v1/lock/release', { lock_id: lock.id, specialist_id: 'spec-a' }, a);
  expect([own.status, own.body.lock.status]).toEqual([200, 'released']);
});

it('tells the id of a lock to its holder only [SQ-C15]', async () => {
  const { server, a, b } = await guarded();
  const { lock } = (await acquire(server, 'spec-a', a)).body;
  const conflict = await acquire(server, 'spec-b', b);
  const { id, ...rest } = lock;
  expect([conflict.status, conflict.body]).toEqual([409, { error: 'File already locked', lock: rest }]);
  expect(id).toMatch(/^lock_/);
});

it('lets a token with act-as act for others, and the ledger knows for whom', async () => {
  const { server, b } = await guarded();
  const admin = bearer(server.adminToken);
  const { lock } = (await acquire(server, 'spec-a', admin)).body;
  expect(lock.reserved_by).toBe('spec-a');
  expect((await acquire(server, 'spec-b', { ...admin, 'X-Rookery-Agent': 'spec-b' })).status).toBe(409);
  expect((await acquire(server, 'spec-a', { ...admin, 'X-Rookery-Agent': 'spec-b' })).status).toBe(403);
  expect((await acquire(server, 'spec-b', { ...b, 'X-Rookery-Agent': 'spec-a' })).status).toBe(403);
  const released = await server.post('/api/v1/ctk/release', { reservation_id: lock.id }, admin);
  expect(released.status).toBe(200);
  const { entries } = (await server.get('/api/v1/audit/entries', admin)).body;
  const grants = entries
    .map(({ entry }: { entry: string }) => JSON.parse(entry))
    .filter(({ op }: { op: string }) => op === 'locks.acquire');
  expect(grants).toMatchObject([{ actor: 'spec-a', via: 'admin', decision: 'allow' }]);
});

it('gives a specialist its secret once', async () => {
  const { server, a } = await guarded();
  const register = (headers: Record<string, string>, body: object) =>
    server.post('/api/v1/specialists/register', { name: 'x', ...body }, headers);
  const again = await register(bearer(server.adminToken), { specialist_id: 'spec-a' });
  expect([again.status, 'token' in again.body]).toEqual([201, false]);
  const own = await register(a, { specialist_id: 'spec-a' });
  expect([own.status, 'token' in own.body]).toEqual([201, false]);
  expect((await register(a, { specialist_id: 'spec-b' })).status).toBe(403);
});

it('knows an open server’s caller by header, then by request', async () => {
  const server = await squawkServer();
  const { lock } = (await acquire(server, 'spec-a', {})).body;
  const named = { 'X-Rookery-Agent': 'spec-b' };
  expect((await acquire(server, 'spec-a', named)).status).toBe(403);
  expect((await acquire(server, 'spec-b', named)).status).toBe(409);
  expect((await server.post('/api/v1/ctk/release', { reservation_id: lock.id }, named)).status).toBe(403);
  expect((await server.post('/api/v1/ctk/release', { reservation_id: lock.id })).status).toBe(200);
});
