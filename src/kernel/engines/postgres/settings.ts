import { RookeryError } from '../../errors.ts';
import type { Session } from './connection.ts';

export type Durability = 'full' | 'relaxed';

interface Setting {
  readonly name: string;
  /** Set for the session; absent where only the server's administrator can. */
  readonly set?: string;
  /** What reading it must answer. */
  readonly expect?: string;
  readonly why: string;
}

export interface SettingsOptions {
  readonly schema: string;
  readonly durability?: Durability;
  readonly durable?: boolean;
}

/** Every setting that durability rests on, and limits that keep a stuck process from holding up the others. */
export function settings({
  schema,
  durability = 'full',
  durable = true,
}: SettingsOptions): readonly Setting[] {
  const commit = durability === 'full' ? 'on' : 'off';
  const path = `"${schema}"`;
  return [
    { name: 'search_path', set: path, expect: path, why: 'tables of this store only' },
    { name: 'synchronous_commit', set: commit, expect: commit, why: 'acknowledged means on disk' },
    { name: 'fsync', ...(durable && { expect: 'on' }), why: 'without it, a power cut destroys the database' },
    { name: 'full_page_writes', expect: 'on', why: 'a page half written is repaired' },
    { name: 'server_encoding', expect: 'UTF8', why: 'every text can be stored' },
    {
      name: 'TimeZone',
      set: 'UTC',
      expect: 'UTC',
      why: 'times that the server writes are UTC on every engine',
    },
    { name: 'lock_timeout', set: '30s', why: 'a project locked by a stuck process is given up on' },
    { name: 'statement_timeout', set: '60s', why: 'nothing runs for ever' },
    {
      name: 'idle_in_transaction_session_timeout',
      set: '15s',
      why: 'a process that was stopped in the middle of a commit lets the others go on',
    },
    { name: 'jit', set: 'off', why: 'compiling takes longer than any of these statements' },
  ];
}

/** Longer than `statement_timeout`: past this the server is taken to be gone. */
export const answerDeadlineMs = 75_000;

/** Applies all settings and refuses the server when one does not hold. */
export async function applySettings(session: Session, wanted: readonly Setting[]): Promise<void> {
  const toSet = wanted.filter(({ set }) => set !== undefined);
  const calls = toSet.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, false)`).join(', ');
  await session.query(
    `SELECT ${calls}`,
    toSet.flatMap(({ name, set }) => [name, set!]),
  );
  const actual = await readSettings(session, wanted);
  for (const { name, expect, why } of wanted) {
    if (expect === undefined || actual[name] === expect) continue;
    throw new RookeryError(
      'STORAGE_MISCONFIGURED',
      `the server's ${name} is ${actual[name]}, not ${expect} (${why})`,
      { setting: name, expected: expect, actual: actual[name] },
    );
  }
}

export async function readSettings(
  session: Session,
  wanted: readonly Setting[],
): Promise<Record<string, string>> {
  const columns = wanted.map((_, i) => `current_setting($${i + 1}) AS s${i}`).join(', ');
  const { rows } = await session.query(
    `SELECT ${columns}`,
    wanted.map(({ name }) => name),
  );
  return Object.fromEntries(wanted.map(({ name }, i) => [name, String(rows[0]![`s${i}`])]));
}

const oldestVersion = 150_000;

/** The versions this was tested on start at 15. */
export async function checkVersion(session: Session): Promise<void> {
  const { rows } = await session.query(
    "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number",
  );
  const { version, number } = rows[0]!;
  if (Number(number) >= oldestVersion) return;
  throw new RookeryError('STORAGE_MISCONFIGURED', `Postgres ${version} is too old: 15 or newer is needed`, {
    version,
  });
}
