import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { RecentIds } from '../../src/doors/claude-flow/coordination/recent.ts';
import {
  BlockingCoordinationManager,
  BlockingCoordinationSignals,
  CFNLoopMemoryManager,
  type CoordinationSignal,
  SignalType,
} from '../../src/doors/claude-flow/index.ts';
import { start, temporaryFolder } from '../support/processes.ts';

const hmacSecret = 'a secret of more than sixteen characters';
const open: { shutdown(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.shutdown();
});

function coordinatorOn(dbPath: string, coordinatorId: string, more = {}): BlockingCoordinationManager {
  const made = new BlockingCoordinationManager({ coordinatorId, dbPath, hmacSecret, ...more });
  open.push(made);
  return made;
}

function signalTo(...targets: string[]): CoordinationSignal {
  return { signalId: 'signal-1', type: 'completion', source: 'lead', targets, timestamp: 1 };
}

it('waits for acknowledgements that are still to come, and tells who is missing', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const [lead, one, two] = ['lead', 'one', 'two'].map((id) => coordinatorOn(path, id)) as [
    BlockingCoordinationManager,
    BlockingCoordinationManager,
    BlockingCoordinationManager,
  ];
  const waiting = lead.waitForAcks(['one', 'two'], 'signal-1', 20_000);
  const signal = signalTo('one', 'two', 'three');
  const ack = await one.acknowledgeSignal(signal);
  expect(await lead.isAcknowledged('one', 'signal-1')).toBe(true);
  expect(await lead.isAcknowledged('two', 'signal-1')).toBe(false);
  await two.acknowledgeSignal(signal);
  expect([...(await waiting).keys()].sort()).toEqual(['one', 'two']);
  const missing: unknown[] = [];
  lead.on('timeout', (event) => missing.push(event));
  const partial = await lead.waitForAcks(['one', 'three'], 'signal-1', 50);
  expect([...partial]).toEqual([['one', ack]]);
  expect(missing).toEqual([{ signalId: 'signal-1', missing: ['three'] }]);
});

it('has whoever is no target among the missing when the time is over, and others until then', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const [lead, one] = [coordinatorOn(path, 'lead'), coordinatorOn(path, 'one')];
  const missing: unknown[] = [];
  lead.on('timeout', (event) => missing.push(event.missing));
  // The signal comes while it is waited for, and is not for the stranger.
  const begun = performance.now();
  const waiting = lead.waitForAcks(['one', 'stranger'], 'signal-1', 500);
  const ack = await one.acknowledgeSignal(signalTo('one', 'two'));
  expect([...(await waiting)]).toEqual([['one', ack]]);
  expect(performance.now() - begun).toBeGreaterThan(490);
  expect([...(await lead.waitForAcks(['stranger', 'one', 'two'], 'signal-1', 20))]).toEqual([['one', ack]]);
  expect((await lead.waitForAcks(['stranger'], 'unheard-of', 20)).size).toBe(0);
  expect(missing).toEqual([['stranger'], ['stranger', 'two'], ['stranger']]);
  const cut = lead.waitForAcks(['stranger'], 'signal-1', 20_000);
  const closed = expect(cut).rejects.toMatchObject({ code: 'CLOSED' });
  await lead.shutdown();
  await closed;
});

it('is woken by an acknowledgement of another process', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const lead = coordinatorOn(path, 'lead');
  await lead.initialize();
  const child = start('test/seeds/children/coordinator.ts', [path, hmacSecret, 'one', 'lead']);
  expect((await child.lines.next()).value).toBe('ready');
  const waiting = lead.waitForAcks(['one'], 'signal-1', 30_000);
  child.process.stdin!.write('go\n');
  const acks = await waiting;
  expect(acks.get('one')).toMatchObject({ coordinatorId: 'one', status: 'received' });
  expect(child.stderr()).toBe('');
});

