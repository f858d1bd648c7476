import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { type NodeRedisClient, type RedisSource, redisPortOf } from '../../src/kernel/live/redis.ts';
import { openRookery } from '../../src/rookery.ts';
import { onRedis } from '../engines/redis.ts';
import { required } from '../engines/services.ts';
import { memory, run, temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

interface Client {
  readonly source: RedisSource;
  isOpen(): Promise<boolean>;
  end(): void;
}

const nowhere = 1;

function ioredis(port: number, lazyConnect = false): Client {
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect, retryStrategy: () => 50 });
  client.on('error', () => {}); // it may be away: the client tries again
  return {
    source: client,
    isOpen: async () => (await client.ping()) === 'PONG',
    end: () => client.disconnect(),
  };
}

// Named where it is used: what is only there for this test need not be installed for the types of all others.
const name = '@redis/client';
const nodeRedis = await (import(name) as Promise<{ createClient(options: object): NodeRedisClient }>).catch(
  () => undefined,
);

function nodeRedisClient(port: number): Client {
  const client = nodeRedis!.createClient({
    socket: { port, host: '127.0.0.1', reconnectStrategy: () => 50 },
  });
  client.on('error', () => {}); // it may be away: the client tries again
  return {
    source: client,
    isOpen: async () => (await client.sendCommand(['PING'])) === 'PONG',
    end: () => client.destroy!(),
  };
}

const kinds: [kind: string, make: (port: number) => Client][] = [
  ['ioredis', ioredis],
  ['ioredis, not opened yet', (port) => ioredis(port, true)],
  ...(nodeRedis ? [['node-redis', nodeRedisClient] as [string, typeof nodeRedisClient]] : []),
];

onRedis('clients that a program holds', (server) => {
  if (!nodeRedis) {
    const why = `${name} is not installed`;
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
  }

  it.each(kinds)('%s serves from the first write on and stays the program’s', async (_, make) => {
    const client = make(server().port);
    await server().client().flushall();
    const rookery = await openRookery({
      path: temporaryFolder(memory),
      redis: client.source,
      dualWrite: true,
    });
    await rookery.memory.set({ key: 'k', value: 1 });
    expect(rookery.live.metrics()).toMatchObject({ dualWriteFailures: 0, redisWrites: 1 });
    await server().kill();
    await until('away', async () => (await rookery.live.status()).state === 'away');
    await rookery.memory.set({ key: 'k', value: 2 });
    expect(rookery.live.metrics()).toMatchObject({ dualWriteFailures: 1, sqliteWrites: 2 });
    await server().restart();
    await until('relayed', async () => {
      const { state, lag } = await rookery.live.status();
      return state === 'connected' && lag === 0;
    });
    await rookery.close();
    expect(await client.isOpen()).toBe(true);
    client.end();
  });

  it.each(kinds)('%s that reaches nobody fails neither opening nor writing', async (_, make) => {
    const client = make(nowhere);
    const path = temporaryFolder(memory);
    await using rookery = await openRookery({ path, redis: client.source, dualWrite: true });
    await rookery.memory.set({ key: 'k', value: 1 });
    expect(rookery.live.metrics()).toMatchObject({ dualWriteFailures: 1, sqliteWrites: 1 });
    expect((await rookery.live.status()).state).toBe('away');
    client.end();
  });

  it.each(kinds)('%s listens to channels over a connection of its own', async (_, make) => {
    const client = make(server().port);
    const port = await redisPortOf(client.source);
    await until('connected', () => port.state === 'connected');
    const subscriber = await port.subscriber();
    const heard: string[] = [];
    const [first, second] = ['first', 'second'].map(
      (who) => (message: string) => heard.push(`${who} ${message}`),
    );
    await subscriber.subscribe('news', first!);
    await subscriber.subscribe('news', second!);
    await port.command('PUBLISH', 'news', 1);
    await until('heard', () => heard.length === 2);
    await subscriber.unsubscribe('news', first!);
    await port.command('PUBLISH', 'news', 2);
    await until('heard again', () => heard.length === 3);
    expect(heard).toEqual(['first 1', 'second 1', 'second 2']);
    await subscriber.close();
    await port.close();
    client.end();
  });

  it('does not keep a program alive that never closes, whether Redis is there or not [CF-C25]', async () => {
    for (const url of [server().url, `redis://127.0.0.1:${nowhere}`]) {
      const { status, stdout } = await run('test/faults/children/leaves-open.ts', [
        temporaryFolder(memory),
        url,
      ]);
      expect([status, stdout]).toEqual([0, '1\n']);
    }
  });

  it('takes a password as it stands, with a % that escapes nothing', async () => {
    await server().client().config('SET', 'requirepass', 'a%zz');
    const port = await redisPortOf(`redis://:a%zz@127.0.0.1:${server().port}`);
    await until('connected', () => port.state === 'connected');
    await server().client({ password: 'a%zz' }).config('SET', 'requirepass', '');
    await port.close();
  });

  it('refuses what is no place, and repeats nothing of it', async () => {
    for (const redis of ['http://:secret@host', 'secret', 'redis://host/secret', null as never]) {
      const opened = openRookery({ path: ':memory:', redis });
      await expect(opened).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'redis' } });
      await expect(opened).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
    }
  });
});
