import type { Entry } from '../../src/kernel/ledger/entry.ts';
import { change, many, script, statement } from '../../src/kernel/work.ts';
import type { Rookery } from '../../src/rookery.ts';

/** Plain SQL on the store's own engine, for tests that look beneath the operations. */
export function select<Row>(
  rookery: Rookery,
  sql: string,
  ...parameters: (string | number)[]
): Promise<Row[]> {
  const text = statement(sql);
  return rookery.store.engine.read(() => many<Row>(text, parameters));
}

export function execute(rookery: Rookery, sql: string, ...parameters: (string | number)[]): Promise<number> {
  const text = statement(sql);
  return rookery.store.engine.transact(() => change(text, parameters));
}

export function executeScript(rookery: Rookery, sql: string): Promise<void> {
  return rookery.store.engine.transact(() => script(sql));
}

export interface LedgerRow {
  readonly seq: number;
  readonly entry: string;
  readonly leaf: Uint8Array;
}

export function ledgerOf(rookery: Rookery, project = 'default'): Promise<LedgerRow[]> {
  return select(
    rookery,
    'SELECT seq, entry, leaf FROM audit_log WHERE project_id = $1 ORDER BY seq',
    project,
  );
}

export async function entriesOf(rookery: Rookery, project = 'default'): Promise<Entry[]> {
  return (await ledgerOf(rookery, project)).map(({ entry }) => JSON.parse(entry) as Entry);
}