it('takes no acknowledgement whose signature does not hold [CF-R33, CF-R34]', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const signal = signalTo('one');
  await coordinatorOn(path, 'one', { hmacSecret: 'another secret, of the same length' }).acknowledgeSignal(
    signal,
  );
  const lead = coordinatorOn(path, 'lead');
  expect(await lead.isAcknowledged('one', 'signal-1')).toBe(false);
  expect((await lead.waitForAcks(['one'], 'signal-1', 50)).size).toBe(0);
});

it('acknowledges for nobody else, and nothing that is not addressed to it [SG-x1]', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const stranger = coordinatorOn(path, 'stranger');
  await expect(stranger.acknowledgeSignal(signalTo('one'))).rejects.toThrow('not addressed to stranger');
  await coordinatorOn(path, 'one').acknowledgeSignal(signalTo('one'));
  await expect(stranger.acknowledgeSignal(signalTo('one', 'stranger'))).rejects.toThrow(/not found/);
  expect(await stranger.getAck('signal-1')).toBeNull();
});

it('takes the printed signal as the compiler understands it, and no type that the seed does not have', async () => {
  const coordinator = coordinatorOn(join(temporaryFolder(), 'loop.db'), 'coordinator-1');
  const signal = {
    signalId: 'signal-123',
    type: 'completion',
    source: 'coordinator-2',
    targets: ['coordinator-1'],
    timestamp: Date.now(),
  };
  const ack = await coordinator.acknowledgeSignal(signal);
  expect(ack.metadata).toMatchObject({ signalType: 'completion' });
  await expect(coordinator.acknowledgeSignal({ ...signal, type: 'x' })).rejects.toThrow(
    'type must be one of completion, retry, validation, error',
  );
});

it('says that the source of a signal does not acknowledge it, whoever else is to [SG-x4]', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const signal = signalTo('lead', 'one');
  const wrong = 'Signal signal-1 is from lead itself: its source is no target of it';
  await expect(coordinatorOn(path, 'lead').acknowledgeSignal(signal)).rejects.toThrow(wrong);
  expect(await coordinatorOn(path, 'one').acknowledgeSignal(signal)).toMatchObject({ status: 'received' });
});

it('remembers so many processed signals and no more', () => {
  const recent = new RecentIds(2);
  for (const id of ['a', 'b', 'a', 'c']) recent.add(id);
  expect([...recent]).toEqual(['a', 'c']);
});

it('names the variable when there is no secret, and says how to make a good one', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  expect(() => new BlockingCoordinationManager({ coordinatorId: 'a', dbPath: path })).toThrow(
    'BLOCKING_COORDINATION_SECRET',
  );
  expect(
    () => new BlockingCoordinationManager({ coordinatorId: 'a', dbPath: path, hmacSecret: 'short' }),
  ).toThrow('openssl rand');
  expect(() => new BlockingCoordinationManager({ coordinatorId: 'a b', hmacSecret })).toThrow(
    'Invalid coordinatorId: must contain only alphanumeric characters, hyphens, and underscores',
  );
});

it('gives each coordinator a key of its own where there is a memory manager and no secret [CF-R35]', async () => {
  const sqliteDbPath = join(temporaryFolder(), 'loop.db');
  const cfnMemoryManager = new CFNLoopMemoryManager({ swarmId: 's', sqliteDbPath });
  await cfnMemoryManager.initialize();
  open.push(cfnMemoryManager);
  const [one, lead] = ['one', 'lead'].map((coordinatorId) => {
    const made = new BlockingCoordinationManager({ coordinatorId, cfnMemoryManager });
    open.unshift(made);
    return made;
  }) as [BlockingCoordinationManager, BlockingCoordinationManager];
  const ack = await one.acknowledgeSignal(signalTo('one', 'two'));
  expect((await lead.waitForAcks(['one'], 'signal-1', 1000)).get('one')).toEqual(ack);
});

