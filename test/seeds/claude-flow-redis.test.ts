import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RedisCoordinator, type SQLiteMemorySystemOptions } from '../../src/doors/claude-flow/index.ts';
import { envelopeOf, signed } from '../../src/doors/claude-flow/redis/envelope.ts';
import { onRedis } from '../engines/redis.ts';
import { madeSystem } from '../support/claude-flow.ts';
import { temporaryFolder } from '../support/processes.ts';
import { until } from '../support/until.ts';

onRedis('the system with Redis', (server) => {
  const system = (options: SQLiteMemorySystemOptions = {}) =>
    madeSystem({ redisConfig: { host: '127.0.0.1', port: server().port }, ...options });

  it('knows who takes part, passes messages, and filters its own', async () => {
    const dbPath = join(temporaryFolder(), 'swarm-memory.db');
    const one = await system({ dbPath, agentId: 'one', swarmId: 's1' }).initialize();
    const two = await system({ dbPath, agentId: 'two', swarmId: 's1' }).initialize();
    const other = await system({ agentId: 'three', swarmId: 's2' }).initialize();
    const [first, second] = [one.redisCoordinator!, two.redisCoordinator!];
    expect((await first.getParticipants()).map(({ agentId }) => agentId)).toEqual(['one', 'two']);
    const heard: unknown[] = [];
    const stop = await second.subscribe('events', (message, envelope) => heard.push([message, envelope]));
    await first.subscribe('events', () => heard.push('own'));
    await other.redisCoordinator!.subscribe('events', () => heard.push('other swarm'));
    const id = await first.publish(
      'events',
      { type: 'agent_event', n: 1 },
      { priority: 'high', metadata: { x: 1 } },
    );
    await until('it was heard', () => heard.length > 0);
    expect(heard).toEqual([
      [
        { type: 'agent_event', n: 1 },
        {
          ...{
            id,
            swarmId: 's1',
            senderId: 'one',
            channel: 'swarm:s1:events',
            priority: 'high',
            ttl: 3600,
            x: 1,
          },
          ...{ message: { type: 'agent_event', n: 1 }, timestamp: expect.any(Number) },
        },
      ],
    ]);
    await stop();
    const told: unknown[] = [];
    two.on('consensusRequest', (request) => told.push(request));
    one.on('consensusVote', (vote) => told.push(vote));
    const consensus = await one.requestConsensus('auth', 'phase', 0.9);
    await until('the request was heard', () => told.length === 1);
    expect(told[0]).toMatchObject({
      consensusId: consensus,
      targetId: 'auth',
      threshold: 0.9,
      requestedBy: 'one',
    });
    await two.submitVote(consensus, 'approve', 0.9);
    await one.submitVote(consensus, 'approve', 0.9);
    await until('the vote was heard', () => told.length === 2);
    expect(await first.getConsensus(consensus)).toMatchObject({ status: 'achieved' });
    await two.gracefulShutdown();
    expect((await first.getParticipants()).map(({ agentId }) => agentId)).toEqual(['one']);
    expect(first.getMetrics()).toMatchObject({ isConnected: true, activeAgents: 1, reconnectCount: 0 });
    // The hashes do not expire as a whole.
    expect(await server().client().ttl('swarm:s1:heartbeat')).toBe(-1);
  });

  it('tells nobody on Redis what is private, and stops for nobody but the system role [CF-R26] [CF-R43]', async () => {
    const dbPath = join(temporaryFolder(), 'swarm-memory.db');
    const one = await system({ dbPath, agentId: 'one', swarmId: 's3' }).initialize();
    const client = server().client();
    const listener = client.duplicate();
    const published: string[] = [];
    await listener.psubscribe('*');
    listener.on('pmessage', (_, __, message) => published.push(message));
    await one.memoryAdapter.set('the-key', 'the-secret', { agentId: 'a', aclLevel: 1 });
    const coordinator = one.redisCoordinator!;
    await coordinator.broadcastMemoryOperation('set', 'the-key', { value: 'the-secret', aclLevel: 1 });
    await coordinator.broadcastMemoryOperation('set', 'open', { value: 'the-secret', aclLevel: 3 });
    await until('both were published', () => published.length >= 2);
    expect(published.join('\n')).not.toMatch(/the-secret|the-key/);
    expect(published.join('\n')).toContain('"open"');
    // Anybody can publish.
    const { store } = await one.memoryManager.session();
    const from = (senderId: string) => ({ swarmId: 's3', senderId });
    const channel = 'swarm:s3:coordination';
    const request = (sender: string) => envelopeOf(from(sender), channel, { type: 'shutdown_request' }, {});
    const forged = [
      request('system'),
      { ...request('system'), signature: '00'.repeat(32) },
      { ...request('system'), signature: 7 },
      await signed(store.rookery.store, 'default', request('a')),
      { ...(await signed(store.rookery.store, 'default', request('a'))), senderId: 'system' },
      { ...(await signed(store.rookery.store, 'default', request('system'))), swarmId: 's2' },
      await signed(store.rookery.store, 'default', { ...request('system'), timestamp: Date.now() - 600_000 }),
    ];
    for (const message of [...forged.map((envelope) => JSON.stringify(envelope)), 'no JSON', 'null', '{}'])
      await client.publish(channel, message);
    await client.publish(
      channel,
      JSON.stringify({ ...request('x'), message: { type: 'phase_change', phase: 'p' } }),
    );
    await until('all were heard', () => coordinator.getMetrics().coordinationState.phase === 'p');
    expect(one.isShuttingDown).toBe(false);
    const keeper = new RedisCoordinator({
      ...{
        redisConfig: { port: server().port },
        swarmId: 's3',
        agentId: 'system',
        memoryManager: one.memoryManager,
      },
    });
    await keeper.initialize();
    await keeper.requestShutdown('enough');
    await until('it stops', () => one.isShuttingDown);
    await one.gracefulShutdown();
    // Sent again, it stops nobody who came after.
    const next = await system({ dbPath, agentId: 'next', swarmId: 's3' }).initialize();
    const message = published.find((text) => text.includes('"reason":"enough"'))!;
    await client.publish(channel, message);
    await client.publish(
      channel,
      JSON.stringify({ ...request('x'), message: { type: 'phase_change', phase: 'q' } }),
    );
    const state = () => next.redisCoordinator!.getMetrics().coordinationState;
    await until('it was heard', () => state().phase === 'q');
    expect(next.isShuttingDown).toBe(false);
    await next.gracefulShutdown();
    await keeper.shutdown();
    listener.disconnect();
  });

  it('comes back after Redis was away, with one subscription each and no client left over [CF-C30] [CF-R44]', async () => {
    const one = await system({ agentId: 'one', swarmId: 's4' }).initialize();
    const two = await system({ agentId: 'two', swarmId: 's4' }).initialize();
    const errors: unknown[] = [];
    const told: string[] = [];
    one.on('error', (error) => errors.push(error));
    for (const event of ['redisConnected', 'redisDisconnected']) one.on(event, () => told.push(event));
    let heard = 0;
    const stop = await one.redisCoordinator!.subscribe('events', () => {
      throw new Error('a handler failed');
    });
    await one.redisCoordinator!.subscribe('events', () => heard++);
    await two.redisCoordinator!.publish('events', { type: 'agent_event' });
    await until('it was heard all the same', () => heard === 1 && errors.length === 1);
    await stop();
    heard = errors.length = 0;
    for (let i = 0; i < 2; i++) {
      await server().restart();
      await until(
        'both are back',
        () => one.redisCoordinator!.isConnected && two.redisCoordinator!.isConnected,
      );
      await until('it was told', () => told.length === 2 * (i + 1));
    }
    expect(told).toEqual(['redisDisconnected', 'redisConnected', 'redisDisconnected', 'redisConnected']);
    expect(errors.length).toBe(2);
    await until(
      'both take part again',
      async () => (await one.redisCoordinator!.getParticipants()).length === 2,
    );
    await two.redisCoordinator!.publish('events', { type: 'agent_event' });
    await until('it was heard', () => heard > 0);
    expect(heard).toBe(1);
    expect(one.redisCoordinator!.getMetrics().reconnectCount).toBe(2);
    await one.gracefulShutdown();
    await two.gracefulShutdown();
    const client = server().client();
    await until('no connection is left but that of the test', async () => {
      const list = (await client.client('LIST')) as string;
      return list.split('\n').filter((line) => line.includes('name=rookery')).length === 0;
    });
  });

  it('leaves no connection behind where Redis goes away again while it is subscribing anew [CF-R44]', async () => {
    const coordinators = Array.from(
      { length: 4 },
      (_, i) =>
        new RedisCoordinator({ redisConfig: { port: server().port }, swarmId: 's6', agentId: `c${i}` }),
    );
    for (const coordinator of coordinators) coordinator.on('error', () => {});
    await Promise.all(coordinators.map((coordinator) => coordinator.initialize()));
    const back = () => until('all are back', () => coordinators.every(({ isConnected }) => isConnected));
    for (let i = 0; i < 4; i++) {
      await server().restart();
      await back();
    }
    // Whatever was interrupted, each listens to everything in the end, once.
    const heard = coordinators.map(() => 0);
    for (const [i, coordinator] of coordinators.entries())
      await coordinator.subscribe('sqlite', () => heard[i]!++);
    const client = server().client();
    const message = () =>
      JSON.stringify(envelopeOf({ swarmId: 's6', senderId: 'x' }, '', { type: 'schema_update' }, {}));
    await until('all have subscribed', async () => {
      const reply = await client.pubsub(
        'NUMSUB',
        'swarm:s6:sqlite',
        'swarm:s6:coordination',
        'swarm:global:coordination',
      );
      return JSON.stringify((reply as unknown[]).filter((count) => typeof count === 'number')) === '[4,4,4]';
    });
    await client.publish('swarm:s6:sqlite', message());
    await until('all have heard', () => heard.every((count) => count > 0));
    expect(heard).toEqual([1, 1, 1, 1]);
    await Promise.all(coordinators.map((coordinator) => coordinator.shutdown()));
    await until('no connection is left but that of the test', async () => {
      const list = (await client.client('LIST')) as string;
      return !list.includes('name=rookery');
    });
  });

  it('is away, and writes to no other database, where the one that was asked for is not there', async () => {
    await server().client().flushall();
    const one = system({ swarmId: 's7', redisConfig: { port: server().port, db: 99 } });
    const errors: string[] = [];
    one.on('error', (error) => errors.push(String(error)));
    await one.initialize();
    await one.redisCoordinator!.sendHeartbeat();
    expect(one.redisCoordinator!.isConnected).toBe(false);
    expect(errors).toEqual([expect.stringContaining('DB index is out of range')]);
    expect(await server().client().keys('*')).toEqual([]);
  });

  it('takes its server from the options, the flat names or a client [CF-R44]', async () => {
    const flat = new RedisCoordinator({ redisHost: '127.0.0.1', redisPort: server().port, swarmId: 's5' });
    await flat.initialize();
    expect(flat.isConnected).toBe(true);
    const client = server().client();
    const given = new RedisCoordinator({ redisClient: client, swarmId: 's5', agentId: 'given' });
    await given.initialize();
    expect((await given.getParticipants()).map(({ agentId }) => agentId)).toEqual(['given', 'sqlite-system']);
    await given.shutdown();
    await flat.shutdown();
    expect(await client.ping()).toBe('PONG');
  });
});
