import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startServer } from '../../src/doors/http/server.ts';
import { ensureAdminToken } from '../../src/kernel/access/tokens.ts';
import { driveSync } from '../../src/kernel/work.ts';
import { openRookery, type Rookery } from '../../src/rookery.ts';
import { required } from '../engines/services.ts';
import { canMount, fill, smallDisk } from '../support/disk.ts';
import { openWith } from '../support/engine.ts';
import { memory, temporaryFolder } from '../support/processes.ts';
import { callsOf, canTrace, intercepted } from '../support/strace.ts';
import { stateAfter, stateOf, steps } from './scenario.ts';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close();
});

/** Text that does not get smaller than 4,000 bytes. */
const noise = () => randomBytes(4000).toString('hex');

/** Values until the disk is full; answers the keys of those that were acknowledged. */
async function writeUntilFull({ memory }: Rookery): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let n = 0; n < 1000; n++) {
    const keys = Array.from({ length: 8 }, (_, i) => `k${n * 8 + i}`);
    const writes = keys.map((key) => memory.set({ key, value: `${key} ${noise()}` }));
    const outcomes = await Promise.allSettled(writes);
    acknowledged.push(...keys.filter((_, i) => outcomes[i]!.status === 'fulfilled'));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'STORAGE_FULL' });
    if (refused.length > 0) return acknowledged;
  }
  throw new Error('the disk did not get full');
}

/** A commit that failed leaves room in the log for smaller ones: uses that up with the smallest there are, denials. */
async function drain(rookery: Rookery): Promise<void> {
  const { memory } = rookery.as('owner');
  for (let n = 0; n < 1000; n++) {
    const denied = memory.get({ key: `k${n}`, level: 'private', audience: 'somebody-else' });
    if (
      await denied.then(
        () => false,
        ({ code }) => code === 'STORAGE_FULL',
      )
    )
      return;
  }
  throw new Error('the log did not get full');
}

async function lost({ memory }: Rookery, keys: readonly string[]): Promise<string[]> {
  const found = await Promise.all(keys.map(async (key) => ({ key, item: await memory.get({ key }) })));
  return found.filter(({ key, item }) => !String(item?.value).startsWith(`${key} `)).map(({ key }) => key);
}

const full = { code: 'STORAGE_FULL', retryable: true };

