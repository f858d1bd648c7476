import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { recordEvent } from '../../../src/domains/mail/operations.ts';
import { mutation } from '../../../src/kernel/operation.ts';
import type { Rookery } from '../../../src/rookery.ts';
import type { Harness } from '../../engines/index.ts';
import { entriesOf, execute, select } from '../../support/statements.ts';
import { kindsOf } from '../../support/tampering.ts';
import { dataKeys } from './rotation.ts';

/** A private event in a stream that also has others: what some operations do beside their own work. */
const note = mutation({
  name: 'test.note',
  summary: 'Record an event',
  input: z.object({ level: z.enum(['private', 'project']), data: z.string() }),
  output: z.object({ sequence: z.int() }),
  access: 'write',
  route: null,
  run: (context, { level, data }) =>
    recordEvent(context, { streamType: 'thing', streamId: 't', type: 'noted', data, level }),
});

const secret = 'a-diagnosis-that-nobody-may-find';

async function fill(rookery: Rookery): Promise<void> {
  const ada = rookery.as('ada');
  for (const level of ['private', 'team'] as const) {
    for (const value of [secret, [secret]]) await ada.memory.set({ key: `k-${level}`, value, level });
    await ada.memory.set({ key: `${secret}-${level}`, value: 1, level });
  }
  await ada.memory.set({ key: 'gone', value: secret, level: 'private' }, { idempotencyKey: 'once' });
  await ada.memory.delete({ key: 'gone' });
  await ada.memory.set({ key: 'shared', value: 'for all' });
  await ada.memory.set({ key: 'shared', value: 'for all, again' });
  await rookery.as('bob').memory.set({ key: 'k', value: "bob's", level: 'private' });
  await rookery.as('bob').mail.append({ stream: 'inbox/ada', events: [{ type: 'note', data: secret }] });
  await ada.mail.append({ stream: 'news', events: [{ type: 'note', data: 'public' }] });
  for (const level of ['project', 'private', 'project'] as const) {
    const data = level === 'private' ? secret : 'open';
    await rookery.store.invoke(note, ada.principal, { level, data });
  }
}

/** Every row of every table, as text. */
async function rowsOf(rookery: Rookery, engine: Harness['engine']): Promise<string> {
  const tables = await select<{ name: string }>(
    rookery,
    engine === 'sqlite'
      ? "SELECT name FROM sqlite_master WHERE type = 'table'"
      : 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()',
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await select<Record<string, unknown>>(rookery, `SELECT * FROM "${name}"`);
    for (const row of rows) {
      const cells = Object.values(row).map((cell) =>
        cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : String(cell),
      );
      texts.push(cells.join('\n'));
    }
  }
  return texts.join('\n');
}

/** What the database has on disk. */
async function filesOf(rookery: Rookery): Promise<Buffer> {
  const { location } = await rookery.store.engine.describe();
  return Buffer.concat(['', '-wal', '-shm'].map((ending) => readFileSync(location + ending)));
}

async function wrappedKeys(rookery: Rookery): Promise<Buffer[]> {
  const rows = await select<{ wrapped: Uint8Array }>(
    rookery,
    "SELECT wrapped FROM keys WHERE scope IN ('private:ada', 'solo:ada')",
  );
  return rows.map(({ wrapped }) => Buffer.from(wrapped));
}

