import { expect, it } from 'vitest';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { onRedis, RedisServer } from '../engines/redis.ts';
import { ended, memory, start, temporaryFolder } from '../support/processes.ts';
import { proxyTo } from '../support/proxy.ts';
import { feedOf, problemsOf, range, relayed } from '../support/redis.ts';
import { until } from '../support/until.ts';

const everything = process.env['ROOKERY_FAULTS'] === 'all';

async function connected(rookery: Rookery): Promise<void> {
  await until('connected', async () => (await rookery.live.status()).state === 'connected');
}

/** Writes without a pause while something is done; answers how many writes were acknowledged. None may fail. */
async function writingDuring(rookery: Rookery, act: () => Promise<unknown>): Promise<number> {
  let over = false;
  let written = 0;
  const writer = async (name: number) => {
    for (let i = 0; !over; i++) {
      await rookery.memory.set({ key: `k${name}-${i % 20}`, value: `${name} ${i}` });
      written++;
    }
  };
  const writers = Promise.all(range(1, 5).map(writer));
  await act();
  over = true;
  await writers;
  return written;
}

onRedis('Redis in trouble', (server) => {
  it('loses and repeats nothing when Redis is emptied, or killed and started empty, under load [DW2] [DW3]', async () => {
    const client = server().client();
    await client.flushall();
    await using rookery = await openRookery({
      path: temporaryFolder(memory),
      redis: server().url,
      dualWrite: true,
    });
    await connected(rookery);
    const position = async () => (await rookery.live.status()).position ?? 0;
    const goesOn = async () => {
      const before = await position();
      await until('it goes on', async () => (await position()) > before + 30);
    };
    const written = await writingDuring(rookery, async () => {
      await goesOn();
      await client.flushall();
      await goesOn();
      await server().kill();
      await rookery.memory.set({ key: 'away', value: true });
      await server().restart();
      await connected(rookery);
      await goesOn();
    });
    expect(await problemsOf(rookery, client)).toEqual([]);
    expect(rookery.live.metrics()!.sqliteWrites).toBe(written + 1);
  });

  it('fails no write and waits once behind a link that is slow, and catches up behind one that was cut [DW5]', async () => {
    const client = server().client();
    await client.flushall();
    const proxy = await proxyTo(server().url);
    await using rookery = await openRookery({
      path: temporaryFolder(memory),
      redis: proxy.url,
      dualWrite: { timeoutMs: 300 },
    });
    await connected(rookery);
    await rookery.memory.set({ key: 'k', value: 0 });
    proxy.freeze();
    const started = performance.now();
    for (const value of range(1, 20)) await rookery.memory.set({ key: 'k', value });
    // One wait for all of them.
    expect(performance.now() - started).toBeLessThan(20 * 300);
    expect(rookery.live.metrics()).toMatchObject({ dualWriteFailures: 20, redisWrites: 1, sqliteWrites: 21 });
    proxy.thaw();
    expect(await problemsOf(rookery, client)).toEqual([]);
    await rookery.memory.set({ key: 'k', value: 21 });
    expect(rookery.live.metrics()!.redisWrites).toBe(2);
    await proxy.away();
    await until('away', async () => (await rookery.live.status()).state === 'away');
    await rookery.memory.set({ key: 'k', value: 22 });
    await proxy.restore();
    await connected(rookery);
    expect(await problemsOf(rookery, client)).toEqual([]);
  });

  it.each(['before', 'after'] as const)(
    'applies a page once when the connection is cut %s it',
    async (when) => {
      const client = server().client();
      await client.flushall();
      const proxy = await proxyTo(server().url);
      await using rookery = await openRookery({ path: temporaryFolder(memory), redis: proxy.url });
      await rookery.memory.set({ key: 'first', value: 1 });
      await relayed(rookery);
      const doorbells: number[] = [];
      const listener = server().client();
      await listener.subscribe('rookery:default:feed');
      listener.on('message', (_channel, seq) => doorbells.push(Number(seq)));
      proxy.cutAt('"memory.set"', when);
      await rookery.memory.set({ key: 'second', value: 2 });
      const head = (await rookery.live.status()).head;
      await until('relayed again', async () => doorbells.includes(head));
      expect(await problemsOf(rookery, client)).toEqual([]);
      expect(doorbells).toEqual([head]);
    },
  );

  it('tells a wrong password as such, keeps it to itself and fails no write', async () => {
    const guarded = await RedisServer.start('--requirepass', 'the/right one');
    try {
      for (const [login, code] of [
        [':wrong-secret@', 'WRONGPASS'],
        ['', 'NOAUTH'],
      ]) {
        const redis = guarded.url.replace('//', `//${login}`);
        await using rookery = await openRookery({ path: temporaryFolder(memory), redis, dualWrite: true });
        await rookery.memory.set({ key: 'k', value: 1 });
        await until('refused', async () => (await rookery.live.status()).lastError?.includes(code!) ?? false);
        const status = await rookery.live.status();
        expect(status.state).toBe('away');
        expect(JSON.stringify(status)).not.toContain('wrong-secret');
        await rookery.memory.set({ key: 'k', value: 2 });
        expect(rookery.live.metrics()).toMatchObject({ dualWriteFailures: 2, sqliteWrites: 2 });
      }
      const redis = guarded.url.replace('//', `//:${encodeURIComponent('the/right one')}@`);
      await using rookery = await openRookery({ path: temporaryFolder(memory), redis, dualWrite: true });
      await rookery.memory.set({ key: 'k', value: 1 });
      expect(await problemsOf(rookery, guarded.client({ password: 'the/right one' }))).toEqual([]);
    } finally {
      await guarded.stop();
    }
  });

  it('has the same from several processes that relay at once, one of them killed [DW-x2]', async () => {
    const client = server().client();
    await client.flushall();
    const path = temporaryFolder(memory);
    const count = everything ? 2000 : 200;
    const children = ['a', 'b', 'c'].map((name) =>
      start('test/faults/children/relaying.ts', [path, server().url, name, String(count)]),
    );
    const [doomed] = children;
    for await (const line of doomed!.lines) if (Number(line) >= count / 2) break;
    doomed!.process.kill('SIGKILL');
    await Promise.all(children.map(({ process }) => ended(process)));
    await using rookery = await openRookery({ path, redis: server().url });
    expect(await problemsOf(rookery, client)).toEqual([]);
  });

  it('catches up with many entries page by page [C5]', { timeout: 120_000 }, async () => {
    const path = temporaryFolder(memory);
    const calls = everything ? 100 : 5;
    const keys = range(1, 1000);
    await using writer = await openRookery({ path, redis: 'redis://127.0.0.1:1' });
    for (const call of range(1, calls))
      await writer.memory.mset({ entries: keys.map((key) => ({ key: `k${key}`, value: `${call} ${key}` })) });
    await writer.close();
    const client = server().client();
    await client.flushall();
    const started = performance.now();
    await using rookery = await openRookery({ path, redis: server().url });
    const head = await relayed(rookery);
    expect(performance.now() - started).toBeLessThan(head / 5 + 10_000);
    const feed = await feedOf(client);
    expect(feed).toEqual(range(feed[0]!, head));
    expect(feed.length).toBeGreaterThan(Math.min(head, 10_000) - 1);
    expect(await client.get('rookery:default:memory:project:default/k1000')).toBe(`"${calls} 1000"`);
  });

  it('lets two stores of one project feed one Redis, and says whose the feed is', async () => {
    const client = server().client();
    await client.flushall();
    await using first = await openRookery({
      path: temporaryFolder(memory),
      redis: server().url,
      dualWrite: true,
    });
    await first.memory.set({ key: 'mine', value: 1 });
    await using second = await openRookery({
      path: temporaryFolder(memory),
      redis: server().url,
      dualWrite: true,
    });
    for (const value of range(1, 3)) await second.memory.set({ key: 'yours', value });
    await first.memory.set({ key: 'mine', value: 2 });
    expect(await client.get('rookery:default:memory:project:default/mine')).toBe('2');
    expect(await client.get('rookery:default:memory:project:default/yours')).toBe('3');
    expect((await first.live.status()).feedOf).toBeNull();
    expect((await second.live.status()).feedOf).toBe(first.store.services.ledger.log.storeId);
    expect(await feedOf(client)).toEqual(range(1, (await first.live.status()).head));
  });
});
