import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import * as coordinators from '../../src/domains/fleet/coordinators/operations.ts';
import {
  CoordinatorTimeoutHandler,
  DeadCoordinatorError,
  HeartbeatWarningSystem,
} from '../../src/doors/claude-flow/index.ts';
import { openRookery } from '../../src/rookery.ts';
import { onRedis } from '../engines/redis.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/processes.ts';
import { relayed } from '../support/redis.ts';
import { until } from '../support/until.ts';

const open: { shutdown(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.shutdown();
});

function monitorsOn(dbPath: string, clock: ManualClock, count: number, more = {}) {
  const events: [string, Record<string, unknown>][] = [];
  const monitors = Array.from({ length: count }, () => {
    const monitor = new HeartbeatWarningSystem({ dbPath, clock, ...more });
    for (const name of ['heartbeat:warning', 'coordinator:dead', 'coordinator:recovered', 'cleanup:complete'])
      monitor.on(name, (event) => events.push([name, event]));
    open.push(monitor);
    return monitor;
  });
  return { monitors, events };
}

/** Time passes in which the store hears of somebody: silence of all is nobody's death. */
async function pass(milliseconds: number, clock: ManualClock, look: () => Promise<unknown>): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 10_000) {
    clock.pass(Math.min(left, 10_000));
    await look();
  }
}

it('warns, tells a death once however many monitors look, and brings back who is heard again [CF-R38, CF-R42]', async () => {
  const clock = new ManualClock();
  const { monitors, events } = monitorsOn(join(temporaryFolder(), 'loop.db'), clock, 4);
  const [first] = monitors as [HeartbeatWarningSystem];
  const record = await first.registerHeartbeat('c-1', 7, { phase: 'auth', agentCount: 3 });
  expect(record).toMatchObject({ coordinatorId: 'c-1', iteration: 7, metadata: { phase: 'auth' } });
  expect(await first.getHeartbeat('c-1')).toEqual(record);
  expect(await first.checkHeartbeatFreshness('c-1')).toBe(0);
  await expect(first.registerHeartbeat('c-1', 8, null as never)).rejects.toThrow(
    'metadata must be an object',
  );
  expect(await first.getHeartbeat('unknown')).toBeNull();
  expect(first.getHealthStatus('unknown')).toBe('healthy');
  const errors: unknown[] = [];
  first.on('error', (error) => errors.push(error));
  const look = () => Promise.all(monitors.map((monitor) => monitor.checkNow()));
  await pass(120_000, clock, look);
  expect(first.getHealthStatus('c-1')).toBe('healthy');
  for (const health of ['warning', 'critical', 'dead']) {
    await pass(10_000, clock, look);
    expect(first.getHealthStatus('c-1')).toBe(health);
  }
  await pass(30_000, clock, look);
  const told = (name: string) => events.filter(([event]) => event === name);
  expect(told('heartbeat:warning').map(([, event]) => event['consecutiveWarnings'])).toEqual([1, 2, 3]);
  expect(told('coordinator:dead')).toHaveLength(1);
  expect(errors.every((error) => error instanceof DeadCoordinatorError)).toBe(true);
});

it('counts a heartbeat against the warnings, and tells how many there were', async () => {
  const clock = new ManualClock();
  const { monitors, events } = monitorsOn(join(temporaryFolder(), 'loop.db'), clock, 1);
  const [monitor] = monitors as [HeartbeatWarningSystem];
  await monitor.registerHeartbeat('c-1', 1);
  await pass(130_000, clock, () => monitor.checkNow());
  await monitor.registerHeartbeat('c-1', 1);
  expect(monitor.getHealthStatus('c-1')).toBe('healthy');
  await monitor.checkNow();
  expect(events.at(-1)).toEqual(['coordinator:recovered', { coordinatorId: 'c-1', previousWarnings: 1 }]);
  expect(monitor.getStatistics()).toMatchObject({ warningsIssued: 1, coordinatorsMarkedDead: 0 });
});

it('judges whether heartbeats follow each other', async () => {
  const { monitors } = monitorsOn(join(temporaryFolder(), 'loop.db'), new ManualClock(), 1);
  const [monitor] = monitors as [HeartbeatWarningSystem];
  const violations: unknown[] = [];
  monitor.on('continuity:violation', (event) => violations.push(event));
  const { sequence, ...rest } = await monitor.registerHeartbeat('c-1', 1);
  const continues = (next: number) =>
    monitor.validateHeartbeatContinuity('c-1', { ...rest, sequence: sequence + next });
  expect([await continues(0), await continues(1), await continues(3)]).toEqual([true, true, false]);
  expect(violations).toMatchObject([{ coordinatorId: 'c-1', gap: 2 }]);
});

it('starts and stops monitoring, and keeps no process alive', async () => {
  const { monitors } = monitorsOn(join(temporaryFolder(), 'loop.db'), new ManualClock(), 1, {
    monitorInterval: 20,
  });
  const [monitor] = monitors as [HeartbeatWarningSystem];
  const events: string[] = [];
  for (const name of ['monitoring:started', 'monitoring:stopped']) monitor.on(name, () => events.push(name));
  await monitor.startMonitoring();
  await until('it looks by itself', () => monitor.getStatistics().totalMonitorCycles > 2);
  await monitor.stopMonitoring();
  expect(events).toEqual(['monitoring:started', 'monitoring:stopped']);
  monitor.resetStatistics();
  expect(monitor.getStatistics().totalMonitorCycles).toBe(0);
});

