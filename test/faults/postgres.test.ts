import { Client } from 'pg';
import { afterEach, expect, it } from 'vitest';
import { channelOf } from '../../src/kernel/engines/postgres/engine.ts';
import { change, one, script, statement, type Work } from '../../src/kernel/work.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { masterKey, onServer } from '../engines/index.ts';
import { freePort } from '../engines/server.ts';
import { proxyTo } from '../support/proxy.ts';
import { entriesOf, executeScript, select } from '../support/statements.ts';
import { until } from '../support/until.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close();
});

async function open(url: string): Promise<Rookery> {
  const rookery = await openRookery({ url, masterKey });
  opened.push(rookery);
  return rookery;
}

async function adminOf(url: string): Promise<Client> {
  const admin = new Client({ connectionString: url });
  admin.on('error', () => {});
  await admin.connect();
  opened.push({ close: () => admin.end() });
  return admin;
}

const bump = statement("UPDATE store SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'n'");
const startAtZero = "INSERT INTO store (name, value) VALUES ('n', '0')";

async function counter(rookery: Rookery): Promise<number> {
  const [row] = await select<{ value: string }>(rookery, "SELECT value FROM store WHERE name = 'n'");
  return Number(row!.value);
}

onServer('faults', ({ harness, url, fresh }) => {
  it.each(['before', 'after'] as const)(
    'says that the outcome is unknown when the connection is cut %s the server has the commit',
    async (when) => {
      const proxy = await proxyTo(url);
      const store = fresh();
      const schema = new URL(store).search;
      const rookery = await open(proxy.url + schema);
      await rookery.memory.set({ key: 'k', value: 0 });
      proxy.cutAt('COMMIT\0', when);
      await expect(rookery.memory.set({ key: 'k', value: 1 })).rejects.toMatchObject({
        code: 'OUTCOME_UNKNOWN',
      });
      const expected = when === 'after' ? 1 : 0;
      await until('the commit arrived or not', async () => {
        return (await rookery.memory.get({ key: 'k' }))?.value === expected;
      });
      // The store works on, and its ledger is whole.
      expect((await rookery.memory.set({ key: 'k', value: 2 })).revision).toBe(expected + 2);
      expect(await rookery.audit.verify()).toMatchObject({ ok: true });
    },
  );

  it('starts over when the connection is cut before the commit, and does the work once', async () => {
    const proxy = await proxyTo(url);
    const rookery = await open(proxy.url + new URL(fresh()).search);
    proxy.cutAt('INSERT INTO memory', 'after');
    expect(await rookery.memory.incr({ key: 'n' })).toEqual({ value: 1, revision: 1 });
    proxy.cutAt('BEGIN', 'before');
    expect((await rookery.memory.get({ key: 'n' }))?.value).toBe(1);
    expect((await entriesOf(rookery)).filter(({ op }) => op === 'memory.incr')).toHaveLength(1);
  });

  it('starts over when the server ends its sessions', async () => {
    const rookery = await harness.open();
    const { engine } = rookery.store;
    const admin = await adminOf(url);
    await executeScript(rookery, startAtZero);
    await engine.transact(() => change(bump));
    const session = statement('SELECT pg_backend_pid() AS pid');
    const sessions = [await engine.read(() => one(session)), await engine.transact(() => one(session))];
    for (const { pid } of sessions as { pid: number }[]) {
      const { rows } = await admin.query('SELECT pg_terminate_backend($1) AS ended', [pid]);
      expect(rows).toEqual([{ ended: true }]);
    }
    await engine.transact(() => change(bump));
    expect(await counter(rookery)).toBe(2);
  });

  it('is unavailable while the server is away, and comes back by itself', async () => {
    const proxy = await proxyTo(url);
    const rookery = await open(proxy.url + new URL(fresh()).search);
    await rookery.memory.set({ key: 'k', value: 1 });
    await proxy.away();
    await expect(rookery.memory.set({ key: 'k', value: 2 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(rookery.memory.get({ key: 'k' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await proxy.restore();
    expect((await rookery.memory.get({ key: 'k' }))?.value).toBe(1);
    expect((await rookery.memory.set({ key: 'k', value: 3 })).revision).toBe(2);
  });

  it('is unavailable where nothing listens', async () => {
    const nowhere = `postgres://postgres@127.0.0.1:${await freePort()}/postgres`;
    await expect(openRookery({ url: nowhere, masterKey })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('starts the whole batch over after a serialization failure in one of its works', async () => {
    const rookery = await harness.open();
    await executeScript(rookery, 'CREATE SEQUENCE attempts');
    // Sequences do not roll back: the first two attempts fail.
    const unlucky = `DO $$ BEGIN
      IF nextval('attempts') <= 2 THEN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END IF;
    END $$`;
    const [incremented, written] = await Promise.all([
      rookery.memory.incr({ key: 'n' }),
      rookery.store.commits.submit({
        project: 'default',
        *run(): Work<string> {
          yield* script(unlucky);
          return 'done';
        },
      }),
      rookery.memory.incr({ key: 'n' }),
    ]);
    expect([incremented.value, written]).toEqual([1, 'done']);
    expect((await rookery.memory.get({ key: 'n' }))?.value).toBe(2);
    const [attempts] = await select<{ n: number }>(rookery, 'SELECT last_value AS n FROM attempts');
    expect(attempts?.n).toBe(3);
  });

  it('resolves a deadlock between two processes', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const admin = await adminOf(url);
    await executeScript(
      one,
      'CREATE TABLE pair (id BIGINT PRIMARY KEY, n BIGINT); INSERT INTO pair VALUES (1, 0), (2, 0);',
    );
    await admin.query('SELECT pg_advisory_lock(77)');
    const touch = statement('UPDATE pair SET n = n + 1 WHERE id = $1');
    const both = (rookery: Rookery, first: number, second: number) =>
      rookery.store.engine.transact(function* () {
        yield* script("SET LOCAL deadlock_timeout = '20ms'");
        yield* change(touch, [first]);
        yield* script('SELECT pg_advisory_xact_lock_shared(77)');
        yield* change(touch, [second]);
      });
    const works = Promise.all([both(one, 1, 2), both(two, 2, 1)]);
    await until('both hold one row and wait', async () => {
      const { rows } = await admin.query('SELECT count(*) FROM pg_locks WHERE objid = 77 AND NOT granted');
      return Number(rows[0].count) === 2;
    });
    await admin.query('SELECT pg_advisory_unlock(77)');
    await works;
    expect(await select(one, 'SELECT id, n FROM pair ORDER BY id')).toEqual([
      { id: 1, n: 2 },
      { id: 2, n: 2 },
    ]);
  });

  it('reports a full disk, and the neighbours in the batch are kept', async () => {
    const rookery = await harness.open();
    await executeScript(
      rookery,
      `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER no_room BEFORE INSERT ON memory FOR EACH ROW WHEN (NEW.key = 'big') EXECUTE FUNCTION no_room();`,
    );
    const [small, big] = await Promise.allSettled([
      rookery.memory.set({ key: 'small', value: 1 }),
      rookery.memory.set({ key: 'big', value: 1 }),
    ]);
    expect(small.status).toBe('fulfilled');
    expect(big).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_FULL' } });
    expect(await rookery.memory.get({ key: 'big' })).toBeNull();
  });

  it('goes on after a table got a new column under a kept plan', async () => {
    const rookery = await harness.open();
    const all = statement('SELECT * FROM swarms');
    const look = () => rookery.store.engine.read(() => one(all));
    for (let i = 0; i < 3; i++) await look();
    await executeScript(rookery, "ALTER TABLE swarms ADD COLUMN later TEXT DEFAULT 'x'");
    await rookery.as('a').memory.set({ key: 'k', value: 1 });
    expect(await look()).toMatchObject({ id: 'default', later: 'x' });
  });

  it('reads on one snapshot, whatever is committed meanwhile', async () => {
    const [reader, writer] = [await harness.open(), await harness.again()];
    const admin = await adminOf(url);
    await writer.memory.set({ key: 'k1', value: 1 });
    await admin.query('SELECT pg_advisory_lock(78)');
    const count = statement('SELECT count(*) AS n FROM memory');
    const gate = statement('SELECT pg_advisory_xact_lock_shared(78)');
    const counts = reader.store.engine.read(function* () {
      const before = yield* one<{ n: number }>(count);
      yield* one(gate);
      return [before?.n, (yield* one<{ n: number }>(count))?.n];
    });
    await until('the reader waits', async () => {
      const { rows } = await admin.query('SELECT count(*) FROM pg_locks WHERE objid = 78 AND NOT granted');
      return Number(rows[0].count) === 1;
    });
    await writer.memory.set({ key: 'k2', value: 1 });
    await admin.query('SELECT pg_advisory_unlock(78)');
    expect(await counts).toEqual([1, 1]);
    await expect(reader.store.engine.read(() => change(bump))).rejects.toThrow('a read tried to change');
  });

  it('wakes a waiter of another process, also after its listening session was lost', async () => {
    const [one, two] = [await harness.open(), await harness.again()];
    const [schema] = await select<{ name: string }>(one, 'SELECT current_schema() AS name');
    const channel = channelOf(schema!.name);
    const admin = await adminOf(url);
    let hints = 0;
    const stop = one.store.engine.watch(() => hints++);
    await until('it listens', () => hints > 0);
    let before = hints;
    await one.memory.set({ key: 'own', value: 1 });
    await two.memory.set({ key: 'k', value: 1 });
    await until('it heard of the other', () => hints > before);
    expect(hints).toBe(before + 1);
    before = hints;
    const ended = await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1',
      [`LISTEN "${channel}"`],
    );
    expect(ended.rowCount).toBe(1);
    await until('it caught up after it listens again', () => hints > before);
    before = hints;
    await two.memory.set({ key: 'k', value: 2 });
    await until('it heard of the other again', () => hints > before);
    stop();
  });
});
