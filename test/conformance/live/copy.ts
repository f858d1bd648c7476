import { expect, it } from 'vitest';
import { itemIn } from '../../../src/domains/memory/statements.ts';
import { entriesAfter } from '../../../src/kernel/ledger/statements.ts';
import { sealedOf } from '../../../src/kernel/vault/shown.ts';
import type { Harness } from '../../engines/index.ts';
import type { RedisServer } from '../../engines/redis.ts';
import { dumpOf, feedOf, range, relayed } from '../../support/redis.ts';
import { until } from '../../support/until.ts';

const hot = 'rookery:default:memory:';

/** What Redis holds of a store, and when. */
export function copySuite({ engine, open, again }: Harness, server: () => RedisServer): void {
  it('holds every entry as hashed, in order and once [DW2]', async () => {
    const client = server().client();
    await client.flushall();
    const rookery = await open({ redis: server().url, dualWrite: true });
    for (let i = 0; i < 5; i++) await rookery.memory.set({ key: 'k', value: i });
    await Promise.all(range(1, 20).map((i) => rookery.memory.set({ key: `k${i}`, value: i })));
    const { head } = await rookery.live.status();
    expect(await feedOf(client)).toEqual(range(1, head));
    const [[, [, text]]] = (await client.xrange('rookery:default:feed', head, '+')) as [[string, string[]]];
    const [newest] = await rookery.store.engine.read(() => entriesAfter('default', head - 1, 1));
    expect(text).toBe(newest!.entry);
  });

  // What follows is about Redis: the engine of the other suites on Postgres is enough.
  if (engine === 'pglite') return;

  it('has values in clear, envelopes or nothing, for as long as the store does [DW3] [CF-R26]', async () => {
    const client = server().client();
    await client.flushall();
    const rookery = await open({ redis: server().url, dualWrite: true });
    const heard: string[] = [];
    const listener = server().client();
    await listener.psubscribe('*');
    listener.on('pmessage', (_pattern, _channel, message) => heard.push(message));
    await rookery.fleet.register({ id: 'local', team: 'red', system: true });
    for (const level of ['private', 'team', 'system'] as const)
      await rookery.memory.set({ namespace: 'a/b', key: 'k', value: `hidden ${level}`, level });
    await rookery.memory.set({ key: 'open', value: { text: 'x'.repeat(2000) } });
    await rookery.memory.set({ key: 'sealed', value: 'hidden too', encrypt: true });
    await rookery.memory.set({ key: 'short', value: 1, level: 'swarm', ttl: 60 });
    await rookery.memory.set({ key: 'gone', value: 2 });
    await rookery.memory.delete({ key: 'gone' });
    expect(await client.get(`${hot}project:default/open`)).toBe(JSON.stringify({ text: 'x'.repeat(2000) }));
    expect(await client.get(`${hot}swarm:default:default/short`)).toBe('1');
    expect(await client.pttl(`${hot}swarm:default:default/short`)).toSatisfy(
      (ms) => ms > 50_000 && ms <= 60_000,
    );
    expect(await client.exists(`${hot}project:default/gone`)).toBe(0);
    for (const place of [
      'private:local:a%2Fb/k',
      'team:red:a%2Fb/k',
      'system:a%2Fb/k',
      'project:default/sealed',
    ]) {
      const envelope = JSON.parse((await client.get(`${hot}${place}`))!);
      expect(envelope).toMatchObject({ v: 1, alg: 'aes-256-gcm' });
      expect(Object.keys(envelope)).toEqual(['v', 'alg', 'kid', 'iv', 'tag', 'ct']);
    }
    expect([...(await dumpOf(client)).values(), ...heard].join('\n')).not.toContain('hidden');
    expect(heard.length).toBeGreaterThan(0);
  });

  it('shows the same from the tables as it did from what was written, after it was emptied [DW3]', async () => {
    const client = server().client();
    await client.flushall();
    const rookery = await open({ redis: server().url, dualWrite: true });
    await rookery.memory.set({ key: 'open', value: { a: ['é', 1] } });
    await rookery.memory.set({ key: 'hidden', value: 'x'.repeat(3000), level: 'private' });
    await rookery.memory.set({ key: 'short', value: 1, ttl: 500 });
    await rookery.memory.incr({ key: 'number', by: 3 });
    await rookery.memory.expire({ key: 'number', ttl: 500 });
    await rookery.memory.set({ key: 'gone', value: 1 });
    await rookery.memory.delete({ key: 'gone' });
    for (const id of ['b', 'c']) await rookery.fleet.register({ id });
    const signal = await rookery.signals.send({ type: 'done', targets: ['b', 'c'], payload: 'hidden' });
    await rookery.as('b').signals.acknowledge({ signal: signal.id });
    const isShown = ([key]: [string, string]) => key.startsWith(hot) || key.startsWith('blocking:');
    const shown = async () => Object.fromEntries([...(await dumpOf(client))].filter(isShown));
    const written = await shown();
    const keys = Object.keys(written);
    expect(keys.filter((key) => key.startsWith(hot))).toHaveLength(4);
    expect(keys).toEqual(expect.arrayContaining(['blocking:signal:c', `blocking:ack:b:${signal.id}`]));
    await client.flushall();
    // Nobody tells that it was emptied: the next write finds out.
    await rookery.memory.set({ key: 'gone', value: 2 });
    await rookery.memory.delete({ key: 'gone' });
    await until('filled anew', async () => Object.keys(await shown()).length === keys.length);
    expect(await shown()).toEqual(written);
    expect(await client.pttl('blocking:signal:c')).toBeGreaterThan(0);
    expect(await client.pttl(`${hot}project:default/number`)).toBeGreaterThan(0);
  });

  it('shows what was sealed anew under the new key once a rotation has ended', async () => {
    const client = server().client();
    await client.flushall();
    const rookery = await open({ redis: server().url, dualWrite: true });
    await rookery.memory.set({ key: 'k', value: 'hidden', level: 'private' });
    const kid = async () => JSON.parse((await client.get(`${hot}private:local:default/k`))!).kid as string;
    const before = await kid();
    await rookery.keys.rotate({ scope: 'private:local' });
    await until('sealed anew', async () => (await kid()) !== before);
    const sealed = sealedOf(JSON.parse((await client.get(`${hot}private:local:default/k`))!));
    const row = await rookery.store.engine.read(() => itemIn('default', 'default', 'k', 'private:local'));
    expect(Buffer.from(sealed!)).toEqual(Buffer.from(row!.sealed!));
  });

  it('catches up by itself after Redis was away, and writes go on meanwhile [DW5] [CF-C09]', async () => {
    const client = server().client();
    await client.flushall();
    const rookery = await open({ redis: server().url, dualWrite: true });
    await rookery.memory.set({ key: 'before', value: 1 });
    await server().kill();
    await until('away', async () => (await rookery.live.status()).state === 'away');
    await rookery.memory.set({ key: 'meanwhile', value: 2 });
    const { dualWrites, dualWriteFailures, redisWrites, sqliteWrites } = rookery.live.metrics()!;
    expect({ dualWrites, dualWriteFailures, redisWrites, sqliteWrites }).toEqual({
      dualWrites: 2,
      dualWriteFailures: 1,
      redisWrites: 1,
      sqliteWrites: 2,
    });
    expect((await rookery.live.status()).lastError).toMatch(/ECONN|ended/);
    await server().restart();
    const head = await relayed(rookery);
    expect(await feedOf(client)).toEqual(range(1, head));
    expect(await client.get(`${hot}project:default/before`)).toBe('1');
    expect(await client.get(`${hot}project:default/meanwhile`)).toBe('2');
  });

  it('has what a process without Redis writes, also one that was opened before', async () => {
    const client = server().client();
    await client.flushall();
    const writer = await open();
    await writer.memory.set({ key: 'k', value: 'early' });
    expect((await writer.live.status()).state).toBe('off');
    const relaying = await again({ redis: server().url });
    await relayed(relaying);
    expect(await client.get(`${hot}project:default/k`)).toBe('"early"');
    await writer.memory.set({ key: 'k', value: 'late' });
    await until('relayed', async () => (await client.get(`${hot}project:default/k`)) === '"late"');
    const head = await relayed(relaying);
    expect(await feedOf(client)).toEqual(range(1, head));
  });
}
