import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  closeDatabase,
  formatRecoveryPrompt,
  getAdapter,
  initializeDatabase,
  lockOps,
  RecoveryDetector,
  StateRestorer,
} from '../../src/doors/squawk/index.ts';
import { temporaryFolder } from '../support/processes.ts';

let path: string;

beforeEach(async () => {
  path = join(temporaryFolder(), 'squawk.db');
  await initializeDatabase(path);
});
afterEach(closeDatabase);

const copies = () => join(dirname(path), '.flightline', 'checkpoints');

async function crashed() {
  const adapter = getAdapter();
  const mission = await adapter.missions.create({
    title: 'Ship it',
    description: 'All of it',
    metadata: '{"a":1}',
  });
  const sorties = [];
  for (const title of ['one', 'two'])
    sorties.push(
      await adapter.sorties.create({
        title,
        mission_id: mission.id,
        assigned_to: 'spec-a',
        files: ['src/a.ts'],
      }),
    );
  const [first] = sorties;
  await adapter.sorties.start(first!.id, 'spec-a');
  await adapter.sorties.progress(first!.id, 70, 'nearly');
  const acquired = await lockOps.acquire({ file: 'src/a.ts', specialist_id: 'spec-a', timeout_ms: 60_000 });
  const message = await adapter.messages.send({
    mailbox_id: 'team',
    sender_id: 'spec-a',
    message_type: 'ask',
    content: { n: 1 },
  });
  const checkpoint = await adapter.checkpoints.create({
    mission_id: mission.id,
    trigger: 'compaction',
    created_by: 'spec-a',
  });
  return { adapter, mission, sorties, first: first!, lock: acquired.lock!, message, checkpoint };
}