it('tells a timeout once, and lets one handler escalate with all open work [CF-R40]', async () => {
  const clock = new ManualClock();
  const dbPath = join(temporaryFolder(), 'loop.db');
  const incidents: unknown[] = [];
  const handlers = Array.from({ length: 3 }, () => {
    const handler = new CoordinatorTimeoutHandler({ dbPath, clock, swarmId: 's' });
    handler.on('coordinator:timeout', (event) => incidents.push(event));
    open.push(handler);
    return handler;
  });
  const [one] = handlers as [CoordinatorTimeoutHandler];
  await one.recordActivity('c-1', 2, 'auth');
  await using rookery = await openRookery({ path: dbPath, clock });
  const { store } = rookery;
  const { principal } = rookery.as('c-1');
  await store.invoke(coordinators.assign, principal, { id: 'c-1', item: 'part-1', payload: { n: 1 } });
  await pass(300_000, clock, () => one.checkNow());
  expect(await one.checkCoordinatorTimeout('c-1')).toBe(false);
  clock.advance(1);
  expect(await one.checkCoordinatorTimeout('c-1')).toBe(true);
  await Promise.all(handlers.map((handler) => handler.checkNow()));
  expect(incidents).toMatchObject([{ coordinatorId: 'c-1', metadata: { iteration: 2, phase: 'auth' } }]);
  const successors = await Promise.all(
    handlers.map((handler) => handler.escalateDeadCoordinator('c-1', 's')),
  );
  const winners = successors.filter((successor) => successor !== null);
  expect(winners).toHaveLength(1);
  const { output } = await store.invoke(
    coordinators.work,
    { ...principal, rights: new Set(['read', 'admin'] as const) },
    { id: winners[0]! },
  );
  expect(output.work).toMatchObject([{ item: 'part-1', status: 'transferred', transferredFrom: 'c-1' }]);
  await expect(one.recordActivity('c-1', 3)).rejects.toMatchObject({ code: 'FENCED' });
});

onRedis('coordinators beside Redis', (server) => {
  it('leaves notes of heartbeats, activity and escalations, by exact keys [CF-R39]', async () => {
    const clock = new ManualClock();
    const dbPath = join(temporaryFolder(), 'loop.db');
    const client = server().client();
    const config = { dbPath, clock, swarmId: 's', redisClient: client };
    const handler = new CoordinatorTimeoutHandler(config);
    const monitor = new HeartbeatWarningSystem(config);
    open.push(handler, monitor);
    for (const id of ['coord-1', 'coord-10']) {
      await monitor.registerHeartbeat(id, 1);
      await handler.recordActivity(id, 1);
    }
    const heard: string[] = [];
    const subscriber = server().client();
    await subscriber.subscribe('swarm:s:coordinator:dead');
    subscriber.on('message', (_, message) => heard.push(message));
    let removed = 0;
    monitor.on('cleanup:complete', ({ keysDeleted }) => {
      removed = keysDeleted;
    });
    await monitor.markCoordinatorDead('coord-1', 'gone');
    const successor = await handler.escalateDeadCoordinator('coord-1', 's');
    expect(successor).toMatch(/^coordinator-\d+-[0-9a-z]+$/);
    expect(await client.exists('blocking:heartbeat:coord-1', 'coordinator:activity:coord-1')).toBe(0);
    expect(await client.exists('blocking:heartbeat:coord-10', 'coordinator:activity:coord-10')).toBe(2);
    expect(removed).toBe(3);
    expect(await client.hkeys('swarm:s:heartbeat')).toEqual(['coord-10']);
    expect(JSON.parse((await client.get(`coordinator:spawn:${successor}`))!)).toMatchObject({
      replacesCoordinatorId: 'coord-1',
      status: 'pending',
      priority: 'high',
    });
    await until('the swarm is told', () => heard.length > 0);
    expect(JSON.parse(heard[0]!)).toMatchObject({ action: 'spawn_replacement', newCoordinatorId: successor });
  });

  it('tells of a takeover also when the process that won it is gone before Redis is back [CF-R40]', async () => {
    const path = join(temporaryFolder(), 'loop.db');
    const redis = () => ({ host: '127.0.0.1', port: server().port });
    const winner = await openRookery({ path, redis: redis() });
    await winner.as('lead').coordinators.heartbeat({ id: 'lead' });
    await relayed(winner);
    await server().kill();
    await winner.coordinators.markDead({ id: 'lead', reason: 'gone' });
    const { successor } = (await winner.coordinators.takeOver({ id: 'lead', swarm: 's' }))!;
    // Not even the row is there any more when somebody gets to it.
    await winner.coordinators.cleanup({ id: 'lead' });
    await winner.close();
    await server().restart();
    const client = server().client();
    const [subscriber, heard] = [server().client(), [] as string[]];
    await subscriber.subscribe('swarm:s:coordinator:dead');
    subscriber.on('message', (_, message) => heard.push(message));
    await using other = await openRookery({ path, redis: redis() });
    await relayed(other);
    await until('the swarm is told', () => heard.length > 0);
    expect(JSON.parse(heard[0]!)).toMatchObject({ deadCoordinatorId: 'lead', newCoordinatorId: successor });
    expect(await client.ttl(`coordinator:spawn:${successor}`)).toBeGreaterThan(3000);
    expect(JSON.parse((await client.get('coordinator:escalation:lead'))!)).toMatchObject({ swarmId: 's' });
  });
});
