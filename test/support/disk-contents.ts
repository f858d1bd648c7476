import { readFileSync } from 'node:fs';
import type { Rookery } from '../../src/rookery.ts';
import type { Harness } from '../engines/index.ts';
import { select } from './statements.ts';

/** All that the store has on disk, as bytes: the files, or every row of every table. */
export async function everything(rookery: Rookery, engine: Harness['engine']): Promise<Buffer> {
  if (engine === 'sqlite') {
    const { location } = await rookery.store.engine.describe();
    return Buffer.concat([readFileSync(location), readFileSync(`${location}-wal`)]);
  }
  const tables = await select<{ name: string }>(
    rookery,
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()',
  );
  const dumps: string[] = [];
  for (const { name } of tables) {
    const rows = await select<{ row: string }>(
      rookery,
      `SELECT t::text || coalesce(encode(convert_to(t::text, 'UTF8'), 'hex'), '') AS row FROM "${name}" t`,
    );
    dumps.push(...rows.map(({ row }) => row));
  }
  return Buffer.from(dumps.join('\n'));
}
