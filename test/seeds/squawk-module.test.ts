import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  closeDatabase,
  cursorOps,
  eventOps,
  getAdapter,
  initializeDatabase,
  type LockInput,
  lockOps,
  mailboxOps,
  startSquawkServer,
} from '../../src/doors/squawk/index.ts';
import { ended, run, start, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

let path: string;

beforeEach(() => {
  path = join(temporaryFolder(), 'new', 'folder', 'squawk.db');
});
afterEach(closeDatabase);

async function restart(): Promise<void> {
  await closeDatabase();
  await initializeDatabase(path);
}

async function acquired(input: LockInput) {
  const result = await lockOps.acquire(input);
  if (result.conflict) throw new Error(`held by ${result.existing_lock.reserved_by}`);
  return result.lock;
}

const names = (type: string) =>
  getAdapter()
    .db.prepare('SELECT name FROM sqlite_master WHERE type = ? ORDER BY name')
    .all(type)
    .map(({ name }) => name);

it('makes folder, file, tables, indexes and trigger [SQ-C01]', async () => {
  await initializeDatabase(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  const { db } = getAdapter();
  expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(db.prepare('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 });
  expect(Number(db.prepare('PRAGMA synchronous').get()!['synchronous'])).toBeGreaterThanOrEqual(1);
  expect(names('table')).toEqual(
    expect.arrayContaining(['mailboxes', 'events', 'cursors', 'locks', 'specialists', 'missions', 'sorties']),
  );
  expect(names('index')).toEqual(
    expect.arrayContaining([
      'idx_events_mailbox',
      'idx_events_stream',
      'idx_events_sequence',
      'idx_locks_file',
      'idx_locks_reserved_by',
      'idx_specialists_status',
    ]),
  );
  expect(names('trigger')).toContain('update_mailbox_timestamp');
  const adapter = getAdapter();
  await initializeDatabase(path);
  expect(getAdapter()).toBe(adapter);
  expect(await adapter.isHealthy()).toBe(true);
});

it('asks to be initialised, and keeps all rows over a restart [SQ-C02]', async () => {
  expect(() => getAdapter()).toThrow('Database not initialized. Call initializeDatabase() first.');
  await initializeDatabase(path);
  await eventOps.append('s', [{ type: 'a', data: 1 }]);
  await closeDatabase();
  await closeDatabase();
  expect(() => getAdapter()).toThrow('Database not initialized. Call initializeDatabase() first.');
  await initializeDatabase(path);
  expect(await eventOps.getByMailbox('s')).toHaveLength(1);
  const other = join(dirname(path), 'other');
  await initializeDatabase(other);
  expect(statSync(other).isFile()).toBe(true);
  expect(await mailboxOps.getAll()).toEqual([]);
});

it('fails where the file cannot be, instead of going elsewhere [SQ-R01, SQ-R02]', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await expect(initializeDatabase(join(file, 'squawk.db'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  await expect(initializeDatabase(dirname(file))).rejects.toThrow('is a folder');
  await expect(startSquawkServer({ port: 0, dbPath: join(file, 'squawk.db') })).rejects.toThrow(
    'cannot create',
  );
  expect(() => getAdapter()).toThrow('not initialized');
});

it('keeps mailboxes and their events [SQ-C03, SQ-R16, SQ-R17]', async () => {
  await initializeDatabase(path);
  const { mailboxes } = getAdapter();
  expect(await mailboxOps.create('team-a')).toMatchObject({ id: 'team-a' });
  expect(await eventOps.append('team-a', [{ type: 'note', data: { n: 1 } }])).toMatchObject([
    { sequence_number: 1, type: 'note', data: { n: 1 } },
  ]);
  const times = { created_at: '2020-01-02T03:04:05Z', updated_at: '2020-01-03 04:05:06' };
  expect(await mailboxes.create({ id: 'old', ...times })).toEqual({ id: 'old', ...times });
  expect(await mailboxes.create({ id: 'older', ...times })).toEqual({ id: 'older', ...times });
  await restart();
  expect(await mailboxOps.getById('old')).toEqual({ id: 'old', ...times });
  expect((await mailboxOps.getAll()).map(({ id }) => id)[0]).toBe('team-a');
  expect([await mailboxOps.exists('team-a'), await mailboxOps.exists('x')]).toEqual([true, false]);
  expect(await mailboxOps.getById('x')).toBeNull();
  const [event] = await eventOps.getByMailbox('team-a');
  expect(event).toMatchObject({ sequence_number: 1, data: { n: 1 } });

  // Data and metadata as JSON text, and times that run backwards: order is the sequence.
  await eventOps.append('team-a', [
    { type: 'b', data: '{"n":2}', metadata: '{"m":1}', occurred_at: '2019-01-01T00:00:00.000Z' },
    { type: 'c', data: 'plain', occurred_at: '2018-01-01T00:00:00.000Z' },
  ]);
  const all = await getAdapter().events.queryByStream('squawk', 'team-a', 0);
  expect(all.map(({ sequence_number, data }) => [sequence_number, data])).toEqual([
    [1, { n: 1 }],
    [2, { n: 2 }],
    [3, 'plain'],
  ]);
  expect(await eventOps.getByMailbox('team-a', { after: 1, limit: 1 })).toEqual([all[1]]);
  expect(await getAdapter().events.getLatestByStream('squawk', 'team-a')).toEqual(all[2]);
  expect(await getAdapter().events.queryByType('b')).toEqual([all[1]]);
  expect(await getAdapter().events.getEvents({ stream_id: 'team-a', after: 2 })).toEqual([all[2]]);
  expect(await getAdapter().events.queryByStream('ctk', 'team-a')).toEqual([]);
});

it('keeps cursors, and answers each call with the stored row [SQ-C04, SQ-R21]', async () => {
  await initializeDatabase(path);
  await eventOps.append(
    's',
    [1, 2, 3, 4, 5].map((n) => ({ type: 'n', data: n })),
  );
  const cursor = await cursorOps.advance('s', 2);
  expect(cursor).toMatchObject({
    id: 's_cursor',
    position: 2,
    consumer_id: 'default',
    stream_type: 'squawk',
  });
  expect(await cursorOps.getById('s_cursor')).toEqual(cursor);
  expect(await cursorOps.getByStream('s')).toEqual(cursor);
  expect(await cursorOps.update('s_cursor', { position: 4 })).toMatchObject({ position: 4 });
  expect(await cursorOps.update('none', { position: 4 })).toBeNull();
  expect(await cursorOps.advance('s', 1)).toMatchObject({ position: 4 });
  expect(await cursorOps.upsert({ stream_id: 's', position: 1, consumer_id: 'b' })).toMatchObject({
    position: 1,
  });
  expect(await cursorOps.upsert({ stream_id: 's', position: 3, consumer_id: 'b' })).toMatchObject({
    position: 3,
  });
  for (const position of [6, -1, 0.5])
    await expect(cursorOps.advance('s', position)).rejects.toThrow(RangeError);
  await restart();
  expect(await cursorOps.getByStream('s')).toMatchObject({ position: 4 });
  expect(await cursorOps.advance('s', 1, { reset: true })).toMatchObject({ position: 1 });
  expect(await cursorOps.getByStream('s', 'b')).toMatchObject({ position: 3 });
  expect(await cursorOps.getByStream('none')).toBeNull();
  expect(await getAdapter().cursors.getAll()).toHaveLength(2);
});

it('keeps locks over restarts [SQ-C05, SQ-R09]', async () => {
  await initializeDatabase(path);
  const lock = await acquired({ file: '/test/file.txt', specialist_id: 'spec-a', metadata: '{"m":1}' });
  expect(lock).toMatchObject({ file: '/test/file.txt', reserved_by: 'spec-a', metadata: { m: 1 } });
  await restart();
  expect(await lockOps.getById(lock.id)).toEqual(lock);
  expect(await lockOps.getByFile('/test//./file.txt')).toEqual(lock);
  expect(await lockOps.acquire({ file: '/test/file.txt', reserved_by: 'spec-b' })).toEqual({
    conflict: true,
    existing_lock: lock,
  });
  expect(await lockOps.acquire({ file: '/test/file.txt', specialist_id: 'spec-a' })).toMatchObject({
    conflict: false,
    renewed: true,
    id: lock.id,
    lock: { id: lock.id },
  });
  await expect(lockOps.release(lock.id, 'spec-b')).rejects.toThrow('Cannot release lock: wrong specialist');
  const released = await lockOps.release(lock.id);
  expect(released).toMatchObject({ status: 'released' });
  await restart();
  expect(await lockOps.getById(lock.id)).toEqual(released);
  expect(await lockOps.release(lock.id)).toEqual(released);
  expect([await lockOps.release('lock_none'), await lockOps.getById('lock_none')]).toEqual([null, null]);
  expect(await lockOps.getByFile('/test/file.txt')).toBeNull();
  const taken = await acquired({ file: 'b', specialist_id: 'spec-b' });
  expect(await lockOps.renew(taken.id, 'spec-b', 60_000)).toMatchObject({ timeout_ms: 60_000 });
  expect((await lockOps.getActive()).map(({ id }) => id)).toEqual([taken.id]);
  expect(await lockOps.forceRelease(taken.id, { by: 'chief', reason: 'gone' })).toMatchObject({
    status: 'force_released',
  });
  await expect(lockOps.release(taken.id)).rejects.toThrow('Lock is no longer held');
  expect(await lockOps.getActive()).toEqual([]);
  expect(await lockOps.getAll()).toHaveLength(2);
});

it('marks what ran out, and nothing else, once [SQ-C06, SQ-R07, SQ-R08]', async () => {
  await initializeDatabase(path);
  const short = await acquired({ file: 'short', specialist_id: 'a', timeout_ms: 1 });
  const endless = await acquired({ file: 'endless', specialist_id: 'a' });
  const long = await acquired({ file: 'long', specialist_id: 'a', timeout_ms: 60_000 });
  getAdapter()
    .db.prepare('UPDATE locks SET timeout_ms = NULL, expires_at = NULL, expires_at_ms = NULL WHERE id = ?')
    .run(endless.id);
  await until('the first has run out', async () => (await lockOps.getExpired()).length > 0);
  expect(await lockOps.releaseExpired()).toBe(1);
  expect(await lockOps.getById(short.id)).toMatchObject({
    status: 'expired',
    released_at: short.expires_at,
  });
  expect(await lockOps.getById(endless.id)).toMatchObject({ status: 'active', expires_at: null });
  expect(await lockOps.getById(long.id)).toEqual(long);
  expect(await lockOps.releaseExpired()).toBe(0);
  expect((await lockOps.getExpired()).map(({ id }) => id)).toEqual([short.id]);
});

it('deletes the events of a mailbox with it, and moves its time in one format [SQ-C07]', async () => {
  await initializeDatabase(path);
  await eventOps.append('s', [{ type: 'n', data: 1 }]);
  const { db, mailboxes } = getAdapter();
  const before = (await mailboxes.getById('s'))!;
  db.prepare("UPDATE mailboxes SET owner = 'somebody' WHERE id = 's'").run();
  const after = (await mailboxes.getById('s'))!;
  expect(after.updated_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(Date.parse(after.updated_at)).toBeGreaterThanOrEqual(Date.parse(before.updated_at));
  db.prepare("UPDATE mailboxes SET updated_at = '2020-01-01T00:00:00.000Z' WHERE id = 's'").run();
  expect(await mailboxes.getById('s')).toMatchObject({ updated_at: '2020-01-01T00:00:00.000Z' });
  expect((await mailboxes.update('s'))!.updated_at).not.toBe('2020-01-01T00:00:00.000Z');
  await mailboxes.create({ id: 'kept' });
  expect([await mailboxes.delete('s'), await mailboxes.delete('s')]).toEqual([true, false]);
  expect(db.prepare('SELECT count(*) AS n FROM events').get()).toEqual({ n: 0 });
  await eventOps.append('kept', [{ type: 'n', data: 1 }]);
  db.prepare("DELETE FROM mailboxes WHERE id = 'kept'").run();
  expect(db.prepare('SELECT count(*) AS n FROM events').get()).toEqual({ n: 0 });
});

it('is held to its rules by the tables themselves [SQ-R04, SQ-R14, SQ-R21]', async () => {
  await initializeDatabase(path);
  const { db } = getAdapter();
  await eventOps.append('s', [{ type: 'n', data: 1 }]);
  await cursorOps.advance('s', 1);
  await acquired({ file: 'f', specialist_id: 'a' });
  const again = {
    'UNIQUE constraint failed: locks': `INSERT INTO locks (id, file, normalized_path, reserved_by, reserved_at)
      VALUES ('second', 'f', 'f', 'b', '2026-01-01T00:00:00.000Z')`,
    'UNIQUE constraint failed: events': `INSERT INTO events (id, mailbox_id, type, stream_type, stream_id,
      sequence_number, data, occurred_at) VALUES ('e', 's', 'n', 'squawk', 's', 1, '1', '2026-01-01')`,
    'FOREIGN KEY constraint failed': `INSERT INTO events (id, mailbox_id, type, stream_type, stream_id,
      sequence_number, data, occurred_at) VALUES ('e', 'none', 'n', 'squawk', 'none', 1, '1', '2026-01-01')`,
    'UNIQUE constraint failed: cursors': `INSERT INTO cursors (id, stream_id, position, created_at, updated_at)
      VALUES ('c', 's', 1, '2026-01-01', '2026-01-01')`,
    'CHECK constraint failed: position': 'UPDATE cursors SET position = -1',
  };
  for (const [refusal, sql] of Object.entries(again)) expect(() => db.prepare(sql).run()).toThrow(refusal);
});

it('shares one file among processes without a lock error [SQ-C08, SQ-R04]', async () => {
  await initializeDatabase(path);
  const child = 'test/seeds/children/squawk-writer.ts';
  const [one, two] = await Promise.all([
    run(child, [path, 'one', '50']),
    run(child, [path, 'two', '50']),
    ...Array.from({ length: 50 }, (_, i) => eventOps.append('shared', [{ type: 'here', data: i }])),
  ]);
  expect([one.stderr, two.stderr, one.status, two.status]).toEqual(['', '', 0, 0]);
  const events = await eventOps.getByMailbox('shared');
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(
    Array.from({ length: 150 }, (_, i) => i + 1),
  );
  expect(await lockOps.getAll()).toHaveLength(100);
});

it('runs what the seed prints, as printed [SQ-C09]', async () => {
  const folder = temporaryFolder();
  const printed = await run('test/seeds/children/squawk-printed.mjs', [], { FLEET_DATA_DIR: folder });
  expect(printed.stderr).toBe('');
  expect(JSON.parse(printed.stdout)).toMatchObject({
    n: 0,
    changes: 0,
    events: [{ sequence_number: 1, type: 'TaskAssigned', data: { task_id: 'task-1' } }],
    cursor: { position: 1 },
    locks: [{ status: 'released' }],
  });
  expect(statSync(join(folder, 'squawk.db')).isFile()).toBe(true);
});

it('stores positions for a stream without a mailbox [SQ-C09]', async () => {
  await initializeDatabase(path);
  expect(await getAdapter().cursors.advance('fresh-stream', 42)).toMatchObject({ position: 42 });
  await restart();
  expect(await getAdapter().cursors.getByStream('fresh-stream')).toMatchObject({ position: 42 });
  expect(await getAdapter().cursors.advance('fresh-stream', 50)).toMatchObject({ position: 50 });
  expect(await getAdapter().cursors.advance('zero', 0)).toMatchObject({ position: 0 });
  await restart();
  expect(await getAdapter().cursors.getByStream('fresh-stream')).toMatchObject({ position: 50 });
  expect(await getAdapter().cursors.getByStream('zero')).toMatchObject({ position: 0 });
});

it('makes one transaction of several calls', async () => {
  await initializeDatabase(path);
  const adapter = getAdapter();
  await mailboxOps.create('before');
  await adapter.beginTransaction();
  await eventOps.append('inside', [{ type: 'n', data: 1 }]);
  expect(adapter.db.prepare('SELECT count(*) AS n FROM mailboxes').get()).toEqual({ n: 2 });
  await expect(cursorOps.advance('inside', 2)).rejects.toThrow(RangeError);
  await expect(adapter.beginTransaction()).rejects.toThrow('open already');
  const count = adapter.db.prepare('SELECT count(*) AS n FROM mailboxes');
  await adapter.rollbackTransaction();
  expect(count.get()).toEqual({ n: 1 });
  expect(await mailboxOps.exists('inside')).toBe(false);
  await adapter.beginTransaction();
  await eventOps.append('inside', [{ type: 'n', data: 1 }]);
  await adapter.commitTransaction();
  await expect(adapter.commitTransaction()).rejects.toThrow('no transaction is open');
  await restart();
  expect(await eventOps.getByMailbox('inside')).toHaveLength(1);
});

it('counts what is there and folds the log back', async () => {
  await initializeDatabase(path);
  await eventOps.append('s', [{ type: 'n', data: 1 }]);
  await acquired({ file: 'f', specialist_id: 'a' });
  await getAdapter().maintenance();
  expect(await getAdapter().getStats()).toEqual({
    // The event, and that of the lock.
    total_events: 2,
    total_missions: 0,
    active_missions: 0,
    active_locks: 1,
    total_checkpoints: 0,
    database_size_bytes: expect.any(Number),
    wal_size_bytes: 0,
  });
});

it('registers specialists', async () => {
  await initializeDatabase(path);
  const { specialists } = getAdapter();
  const made = await specialists.register({ id: 'spec-a', name: 'A', capabilities: '["ts"]' });
  expect(made).toMatchObject({ id: 'spec-a', status: 'active', capabilities: ['ts'] });
  expect(await specialists.updateStatus('spec-a', 'busy')).toBe(true);
  await restart();
  const again = getAdapter().specialists;
  expect(await again.getById('spec-a')).toMatchObject({ status: 'busy' });
  expect(await again.getAll({ status: 'busy' })).toHaveLength(1);
  expect(await again.getAll({ status: 'idle' })).toEqual([]);
  expect(await again.heartbeat('nobody')).toBeNull();
});

it('serves the same file, and ends when it is told to', async () => {
  const ready: number[] = [];
  const server = await startSquawkServer({ port: 0, dbPath: path, onReady: ({ port }) => ready.push(port) });
  expect(ready).toEqual([server.port]);
  const status = async () => (await fetch(`${server.url}/api/v1/mailbox/unfinished`)).status;
  expect(await status()).toBe(404);
  await getAdapter().beginTransaction();
  await mailboxOps.create('unfinished');
  expect(await status()).toBe(404);
  await getAdapter().commitTransaction();
  expect(await status()).toBe(200);
  await server.close();
  await expect(status()).rejects.toThrow();
  await expect(startSquawkServer({ port: 0, host: '0.0.0.0', auth: 'open', dbPath: path })).rejects.toThrow(
    'only on a loopback host',
  );
  const guarded = await startSquawkServer({ port: 0, auth: 'token', dbPath: path });
  const refused = await fetch(`${guarded.url}/api/v1/locks`);
  expect([refused.status, await refused.json()]).toEqual([401, { error: 'Unauthorized' }]);
  const token = readFileSync(guarded.adminTokenFile!, 'utf8').trim();
  const headers = { Authorization: `Bearer ${token}` };
  expect((await fetch(`${guarded.url}/api/v1/locks`, { headers })).status).toBe(200);
  await guarded.close();
});

it('ends by itself at a signal', async () => {
  const child = start('test/seeds/children/squawk-server.ts', [path], {
    CORS_ALLOWED_ORIGINS: 'https://a.example, https://b.example',
  });
  const { value: url } = await child.lines.next();
  const answer = await fetch(`${url}/api/v1/locks`, { headers: { Origin: 'https://b.example' } });
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://b.example');
  child.process.kill('SIGTERM');
  expect(await ended(child.process)).toBe(0);
  expect(child.stderr()).toBe('');
});