export function erasureCases(harness: Harness): void {
  it('erases an agent: keys, records and history, with a receipt, and the audit verifies [A8]', async () => {
    const rookery = await harness.open();
    await fill(rookery);
    const other = await harness.again();
    const ada = other.as('ada');
    expect((await ada.memory.get({ key: 'k-private' }))?.value).toEqual([secret]);
    const keys = await wrappedKeys(rookery);
    expect(keys).toHaveLength(2);
    const receipt = (await rookery.keys.erase({ agent: 'ada', reason: 'asked to' }))!;
    expect(receipt).toMatchObject({ state: 'done', keys: 2, requestedBy: 'local' });
    expect(receipt.records).toMatchObject({ memory: 8, mail: 3, answers: 1 });
    expect(receipt.remains.join()).toMatch(/backups.*names in clear.*owned/);

    expect(await wrappedKeys(rookery)).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
    const rows = await rowsOf(rookery, harness.engine);
    for (const trace of [secret, ...keys.map((key) => key.toString('hex'))])
      expect(rows).not.toContain(trace);
    for (const level of ['private', 'team'] as const) {
      const key = `k-${level}`;
      expect(await ada.memory.get({ key })).toBeNull();
      expect((await ada.memory.history({ key, level }))?.revisions ?? []).toEqual([]);
    }
    expect(await ada.mail.read({ stream: 'inbox/ada' })).toBeNull();
    expect((await ada.memory.get({ key: 'shared' }))?.value).toBe('for all, again');
    expect((await other.as('bob').memory.get({ key: 'k' }))?.value).toBe("bob's");
    const { events } = await ada.mail.eventsOf({ streamType: 'thing', streamId: 't' });
    expect(events.map(({ data }) => data)).toEqual(['open', { erased: true }, 'open']);
    expect((await rookery.audit.verify()).findings).toEqual([]);

    // The ledger tells of it, in counts, and what comes after starts anew.
    const told = (await entriesOf(rookery)).filter(
      ({ op, facts }) => op === 'keys.erase' && facts?.['scope'],
    );
    expect(told.map(({ scope }) => scope)).toEqual(['private:ada', 'solo:ada']);
    expect(told.at(-1)!.seq).toBe(receipt.seq);
    await ada.memory.set({ key: 'k-private', value: 'anew', level: 'private' });
    await other.as('bob').mail.append({ stream: 'inbox/ada', events: [{ type: 'note', data: 'anew' }] });
    expect((await rookery.as('ada').memory.get({ key: 'k-private' }))?.value).toBe('anew');
    expect((await rookery.audit.verify()).findings).toEqual([]);
    expect((await dataKeys(rookery, 'private:ada')).map(({ state }) => state).sort()).toEqual([
      'destroyed',
      'primary',
    ]);
    expect(await rookery.keys.erase({ agent: 'nobody' })).toBeNull();
    await expect(ada.keys.erase({ agent: 'bob' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('erases on request what the agent owns elsewhere too, each thing with an entry of its own', async () => {
    const rookery = await harness.open();
    await fill(rookery);
    const word = 'what-the-fleet-knows';
    const [ada, metadata] = [rookery.as('ada'), { word }];
    await ada.fleet.reportError({ message: word });
    await ada.fleet.update({ id: 'ada', metadata });
    await ada.specialists.register({ id: 'ada', name: 'ada', metadata });
    await ada.coordinators.heartbeat({ id: 'post', metadata });
    await ada.coordinators.assign({ id: 'post', item: 'i', payload: word });
    const { id: missionId } = await ada.missions.create({ title: word });
    const { sortie } = await ada.sorties.create({ title: word, missionId, assignedTo: 'ada' });
    await ada.sorties.start({ id: sortie.id });
    await ada.sorties.block({ id: sortie.id, reason: word });
    await ada.checkpoints.create({ missionId, trigger: 'manual', triggerDetails: word });
    const receipt = await rookery.keys.erase({ agent: 'ada', owned: true });
    expect(await rowsOf(rookery, harness.engine)).not.toContain(word);
    expect((await ada.fleet.spawn({ id: 'ada' })).id).toBe('ada');
    expect((await ada.fleet.lifecycle({ agent: 'ada' })).events).toMatchObject([{ type: 'spawn' }]);
    expect(receipt!.remains.join()).not.toContain('owned');
    expect(await rookery.memory.get({ key: 'shared' })).toBeNull();
    expect(await rookery.mail.read({ stream: 'news' })).toBeNull();
    expect(await select(rookery, "SELECT key FROM memory_history WHERE key = 'shared'")).toEqual([]);
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await rookery.as('bob').memory.set({ key: 'shared', value: "bob's now" });
    await rookery.as('bob').mail.append({ stream: 'news', events: [{ type: 'note', data: 1 }] });
    expect((await rookery.audit.verify()).findings).toEqual([]);
  });

  it('does not take for an erasure what somebody removed by plain SQL [A8 sabotage]', async () => {
    const rookery = await harness.open();
    await fill(rookery);
    for (const table of ['memory', 'memory_history'])
      await execute(rookery, `DELETE FROM ${table} WHERE scope IN ('private:ada', 'solo:ada')`);
    await execute(rookery, "DELETE FROM mailboxes WHERE id = 'inbox/ada'");
    await execute(
      rookery,
      `UPDATE events SET type = 'erased', data = '{"erased":true}', sealed = NULL WHERE scope = 'private:ada'`,
    );
    const { findings } = await rookery.audit.verify();
    expect(kindsOf({ findings })).toEqual(['state-changed', 'state-missing']);
    expect(findings.map(({ message }) => message)).toContain('erased, and no entry tells of it');
    // The entry of an erasure excuses what is older than itself, and nothing newer.
    await rookery.keys.erase({ agent: 'ada' });
    expect((await rookery.audit.verify()).findings).toEqual([]);
    await rookery.as('ada').memory.set({ key: 'later', value: 1, level: 'private' });
    await execute(rookery, "DELETE FROM memory WHERE key = 'later'");
    expect(kindsOf(await rookery.audit.verify())).toEqual(['state-missing']);
    // Nor does another agent's.
    await execute(rookery, "DELETE FROM memory WHERE scope = 'private:bob'");
    expect((await rookery.audit.verify()).findings).toHaveLength(2);
  });

  if (harness.engine !== 'sqlite') return;

  it('leaves no trace in database, log and later backups, and a pending receipt until then [A8]', async () => {
    const rookery = await harness.open();
    await fill(rookery);
    const traces = [...(await wrappedKeys(rookery)), Buffer.from(secret)];
    const other = await harness.again();
    // A reader of another process keeps the log.
    const { database } = other.store.engine as unknown as { database: { exec(sql: string): void } };
    database.exec('BEGIN; SELECT count(*) FROM memory');
    expect(await rookery.keys.erase({ agent: 'ada', waitMs: 100 })).toMatchObject({ state: 'pending' });
    expect((await rookery.keys.status()).erasures).toMatchObject([{ state: 'pending', finishedAt: null }]);
    const during = await filesOf(rookery);
    expect(traces.some((trace) => during.includes(trace))).toBe(true);
    database.exec('COMMIT');
    const { erasures } = await rookery.keys.status({ waitMs: 10_000 });
    expect(erasures).toMatchObject([{ state: 'done' }]);
    const { location } = await rookery.store.engine.describe();
    const copy = `${location}.backup`;
    await rookery.store.backup(copy);
    for (const bytes of [await filesOf(rookery), readFileSync(copy)])
      for (const trace of traces) expect(bytes.includes(trace)).toBe(false);
    expect((await rookery.audit.verify()).findings).toEqual([]);
  });

  it.each([
    ['if the log were left alone', 'checkpoint'],
    ['if freed bytes were not overwritten', 'secure_delete'],
  ])('would leave traces, %s [A8 sabotage]', async (_, way) => {
    const rookery = await harness.open();
    const { engine } = rookery.store;
    const { database } = engine as unknown as { database: { exec(sql: string): void } };
    if (way === 'secure_delete') database.exec('PRAGMA secure_delete = OFF');
    else engine.scrub = async () => true;
    await fill(rookery);
    const traces = [...(await wrappedKeys(rookery)), Buffer.from(secret)];
    await rookery.keys.erase({ agent: 'ada' });
    const bytes = await filesOf(rookery);
    expect(traces.some((trace) => bytes.includes(trace))).toBe(true);
  });
}
