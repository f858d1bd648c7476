import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { PostgresEngine } from '../../src/kernel/engines/postgres/engine.ts';
import { locate } from '../../src/kernel/engines/postgres/location.ts';
import { one, statement } from '../../src/kernel/work.ts';
import { openRookery } from '../../src/rookery.ts';
import { run } from '../support/processes.ts';
import { masterKey, onServer } from './index.ts';
import { Embedded } from './pglite.ts';

describe('Postgres URLs', () => {
  it('keeps its own parameter and leaves the others to the driver', () => {
    expect(locate('postgres://u:secret@db:5433/app?schema=fleet&sslmode=verify-full')).toEqual({
      connection: 'postgres://u:secret@db:5433/app?sslmode=verify-full',
      schema: 'fleet',
      shown: 'postgres://u@db:5433/app?schema=fleet',
    });
    expect(locate('postgresql:///app?host=/run/postgresql')).toMatchObject({
      schema: 'rookery',
      shown: 'postgres:///run/postgresql/app?schema=rookery',
    });
  });

  it.each([
    'not a url',
    'mysql://u:secret@db/app',
    'postgres://u:secret@db/app?schema=',
    'postgres://u:secret@db/app?schema=a"b',
    'postgres://u:secret@db/app?schema=pg_own',
    `postgres://u:secret@db/app?schema=${'a'.repeat(64)}`,
  ])('refuses %s without repeating a password', (url) => {
    expect(() => locate(url)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    expect(() => locate(url)).not.toThrow('secret');
  });

  it('asks for a root key, and for a URL or a path', async () => {
    const url = 'postgres://nobody@127.0.0.1:1/none';
    await expect(openRookery({ url })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'masterKey' },
    });
    await expect(openRookery({ url, masterKey: 'short' })).rejects.toMatchObject({ code: 'WRONG_KEY' });
    await expect(openRookery({ url, path: '/tmp/x', masterKey })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'path' },
    });
  });

  it('says how to install a driver that is missing, of Postgres or of Redis', async () => {
    const { stdout } = await run('test/faults/children/open-without-driver.ts');
    const [pg, redis] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(pg).toMatchObject({ code: 'MISSING_PACKAGE', package: 'pg', install: 'npm install pg' });
    expect(redis).toMatchObject({ code: 'MISSING_PACKAGE', install: 'npm install ioredis' });
  });
});

describe('Postgres without a disk', () => {
  it('is refused where durability was promised', async () => {
    const server = await Embedded.start();
    const opening = PostgresEngine.open({
      schema: 'rookery',
      location: 'pglite',
      connect: async (configure) => server.clients(configure),
    });
    await expect(opening).rejects.toMatchObject({
      code: 'STORAGE_MISCONFIGURED',
      details: { setting: 'fsync', actual: 'off' },
    });
    await server.stop();
  });
});

onServer('engine', ({ harness, url, fresh }) => {
  it('describes the server as it is', async () => {
    const full = await (await harness.open()).store.engine.describe();
    expect(full).toMatchObject({
      engine: 'postgres',
      settings: { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', server_encoding: 'UTF8' },
    });
    expect(Number.parseInt(full.version, 10)).toBeGreaterThanOrEqual(15);
    expect(full.sizeBytes).toBeGreaterThan(100_000);
    const relaxed = await (await harness.open({ durability: 'relaxed' })).store.engine.describe();
    expect(relaxed.settings['synchronous_commit']).toBe('off');
  });

  it('gives values as SQLite gives them', async () => {
    const { engine } = (await harness.open()).store;
    const values = statement(`
      SELECT 9007199254740991::bigint AS big, 0.5::real AS part, count(*) AS n, sum(1::bigint) AS total, true AS yes,
        'ü'::text AS text, '\\x00ff'::bytea AS bytes, NULL::text AS nothing, '2026-01-02 03:04:05'::timestamp AS time`);
    expect(await engine.read(() => one(values))).toEqual({
      ...{ big: 9007199254740991, part: 0.5, n: 1, total: 1, yes: 1 },
      ...{ text: 'ü', bytes: new Uint8Array([0, 255]), nothing: null, time: '2026-01-02 03:04:05' },
    });
    const inexact = statement('SELECT 9007199254740993::bigint AS big');
    await expect(engine.read(() => one(inexact))).rejects.toThrow('not an exact number');
  });

  it('keeps several stores of one database apart', async () => {
    const stores = await Promise.all(
      [fresh(), fresh()].map((store) => openRookery({ url: store, masterKey })),
    );
    await stores[0]!.memory.set({ key: 'k', value: 1 });
    expect(await stores[1]!.memory.get({ key: 'k' })).toBeNull();
    await Promise.all(stores.map((store) => store.close()));
  });

  it('refuses a schema of another program, and leaves it as it was', async () => {
    const store = fresh();
    const schema = new URL(store).searchParams.get('schema')!;
    const admin = new Client({ connectionString: url });
    await admin.connect();
    await admin.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.schema_migrations (version TEXT)`);
    await expect(openRookery({ url: store, masterKey })).rejects.toMatchObject({
      code: 'STORE_INCOMPATIBLE',
      details: { schema },
    });
    const { rows } = await admin.query('SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace', [
      schema,
    ]);
    expect(rows.map(({ relname }) => relname)).toEqual(['schema_migrations']);
    await admin.end();
  });

  it('says which database or login the server refuses', async () => {
    const missing = url.replace(/\/postgres$/, '/no_such_database');
    await expect(openRookery({ url: missing, masterKey })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('no_such_database'),
    });
  });

  it('refuses work after it was closed', async () => {
    const rookery = await harness.open();
    await rookery.close();
    await rookery.close();
    const { engine } = rookery.store;
    const zero = statement('SELECT 0 AS n');
    for (const closed of [
      engine.read(() => one(zero)),
      engine.transact(() => one(zero)),
      engine.describe(),
    ]) {
      await expect(closed).rejects.toMatchObject({ code: 'CLOSED' });
    }
    expect(() => engine.watch(() => {})).toThrow('closed');
  });
});