it('runs hooks without a shell, without secrets in their environment, and survives their failure [CF-R45]', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'loop.db');
  const [script, output] = [join(folder, 'hook.mjs'), join(folder, 'seen.json')];
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(output)}, JSON.stringify(process.env));`,
  );
  process.env['BLOCKING_COORDINATION_SECRET'] = hmacSecret;
  const failures: unknown[] = [];
  try {
    const hooks = {
      on_signal_received: [process.execPath, script],
      on_blocking_timeout: ['no-such-program'],
    };
    const one = coordinatorOn(path, 'one', { agentProfile: { hooks }, hmacSecret: undefined });
    one.on('hook:failed', ({ hook }) => failures.push(hook));
    await one.acknowledgeSignal(signalTo('one', 'two'));
    const environment = JSON.parse(readFileSync(output, 'utf8'));
    expect(environment).toMatchObject({ HOOK_SIGNAL_ID: 'signal-1', HOOK_COORDINATOR_ID: 'one' });
    expect(JSON.stringify(environment)).not.toContain(hmacSecret);
    await one.waitForAcks(['two'], 'signal-1', 20);
    expect(failures).toEqual(['on_blocking_timeout']);
    expect(one.getHookMetrics()).toMatchObject({ hooksExecuted: 2, hooksFailed: 1 });
  } finally {
    delete process.env['BLOCKING_COORDINATION_SECRET'];
  }
  const shell = { hooks: { on_blocking_start: 'touch /tmp/x; rm -rf /' } };
  expect(() => coordinatorOn(path, 'one', { agentProfile: shell })).toThrow('Invalid hook on_blocking_start');
});

it('counts a hook that cannot be started as one that failed, whatever it was to be told', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const failures: { hook: string; reason: string }[] = [];
  const hooks = (program: string) => ({ agentProfile: { hooks: { on_signal_received: [program] } } });
  const cases = [
    { ...hooks('/bin/true'), currentTask: 'a\0b' },
    { ...hooks('/bin/true'), currentTask: 'x'.repeat(300_000) },
    hooks('/bin/true\0'),
  ];
  for (const more of cases) {
    const one = coordinatorOn(path, 'one', more);
    one.on('hook:failed', (failure) => failures.push(failure));
    expect((await one.acknowledgeSignal(signalTo('one'))).status).toBe('received');
    expect(one.getHookMetrics()).toMatchObject({ hooksExecuted: 1, hooksFailed: 1 });
  }
  const reasons = ['ERR_INVALID_ARG_VALUE', 'E2BIG', 'ERR_INVALID_ARG_VALUE'];
  expect(failures.map(({ reason }) => reason)).toEqual(reasons.map((code) => `cannot be started: ${code}`));
});

it('stays shut down, and connects anew only where it is told to', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const one = coordinatorOn(path, 'one');
  await one.initialize();
  await one.shutdown();
  await one.shutdown();
  await expect(one.getAck('signal-1')).rejects.toMatchObject({ code: 'CLOSED' });
  const signals = await signalsAt(path);
  await signals.disconnect();
  await expect(signals.receiveSignal('b')).rejects.toThrow('not connected');
  await signals.connect();
  expect(await signals.signalExists('b')).toBe(false);
});

it('does not open a memory manager again that was shut down', async () => {
  const cfnMemoryManager = new CFNLoopMemoryManager({
    swarmId: 's',
    sqliteDbPath: join(temporaryFolder(), 'loop.db'),
  });
  await cfnMemoryManager.initialize();
  await cfnMemoryManager.shutdown();
  const one = new BlockingCoordinationManager({ coordinatorId: 'one', cfnMemoryManager });
  await expect(one.initialize()).rejects.toMatchObject({ code: 'CLOSED' });
  expect(() => cfnMemoryManager.session()).toThrow('not initialized');
});

it('counts iterations and forgets what it processed', () => {
  const one = coordinatorOn(join(temporaryFolder(), 'loop.db'), 'one');
  expect([one.incrementIteration(), one.incrementIteration(), one.getCurrentIteration()]).toEqual([1, 2, 2]);
  one.resetIteration();
  one.clearProcessedSignals();
  expect(one.getCurrentIteration()).toBe(0);
});

it('gives up on a signal after its retries [SG-x1]', async () => {
  const stranger = coordinatorOn(join(temporaryFolder(), 'loop.db'), 'stranger');
  expect(await stranger.retryFailedSignal(signalTo('one'), 0)).toBeNull();
  expect(await stranger.retryFailedSignal(signalTo('one'), 1)).toBeNull();
});

async function signalsAt(dbPath: string): Promise<BlockingCoordinationSignals> {
  const signals = new BlockingCoordinationSignals({ dbPath });
  await signals.connect();
  open.push({ shutdown: () => signals.disconnect() });
  return signals;
}

it('keeps every signal until it is deleted, the latest first in sight [CF-R36]', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const signals = await signalsAt(path);
  const none = { signal: null, exists: false, key: 'blocking:signal:b' };
  expect(await signals.receiveSignal('b')).toEqual(none);
  expect(await signals.getSignalTTL('b')).toBe(-2);
  const first = await signals.sendSignal('a', 'b', SignalType.COMPLETION, 1, { files: ['x.ts'] });
  expect(first).toMatchObject({ success: true, isDuplicate: false, key: 'blocking:signal:b' });
  await signals.sendSignal('c', 'b', SignalType.ERROR, 1);
  expect((await signals.receiveSignal('b')).signal).toMatchObject({ senderId: 'c', type: 'error' });
  expect((await signals.receiveAll('b')).map(({ senderId }) => senderId)).toEqual(['a', 'c']);
  expect(await signals.getSignalTTL('b')).toBeGreaterThan(86_000);
  expect(await signals.deleteSignal('b')).toBe(true);
  const { signal } = await signals.receiveSignal('b');
  expect(signal).toEqual({
    messageId: first.messageId,
    senderId: 'a',
    receiverId: 'b',
    type: 'completion',
    iteration: 1,
    payload: { files: ['x.ts'] },
    timestamp: first.timestamp,
  });
  expect([await signals.deleteSignal('b'), await signals.deleteSignal('b')]).toEqual([true, false]);
  expect(await signals.signalExists('b')).toBe(false);
  expect(existsSync(path)).toBe(true);
});

it('sends the same signal once, by what it says [CF-R37]', async () => {
  const path = join(temporaryFolder(), 'loop.db');
  const [here, there] = [await signalsAt(path), await signalsAt(path)];
  const sent = await Promise.all(
    [here, there].map((signals) => signals.sendSignal('a', 'b', SignalType.HEARTBEAT, 3, { n: 1 })),
  );
  expect(sent.map(({ isDuplicate }) => isDuplicate).sort()).toEqual([false, true]);
  expect(sent[0]!.messageId).toBe(sent[1]!.messageId);
  const other = await here.sendSignal('a', 'b', SignalType.HEARTBEAT, 4, { n: 1 });
  expect(other.isDuplicate).toBe(false);
  expect(await here.receiveAll('b')).toHaveLength(2);
});

it('says what is wrong with an id, and that it is not connected', async () => {
  const signals = new BlockingCoordinationSignals({ dbPath: join(temporaryFolder(), 'loop.db') });
  await expect(signals.receiveSignal('b')).rejects.toThrow(
    'Redis client not connected. Call connect() first.',
  );
  await signals.connect();
  open.push({ shutdown: () => signals.disconnect() });
  await expect(signals.sendSignal('', 'b', SignalType.ERROR, 0)).rejects.toThrow(
    'senderId must be a non-empty string',
  );
  await expect(signals.sendSignal('a', 'b'.repeat(65), SignalType.ERROR, 0)).rejects.toThrow(
    'receiverId exceeds maximum length of 64 characters (got 65)',
  );
  await expect(signals.sendSignal('a', 'a', SignalType.ERROR, 0)).rejects.toThrow('Signal delivery failed: ');
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  await expect(signals.sendSignal('a', 'b', SignalType.ERROR, 0, cyclic)).rejects.toThrow(
    'Signal delivery failed: ',
  );
  expect(signals.getStatistics()).toMatchObject({ signalsSent: 0, errors: 2 });
});
