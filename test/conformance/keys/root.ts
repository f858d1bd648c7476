import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { rootKeyName } from '../../../src/folder.ts';
import { type Harness, masterKey } from '../../engines/index.ts';
import { select } from '../../support/statements.ts';

const next = Buffer.alloc(32, 'the root key that follows it');

export function rootCases(harness: Harness): void {
  const input = harness.engine === 'sqlite' ? {} : { masterKey: next.toString('base64') };
  const options = harness.engine === 'sqlite' ? {} : { masterKey: next };

  it('replaces the root key while another process works, and refuses the old one afterwards', async () => {
    const rookery = await harness.open();
    const other = await harness.again();
    const ada = other.as('ada');
    await ada.memory.set({ key: 'k', value: 'kept', level: 'private' });
    const { note } = await rookery.audit.checkpoint();
    const { verifierKey } = await rookery.audit.key();
    const folder =
      harness.engine === 'sqlite' ? dirname((await rookery.store.engine.describe()).location) : undefined;
    const keyFile = folder && join(folder, rootKeyName);
    const old = keyFile && readFileSync(keyFile, 'utf8');
    const before = await select<{ id: string }>(rookery, "SELECT id FROM keys WHERE purpose = 'wrap'");
    expect(await rookery.keys.rotate({ root: true, ...input })).toMatchObject({ root: true, rotated: [] });
    // Processes that had the store open go on, with projects they know and, where a file tells them, with new ones.
    expect((await ada.memory.get({ key: 'k' }))?.value).toBe('kept');
    await ada.memory.set({ key: 'k2', value: 'new', level: 'private' });
    const elsewhere = other.as('ada', { project: 'new-one' }).memory;
    const written = elsewhere.set({ key: 'k', value: 1, level: 'private' });
    if (harness.engine === 'sqlite') await written;
    else await expect(written).rejects.toThrow('the root key was replaced since the store was opened');

    const reopened = await harness.again(options);
    expect((await reopened.as('ada').memory.get({ key: 'k2' }))?.value).toBe('new');
    expect((await reopened.audit.key()).verifierKey).toBe(verifierKey);
    expect((await reopened.audit.verify({ checkpoint: note })).findings).toEqual([]);
    await expect(harness.again({ masterKey })).rejects.toMatchObject({ code: 'WRONG_KEY' });
    const gone = await select<{ state: string; bytes: number }>(
      rookery,
      `SELECT state, length(wrapped) AS bytes FROM keys WHERE id = '${before[0]!.id}'`,
    );
    expect(gone).toEqual([{ state: 'destroyed', bytes: 0 }]);
    if (!keyFile) return;
    expect(readFileSync(keyFile, 'utf8')).not.toBe(old);
    expect(readdirSync(folder).filter((name) => name.startsWith(`${rootKeyName}.`))).toEqual([]);
    const current = readFileSync(keyFile, 'utf8');
    writeFileSync(keyFile, old!);
    await expect(harness.again()).rejects.toMatchObject({ code: 'WRONG_KEY' });
    writeFileSync(keyFile, current);
    await rookery.keys.rotate({ root: true, all: true });
    await (await harness.again()).as('ada').memory.get({ key: 'k' });
  });

  it('asks for the new root key where the store was opened with a given one, and takes no weak one', async () => {
    const rookery = await harness.open({ masterKey });
    await rookery.memory.set({ key: 'k', value: 1 });
    await expect(rookery.keys.rotate({ root: true })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'masterKey' },
    });
    const short = rookery.keys.rotate({ root: true, masterKey: Buffer.from('hunter2').toString('base64') });
    await expect(short).rejects.toMatchObject({ code: 'WRONG_KEY', details: { lengthBytes: 7 } });
    await expect(short).rejects.toThrow(/make one with: openssl rand -base64 32/);
    await expect(harness.again({ masterKey: 'not a key!' })).rejects.toThrow(/not base64/);
    await (await harness.again({ masterKey })).memory.get({ key: 'k' });
  });
}