it('has missions, sorties, messages and checkpoints as functions, which outlive a restart [SQ-R26]', async () => {
  const { mission, first, message, checkpoint } = await crashed();
  await closeDatabase();
  await initializeDatabase(path);
  const { missions, sorties, messages, checkpoints, events, getStats } = getAdapter();
  expect(await missions.getById(mission.id)).toMatchObject({
    title: 'Ship it',
    status: 'in_progress',
    metadata: { a: 1 },
    total_sorties: 2,
  });
  expect(await missions.getByStatus('in_progress')).toHaveLength(1);
  expect(await missions.getAll({ limit: 1 })).toHaveLength(1);
  expect(await missions.update(mission.id, { priority: 'critical' })).toMatchObject({ priority: 'critical' });
  expect(await missions.getById('none')).toBeNull();
  await expect(missions.complete(mission.id)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  expect(await sorties.getByMission(mission.id)).toHaveLength(2);
  expect(await sorties.getAll({ assigned_to: 'spec-a', status: 'pending' })).toHaveLength(1);
  expect(await sorties.block(first.id, { blocked_reason: 'key', blocked_by: 'ops' })).toMatchObject({
    status: 'blocked',
  });
  expect(await sorties.start(first.id, 'spec-a')).toMatchObject({ status: 'in_progress' });
  expect(await messages.getByMailbox('team')).toEqual([message]);
  expect(message).toMatchObject({
    id: expect.stringMatching(/^msg-/),
    sender_id: 'spec-a',
    message_type: 'ask',
    content: { n: 1 },
    status: 'pending',
    priority: 'normal',
  });
  expect([
    await messages.markRead(message.id),
    await messages.markAcked(message.id),
    await messages.markRead('none'),
  ]).toEqual([true, true, false]);
  expect(await messages.getPending('team')).toEqual([]);
  const threaded = await messages.create({ mailbox_id: 'team', thread_id: 't', content: 'plain words' });
  expect(await messages.getByThread('t')).toEqual([threaded]);
  expect(threaded.content).toBe('plain words');
  expect(await checkpoints.getByMission(mission.id)).toEqual([checkpoint]);
  expect(await checkpoints.getLatest(mission.id)).toEqual(checkpoint);
  expect(checkpoint.pending_messages).toMatchObject([
    { id: message.id, from: 'spec-a', to: ['team'], subject: 'ask' },
  ]);
  expect((await getStats.call(getAdapter())).total_checkpoints).toBe(1);
  const told = await events.append({
    event_type: 'fleet_detected',
    stream_type: 'fleet',
    stream_id: 'main',
    data: '{"n":1}',
  });
  expect(await events.getLatestByStream('fleet', 'main')).toEqual(told);
  expect(told).toMatchObject({ sequence_number: 1, data: { n: 1 }, mailbox_id: null });
  expect((await events.queryByStream('sortie', first.id, 1)).map(({ type }) => type)).toEqual([
    ...['sortie_started', 'sortie_progress', 'sortie_blocked', 'sortie_status_changed'],
  ]);
  await expect(
    events.append({ type: 'x', stream_type: 'odd', stream_id: 's', data: 1 }),
  ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect(await sorties.delete(first.id)).toBe(true);
  expect(await missions.delete(mission.id)).toBe(true);
  expect(await missions.delete(mission.id)).toBe(false);
});

it('finds what fell silent, brings it back, and says so in words [SQ-R27]', async () => {
  const { adapter, mission, first, lock, checkpoint } = await crashed();
  const detector = new RecoveryDetector(adapter);
  expect(await detector.checkForRecovery()).toEqual({ needed: false, candidates: [] });
  const found = await detector.checkForRecovery({ activityThresholdMs: 0 });
  expect(found).toMatchObject({
    needed: true,
    candidates: [
      {
        mission_id: mission.id,
        mission_title: 'Ship it',
        checkpoint_id: checkpoint.id,
        checkpoint_progress: 0,
      },
    ],
  });
  await adapter.sorties.update(first.id, { progress: 5, progress_notes: null });
  await lockOps.release(lock.id, 'spec-a');
  const restorer = new StateRestorer();
  const dry = await restorer.restoreFromCheckpoint(checkpoint.id, { dryRun: true });
  expect(await adapter.sorties.getById(first.id)).toMatchObject({ progress: 5 });
  expect(await lockOps.getActive()).toEqual([]);
  const real = await restorer.restoreLatest(mission.id);
  expect({ ...real, dry_run: true }).toEqual(dry);
  expect(real).toMatchObject({
    success: true,
    restored: { sorties: 2, locks: 1, messages: 1 },
    errors: [],
    warnings: [],
  });
  expect(await adapter.sorties.getById(first.id)).toMatchObject({ progress: 70, progress_notes: 'nearly' });
  expect(await lockOps.getByFile('src/a.ts')).toMatchObject({ reserved_by: 'spec-a' });
  expect(await adapter.events.queryByType('fleet_recovered')).toHaveLength(1);

  await lockOps.release((await lockOps.getByFile('src/a.ts'))!.id);
  await lockOps.acquire({ file: 'src/a.ts', specialist_id: 'spec-b' });
  const conflicting = await restorer.restoreFromCheckpoint(checkpoint.id);
  expect(conflicting).toMatchObject({ success: true, restored: { locks: 0 } });
  const prompt = restorer.formatRecoveryPrompt(conflicting);
  expect(prompt).toBe(formatRecoveryPrompt(conflicting));
  expect(prompt).toMatch(
    /^# Mission Recovery Context\n\n## Mission Summary\n\nShip it: 0 of 2 sorties completed/,
  );
  for (const title of [
    'Last Action',
    'Time Context',
    'Next Steps',
    'Files Modified',
    'Blockers',
    'Restoration Summary',
    'Warnings',
  ])
    expect(prompt).toContain(`\n## ${title}\n`);
  expect(prompt).toContain('- Lock conflict on src/a.ts (held by spec-b)');
  expect(prompt).not.toContain('## Errors');
  expect(await restorer.restoreFromCheckpoint(checkpoint.id, { forceLocks: true })).toMatchObject({
    restored: { locks: 1 },
  });
  expect(await lockOps.getByFile('src/a.ts')).toMatchObject({ reserved_by: 'spec-a' });

  expect(await restorer.restoreFromCheckpoint('chk-none')).toMatchObject({
    success: false,
    errors: ['Checkpoint not found: chk-none'],
  });
  const nothing = await restorer.restoreLatest('msn-none');
  expect(nothing.errors).toEqual(['No checkpoints found for mission: msn-none']);
  expect(formatRecoveryPrompt(nothing)).toContain('## Errors');
});

it('keeps copies of checkpoints that bring back a lost row, and never one that was removed [SQ-R29]', async () => {
  const { adapter, mission, checkpoint } = await crashed();
  const folder = join(copies(), mission.id);
  const file = join(folder, `${checkpoint.id}.json`);
  expect(readdirSync(folder).sort()).toEqual([`${checkpoint.id}.json`, 'latest.json']);
  for (const name of [file, join(folder, 'latest.json')]) expect(statSync(name).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(checkpoint);

  adapter.db.prepare('DELETE FROM checkpoints WHERE id = ?').run(checkpoint.id);
  expect(await adapter.checkpoints.getById(checkpoint.id)).toEqual(checkpoint);
  expect(await adapter.checkpoints.getLatest(mission.id)).toEqual(checkpoint);
  expect(await new StateRestorer(adapter).restoreFromCheckpoint(checkpoint.id)).toMatchObject({
    success: true,
  });
  expect(await adapter.checkpoints.getByMission(mission.id)).toMatchObject([
    { id: checkpoint.id, consumed_at: expect.any(String) },
  ]);
  expect(JSON.parse(readFileSync(file, 'utf8')).consumed_at).not.toBeNull();

  adapter.db.prepare('DELETE FROM checkpoints WHERE id = ?').run(checkpoint.id);
  writeFileSync(file, '{"id": "half');
  expect(await adapter.checkpoints.getById(checkpoint.id)).toBeNull();
  writeFileSync(file, JSON.stringify({ ...checkpoint, id: 'chk-other' }));
  expect(await adapter.checkpoints.getById(checkpoint.id)).toBeNull();
  writeFileSync(file, JSON.stringify(checkpoint));
  const older = await adapter.checkpoints.recover({ id: checkpoint.id });
  expect(older).toMatchObject({ success: true });

  const next = await adapter.checkpoints.create({ mission_id: mission.id });
  expect(JSON.parse(readFileSync(join(folder, 'latest.json'), 'utf8')).id).toBe(next.id);
  const kept = readFileSync(join(folder, `${next.id}.json`));
  expect(await adapter.checkpoints.delete(next.id)).toBe(true);
  expect(JSON.parse(readFileSync(join(folder, 'latest.json'), 'utf8')).id).toBe(checkpoint.id);
  writeFileSync(join(folder, `${next.id}.json`), kept);
  expect(await adapter.checkpoints.getById(next.id)).toBeNull();
  expect(await adapter.checkpoints.prune({ keep_per_mission: 0, older_than_days: 0 })).toMatchObject({
    deleted: expect.any(Number),
  });
});

it('builds no path from an id that somebody made up [SQ-R29]', async () => {
  const { adapter, checkpoint } = await crashed();
  const outside = join(dirname(path), 'outside.json');
  writeFileSync(outside, JSON.stringify(checkpoint));
  mkdirSync(join(copies(), 'msn-x'), { recursive: true });
  for (const id of [
    '../../../outside',
    '../outside',
    '/etc/passwd',
    '..%2f..',
    'chk-a/../../x',
    `${checkpoint.id}\u0000`,
  ]) {
    expect(await adapter.checkpoints.getById(id).catch((error: { code: string }) => error.code)).toSatisfy(
      (answer) => answer === null || answer === 'INVALID_INPUT',
    );
    expect(await adapter.checkpoints.getLatest(id).catch((error: { code: string }) => error.code)).toSatisfy(
      (answer) => answer === null || answer === 'INVALID_INPUT',
    );
    expect(await adapter.checkpoints.delete(id).catch(() => false)).toBe(false);
  }
  expect(existsSync(outside)).toBe(true);
});

it('keeps no copies where that is not wanted', async () => {
  await closeDatabase();
  path = join(temporaryFolder(), 'other.db');
  await initializeDatabase(path, { flightline: false });
  await crashed();
  expect(existsSync(join(dirname(path), '.flightline'))).toBe(false);
});