describe('a full disk', () => {
  if (!canMount()) {
    const why = 'only root can mount a small disk';
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
    return;
  }

  /** A store on a disk without a free byte, and what makes room on it. */
  async function fullStore(open = (path: string) => openRookery({ path })) {
    const disk = smallDisk(6);
    const path = join(disk, 'data');
    const ballast = fill(disk, 'ballast', 1024 * 1024);
    const rookery = await open(path);
    running.push(rookery);
    await rookery.as('owner').memory.set({ key: 'secret', value: 1, level: 'private' });
    const acknowledged = await writeUntilFull(rookery);
    fill(disk, 'rest');
    await drain(rookery);
    return { path, rookery, acknowledged, ballast };
  }

  it('refuses writes, goes on reading, loses nothing, and recovers by itself once there is room [D5]', async () => {
    const { path, rookery, acknowledged, ballast } = await fullStore();
    expect(acknowledged.length).toBeGreaterThan(100);
    const batch = Array.from({ length: 20 }, (_, n) => rookery.memory.incr({ key: `n${n}` }));
    for (const outcome of await Promise.allSettled(batch)) expect(outcome).toMatchObject({ reason: full });
    const append = rookery.mail.append({ stream: 's', events: [{ type: 'n', data: 1 }] });
    await expect(append).rejects.toMatchObject(full);
    await expect(rookery.locks.acquire({ names: ['door'] })).rejects.toMatchObject(full);
    expect(await lost(rookery, acknowledged)).toEqual([]);
    expect(await rookery.memory.get({ key: 'n0' })).toBeNull();

    ballast.release();
    expect(await rookery.memory.incr({ key: 'n0' })).toEqual({ value: 1, revision: 1 });
    expect((await rookery.locks.acquire({ names: ['door'] })).state).toBe('granted');
    expect(await lost(rookery, acknowledged)).toEqual([]);
    expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    await rookery.close();
    await using again = await openRookery({ path });
    expect(await lost(again, acknowledged)).toEqual([]);
    expect((await again.memory.get({ key: 'n0' }))?.value).toBe(1);
  });

  it('hands out nothing of which the reading cannot be recorded [A10]', async () => {
    const { rookery, ballast } = await fullStore();
    const owner = rookery.as('owner');
    for (let n = 0; n < 3; n++) {
      await expect(owner.memory.get({ key: 'secret' })).rejects.toMatchObject(full);
    }
    ballast.release();
    expect((await owner.memory.get({ key: 'secret' }))?.value).toBe(1);
    const { events } = await owner.audit.feed({ operation: 'memory.get' });
    expect(events.filter(({ decision }) => decision === 'allow')).toMatchObject([{ actor: 'owner' }]);
  });

  it('answers 507 over HTTP, and 200 again once there is room', async () => {
    let token = '';
    const { rookery, ballast, acknowledged } = await fullStore(async (path) => {
      const opened = await openRookery({ path });
      token = await ensureAdminToken(opened.store);
      return opened;
    });
    const server = await startServer({ store: rookery.store, port: 0, host: '127.0.0.1', open: false });
    running.push(server);
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const call = (method: string, key: string, body?: string) =>
      fetch(`${server.url}/api/v1/memory/default/${key}`, { method, headers, body: body ?? null });
    const refused = await call('PUT', 'k', '{"value": 1}');
    expect(refused.status).toBe(507);
    expect(await refused.json()).toMatchObject({ code: 'STORAGE_FULL', retryable: true });
    expect((await call('GET', acknowledged[0]!)).status).toBe(200);
    ballast.release();
    expect((await call('PUT', 'k', '{"value": 1}')).status).toBe(200);
  });

  it('can be closed and opened, with all that was acknowledged', async () => {
    const { path, rookery, acknowledged } = await fullStore();
    await rookery.close();
    const again = await openRookery({ path });
    expect(await lost(again, acknowledged)).toEqual([]);
    await expect(again.memory.set({ key: 'more', value: 1 })).rejects.toMatchObject(full);
    await again.close();
  });

  it('loses acknowledged writes where the error of the commit is swallowed', async () => {
    const swallowing = (path: string) =>
      openWith(path, (work, { db, execute }) => {
        db.exec('BEGIN IMMEDIATE');
        const value = driveSync(work(), execute);
        try {
          db.exec('COMMIT');
        } catch {
          if (db.isTransaction) db.exec('ROLLBACK');
        }
        return value;
      });
    const rookery = await swallowing(join(smallDisk(3), 'data'));
    running.push(rookery);
    const keys = Array.from({ length: 1000 }, (_, n) => `k${n}`);
    const writes = keys.map((key) => rookery.memory.set({ key, value: `${key} ${noise()}` }));
    const outcomes = await Promise.allSettled(writes);
    const acknowledged = keys.filter((_, i) => outcomes[i]!.status === 'fulfilled');
    expect(await lost(rookery, acknowledged)).not.toEqual([]);
  });
});

describe('a disk that fails', () => {
  if (!canTrace()) {
    const why = 'strace is not installed, or may not be used here';
    it.skipIf(!required)(`not run: ${why}`, () => expect.fail(why));
    return;
  }

  it.each(['fsync', 'pwrite64'])(
    'makes the outcome of one commit unknown, in %s, and of no other [D5]',
    async (name) => {
      const child = 'test/faults/children/scenario.ts';
      const written = steps.length - 3;
      const calls = await callsOf([name], child, [temporaryFolder(memory), 'right']);
      const call = calls.findLast(({ printed }) => printed === written)!;
      const path = temporaryFolder(memory);
      const { lines } = await intercepted({ call, by: 'error=EIO' }, child, [path, 'right']);
      const expected = steps.map((_, step) => (step === written ? 'OUTCOME_UNKNOWN' : 'done'));
      expect(lines).toEqual(expected);
      await using rookery = await openRookery({ path });
      const state = await stateOf(rookery);
      expect([2, 10]).toContain(state['a']);
      expect({ ...state, a: 10 }).toEqual(stateAfter(steps.length));
      expect(await rookery.audit.verify()).toMatchObject({ ok: true, findings: [] });
    },
  );
});
