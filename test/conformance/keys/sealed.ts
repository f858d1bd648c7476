import { expect, it } from 'vitest';
import { ReadContext } from '../../../src/kernel/context.ts';
import { keyIdOf } from '../../../src/kernel/vault/envelope.ts';
import { beginningOf, type SealedTable } from '../../../src/kernel/vault/sealed.ts';
import { scanSealed, sealedRow } from '../../../src/kernel/vault/sealed-statements.ts';
import type { Rookery } from '../../../src/rookery.ts';
import { sealedTables } from '../../../src/sealed.ts';
import type { Harness } from '../../engines/index.ts';
import { agreement, report, ruling } from '../../support/loop.ts';
import { select } from '../../support/statements.ts';

/** Columns of bytes that hold no contents. */
const noContents = new Set([
  ...['keys.wrapped', 'keys.commitment', 'tokens.secret_hash', 'ledger_heads.frontier'],
  ...['ledger_heads.mac', 'audit_log.leaf', 'ledger_tiles.hash', 'ledger_checkpoints.root'],
]);

async function columnsOfBytes(rookery: Rookery, engine: Harness['engine']): Promise<string[]> {
  const rows = await select<{ place: string }>(
    rookery,
    engine === 'sqlite'
      ? `SELECT m.name || '.' || c.name AS place FROM sqlite_master m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND c.type = 'BLOB'`
      : `SELECT table_name || '.' || column_name AS place FROM information_schema.columns
         WHERE table_schema = current_schema() AND data_type = 'bytea'`,
  );
  return rows.map(({ place }) => place).filter((place) => !noContents.has(place));
}

/** The texts of all envelopes of a table, opened as rotation would. */
async function openAll(rookery: Rookery, table: SealedTable): Promise<string[]> {
  const { store, principal } = rookery;
  const call = { principal, operation: 'test', risk: 'low' as const };
  const context = new ReadContext(call, store.now('default'), store.services);
  return await store.engine.read(function* () {
    const texts: string[] = [];
    for (const row of yield* scanSealed('default', table, beginningOf(table), 1000)) {
      const key = Object.keys(table.key).map((name) => row[name]!);
      const { envelope, ...columns } = (yield* sealedRow('default', table, key))!;
      if (envelope === null || keyIdOf(envelope) === undefined) continue;
      expect(Buffer.from(row.mark!)).toEqual(Buffer.from(keyIdOf(envelope)!));
      texts.push(yield* context.open({ value: null, sealed: envelope }, table.binding(columns)));
    }
    return texts;
  });
}

/** Something sealed in every table there was when this was written. */
export async function fillTables(rookery: Rookery): Promise<void> {
  const ada = rookery.as('ada');
  await ada.memory.set({ key: 'k', value: 'first', level: 'private' }, { idempotencyKey: 'once' });
  await ada.memory.set({ key: 'k', value: 'second', level: 'private' });
  await ada.memory.set({ key: 'large', value: 'again '.repeat(1000), level: 'private' });
  await ada.memory.set({ key: 'open', value: 'open '.repeat(1000) });
  await ada.loop.reportConfidence(report);
  await ada.loop.recordConsensus({ ...agreement, encrypt: true });
  await rookery.roles.grant({ agent: 'cy', role: 'product-owner', swarm: 'default' });
  await rookery.as('cy').loop.decide(ruling);
  await rookery.as('bob').mail.append({ stream: 'inbox/ada', events: [{ type: 'note', data: 'to ada' }] });
  const place = { stream: 'inbox/ada', group: 'g' };
  const received = await ada.mail.receive({ ...place, maxDeliveries: 1 });
  await ada.mail.nak({
    ...place,
    deliveries: received!.deliveries.map(({ deliveryId }) => deliveryId),
    reason: 'no',
  });
  const asked = { type: 't', targets: ['bob'], payload: 'sent' };
  const { id: signal } = await ada.signals.send(asked);
  await rookery.as('bob').signals.acknowledge({ signal, signature: 'signed' });
  await ada.fleet.leaveNotes({ notes: 'left' });
  const target = { type: 'task', id: 'x' } as const;
  const { id: proposal } = await ada.votes.propose({ title: 'put', target, level: 'private' });
  await ada.votes.cast({ proposal, choice: 'accept', reason: 'said' });
}

export function sealedTableCases(harness: Harness): void {
  it('lists every column of envelopes, and opens what is in it', async () => {
    const rookery = await harness.open();
    await fillTables(rookery);
    const listed = sealedTables.map(({ table, column }) => `${table}.${column}`);
    expect(listed.sort()).toEqual((await columnsOfBytes(rookery, harness.engine)).sort());
    const found = new Map<string, string[]>();
    for (const table of sealedTables) found.set(table.table, await openAll(rookery, table));
    expect(found.get('memory')!.length).toBe(2);
    expect(found.get('memory_history')).toEqual(['"first"']);
    expect(found.get('events')).toEqual([`"to ada"\n{}`]);
    expect(found.get('mail_deliveries')).toEqual(['no']);
    expect(found.get('idempotency')!.length).toBe(1);
    expect(found.get('signals')).toEqual(['"sent"']);
    expect(found.get('signal_targets')).toEqual([expect.stringContaining('signed')]);
    expect(found.get('proposals')).toEqual([expect.stringContaining('put')]);
    expect(found.get('ballots')).toEqual([expect.stringContaining('said')]);
    expect(found.get('agent_notes')).toEqual(['"left"']);
    const loop = ['loop_confidences', 'loop_consensus', 'loop_votes', 'loop_decisions'];
    expect(loop.map((table) => found.get(table)!.length)).toEqual([1, 1, 2, 1]);
  });
}
