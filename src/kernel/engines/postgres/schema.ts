import { RookeryError } from '../../errors.ts';
import type { Session } from './connection.ts';
import { checkVersion } from './settings.ts';

/** The same lock as in `migrations/index.ts`: whoever prepares or migrates a schema does so alone. */
const prepareLock = 1380668505;

/** Makes the store's schema where there is none; refuses one that another program filled. */
export async function prepareSchema(session: Session, schema: string): Promise<void> {
  await checkVersion(session);
  await session.query('BEGIN');
  await session.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [prepareLock, schema]);
  const { rows } = await session.query(
    `SELECT to_regnamespace($1) IS NULL AS absent,
      (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)) AS tables,
      EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($2) AND attname = 'breaking') AS ours`,
    [`"${schema}"`, `"${schema}".schema_migrations`],
  );
  const { absent, tables, ours } = rows[0]!;
  if (absent) await session.query(`CREATE SCHEMA "${schema}"`);
  await session.query('COMMIT');
  if (Number(tables) === 0 || ours) return;
  throw new RookeryError('STORE_INCOMPATIBLE', `the schema ${schema} belongs to another program`, { schema });
}
