import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { verify } from '../../src/domains/audit/operations.ts';
import {
  closeDatabase,
  cursorOps,
  eventOps,
  getAdapter,
  initializeDatabase,
  lockOps,
  mailboxOps,
} from '../../src/doors/squawk/index.ts';
import { temporaryFolder } from '../support/processes.ts';

let path: string;

beforeEach(() => {
  path = join(temporaryFolder(), 'new', 'folder', 'squawk.db');
});
afterEach(closeDatabase);

const old = '2025-01-01T00:00:00.000Z';
const legacy = {
  mailboxes: { 'stream-1': { id: 'stream-1', created_at: old, updated_at: '2025-01-02T00:00:00.000Z' } },
  events: {
    'stream-1': [
      { id: 'evt-1', type: 'TaskStarted', data: '{"task_id":"t"}', occurred_at: old, metadata: null },
      { id: 'evt-2', type: 'TaskCompleted', data: { done: true }, occurred_at: old, causation_id: 'evt-1' },
    ],
  },
  cursors: { 'stream-1_cursor': { stream_id: 'stream-1', position: 2, created_at: old, updated_at: old } },
  locks: {
    'lock-over': { file: '/b', reserved_by: 'spec-b', reserved_at: old, released_at: null, timeout_ms: 1000 },
    'lock-free': { file: '/c', reserved_by: 'spec-b', reserved_at: old, released_at: old, timeout_ms: 1000 },
    'lock-kept': { file: '/a', reserved_by: 'spec-a', reserved_at: old, timeout_ms: null, purpose: 'delete' },
  },
};

function leaveLegacy(content: unknown): string {
  mkdirSync(dirname(path), { recursive: true });
  const file = join(dirname(path), 'squawk.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

it('takes over a legacy file with its ids and times [SQ-R03]', async () => {
  const file = leaveLegacy(legacy);
  await initializeDatabase(path);
  expect(await mailboxOps.getAll()).toEqual([legacy.mailboxes['stream-1']]);
  expect(await eventOps.getByMailbox('stream-1')).toMatchObject([
    { sequence_number: 1, id: 'evt-1', data: { task_id: 't' }, occurred_at: old, metadata: {} },
    { sequence_number: 2, id: 'evt-2', data: { done: true }, causation_id: 'evt-1' },
  ]);
  expect(await cursorOps.getByStream('stream-1')).toMatchObject({ position: 2, created_at: old });
  expect(await lockOps.getById('lock-over')).toMatchObject({
    status: 'expired',
    reserved_at: old,
    released_at: '2025-01-01T00:00:01.000Z',
  });
  expect(await lockOps.getById('lock-free')).toMatchObject({ status: 'released', released_at: old });
  expect(await lockOps.getActive()).toMatchObject([
    { id: 'lock-kept', reserved_by: 'spec-a', reserved_at: old, purpose: 'delete', expires_at: null },
  ]);
  expect(await lockOps.acquire({ file: '/a', specialist_id: 'spec-c' })).toMatchObject({ conflict: true });
  expect(JSON.parse(readFileSync(`${file}.backup`, 'utf8'))).toEqual(legacy);
  expect(() => statSync(file)).toThrow();

  expect(await getAdapter().asAdministrator()(verify, {})).toMatchObject({ ok: true, findings: [] });

  // A process that ended before it could rename the file leaves it behind: it is not read twice.
  writeFileSync(file, JSON.stringify(legacy));
  await closeDatabase();
  await initializeDatabase(path);
  expect(await eventOps.getByMailbox('stream-1')).toHaveLength(2);
  expect(() => statSync(file)).toThrow();
});

it('takes over events as one list', async () => {
  leaveLegacy({
    events: [
      { stream_id: 'a', type: 'x', data: 1 },
      { mailbox_id: 'b', type: 'y', data: 2 },
    ],
  });
  await initializeDatabase(path);
  expect(await eventOps.getByMailbox('a')).toMatchObject([{ type: 'x', data: 1 }]);
  expect(await eventOps.getByMailbox('b')).toMatchObject([{ type: 'y', data: 2 }]);
});

it.each([
  ['events.stream-1.1', { events: { 'stream-1': [legacy.events['stream-1'][0], { id: 'e', data: 1 }] } }],
  ['cursors.stream-1_cursor', { cursors: { 'stream-1_cursor': { stream_id: 'stream-1', position: 3 } } }],
  [
    'locks.lock-x',
    { locks: { ...legacy.locks, 'lock-x': { ...legacy.locks['lock-kept'], reserved_by: 'x' } } },
  ],
  ['locks.lock-y', { locks: { 'lock-y': { file: '/a', reserved_at: old, timeout_ms: 1 } } }],
  ['mailboxes.m', { mailboxes: { m: 'text' } }],
])('leaves everything as it was when %s cannot be taken over [SQ-R03]', async (record, broken) => {
  const file = leaveLegacy({ ...legacy, ...broken });
  await expect(initializeDatabase(path)).rejects.toThrow(`squawk.json: ${record}: `);
  expect(() => getAdapter()).toThrow('not initialized');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...legacy, ...broken });
  rmSync(file);
  await initializeDatabase(path);
  expect(await mailboxOps.getAll()).toEqual([]);
  expect(await lockOps.getAll()).toEqual([]);
  expect(await cursorOps.getById('stream-1_cursor')).toBeNull();
});
